/** Where the adapter is that runs in development: a file for the program that sends to it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An adapter that {@link develop} runs. */
export interface Running {
  /** Such as `https://localhost:3000`. */
  readonly url: string
  /** The port of this machine from which the adapter fetches files: the one that is in its `ATTACHMENT_HOSTS`. */
  readonly filesPort: number
}

/** The adapter that `develop` runs with this folder (default `.development`), or undefined if none does. */
export function runningAdapter(folder = '.development'): Running | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as Running
  } catch {
    return undefined
  }
}

/** Says where the adapter is. Returns what ends that; it leaves what another `develop` has said since. */
export function announce(folder: string, running: Running): () => void {
  writeFileSync(join(folder, NAME), JSON.stringify(running))
  return () => {
    if (runningAdapter(folder)?.url === running.url) rmSync(join(folder, NAME), { force: true })
  }
}

const NAME = 'running.json'
