/** Saves submissions, each with its files in a folder of its own. */
import { randomUUID } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A file of a submission. */
export interface File {
  readonly filename: string | null
  stream(): Readable
}

/**
 * Saves a record and its files as `folder/name`, unless that is there. It appears as a whole, and when it resolves, it is on
 * disk. `name` must be the name of a folder, such as an id.
 */
export async function save(
  folder: string,
  name: string,
  { record, files, signal }: { readonly record: object; readonly files: readonly File[]; readonly signal: AbortSignal },
): Promise<void> {
  const complete = join(folder, name)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // What an attempt has left that died. If one is still at work after its time, its rename fails and it is repeated.
  for (const left of await readdir(folder)) {
    if (left.startsWith(`${name}.`)) await rm(join(folder, left), { recursive: true, force: true })
  }
  if (!existsSync(complete)) {
    const part = join(folder, `${name}.${randomUUID()}.part`)
    await mkdir(part, { mode: 0o700 })
    for (const [index, file] of files.entries()) {
      const to = createWriteStream(join(part, `${index + 1}-${safeName(file.filename)}`), { mode: 0o600, flush: true })
      await pipeline(file.stream(), to, { signal })
    }
    const text = `${JSON.stringify(record, undefined, 2)}\n`
    await writeFile(join(part, 'answers.json'), text, { mode: 0o600, flush: true, signal })
    await sync(part)
    await rename(part, complete)
  }
  await sync(folder)
}

/** The person who fills in the form names the file: what could leave the folder, or hide, is taken out. */
function safeName(filename: string | null): string {
  const name = (filename ?? '').replaceAll(/[^\p{L}\p{N} ._-]/gu, '_').replace(/^[. ]+/, '')
  return name.slice(-100) || 'file'
}

/** What is in a folder is there once the folder is on disk. Windows has no such step. */
async function sync(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  await using handle = await open(folder, 'r')
  await handle.sync()
}
