/** What a test leaves behind that ends before it stops its adapter: nothing that keeps the process, and no files. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes a folder that is removed when the process ends, if `removeFolder` has not removed it before. */
export function makeFolder(): string {
  if (folders.size === 0) process.once('exit', removeAll)
  const folder = mkdtempSync(join(tmpdir(), 'adapter-test-'))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
  if (folders.size === 0) process.off('exit', removeAll)
}

/**
 * Keeps the process for a moment after each sign of life, so that a test that waits for a retry is not ended by a runner that
 * sees nothing left to do. A test that has failed gives no sign: after its last call work alone keeps the process for half a minute.
 */
export class Liveness {
  #timer: NodeJS.Timeout | undefined
  #latest = 0

  /** The test has called the kit. */
  called(): void {
    this.#latest = Date.now() + CALLED_MILLISECONDS
    this.worked()
  }

  /** The adapter has done something. */
  worked(): void {
    clearTimeout(this.#timer)
    const left = Math.min(MOMENT_MILLISECONDS, this.#latest - Date.now())
    if (left > 0) this.#timer = setTimeout(() => {}, left)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#latest = 0
  }
}

/** More than an attempt waits for the poll of the worker. */
const MOMENT_MILLISECONDS = 2_000
const CALLED_MILLISECONDS = 30_000

const folders = new Set<string>()

function removeAll(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
