/** Notices edits of a project, and says what the compiler finds wrong with it. */
import { spawn } from 'node:child_process'
import { existsSync, watch } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve, sep } from 'node:path'
import { text } from 'node:stream/consumers'

/** Calls `changed` once after each burst of edits in the folders and of `.env`. Returns what ends that. */
export function watchEdits(project: string, folders: readonly string[], changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(changed, BURST_MILLISECONDS)
  }
  const watchers = [
    ...folders.map((folder) => watch(join(project, folder), { recursive: true }, soon)),
    watch(project, (_, name) => {
      if (name === '.env') soon()
    }),
  ]
  // A folder that is removed is an edit like others: the adapter that runs goes on.
  for (const watcher of watchers) watcher.on('error', soon)
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}

/**
 * What the project's own TypeScript finds wrong in these folders, one line for each problem. Nothing, if the project has
 * no `tsconfig.json` or no TypeScript.
 */
export async function problemsIn(project: string, folders: readonly string[]): Promise<readonly string[]> {
  const tsc = compilerOf(project)
  if (tsc === undefined) return []
  const child = spawn(process.execPath, [tsc, '--noEmit', '--pretty', 'false'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = (await text(child.stdout)).split(/\r?\n/)
  return lines.filter((line) => {
    const file = /^(.+?)\(\d+,\d+\): error /.exec(line)?.[1]
    return (
      file !== undefined && folders.some((folder) => resolve(project, file).startsWith(join(project, folder) + sep))
    )
  })
}

const BURST_MILLISECONDS = 100

function compilerOf(project: string): string | undefined {
  if (!existsSync(join(project, 'tsconfig.json'))) return undefined
  try {
    const manifest = createRequire(join(project, 'package.json')).resolve('typescript/package.json')
    return join(manifest, '../bin/tsc')
  } catch {
    return undefined
  }
}
