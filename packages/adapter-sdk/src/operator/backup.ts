/** Copies a store while adapters work on it: its database, then its files. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AdapterError } from '../errors.ts'
import type { FileStore } from '../files/file-store.ts'
import { folderStore } from '../files/folder.ts'
import { backupInto } from '../store/sqlite/backup.ts'
import { DATABASE, FILES, FOLDER } from '../store/sqlite/folder.ts'

/**
 * Copies into a folder, which only its owner can enter and which is made if it is missing. Returns the time of which the copy
 * holds everything, and how many files it has. A file is copied once: the next backup into the folder adds what is new, and
 * removes what the store has erased.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE, or the error of SQLite or Node. An earlier backup in the folder then still works.
 */
export async function backUp(
  dataDir: string,
  folder: string,
): Promise<{ readonly takenAt: Date; readonly files: number }> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const takenAt = await backupInto(dataDir, join(folder, DATABASE))
  const [from, to] = [join(dataDir, FOLDER, FILES), join(folder, FILES)]
  const [store, copies] = [folderStore(from), folderStore(to)]
  let files = 0
  // A file that comes after the database was copied is copied too: nothing names it, and the sweep removes it.
  for await (const id of store.list(0)) {
    if (existsSync(join(from, id)) && (await copyOnce(store, copies, id, join(to, id)))) files += 1
  }
  for await (const id of copies.list(0)) if (!existsSync(join(from, id))) await copies.remove([id])
  return { takenAt, files }
}

/** False: the file was erased before it could be copied. */
async function copyOnce(store: FileStore, copies: FileStore, id: string, copy: string): Promise<boolean> {
  if (existsSync(copy)) return true
  // What an interrupted backup has left.
  await copies.remove([id])
  try {
    await copies.write(id, store.read(id))
    return true
  } catch (error) {
    if (error instanceof AdapterError && error.code === 'ERR_ATTACHMENT_NOT_FOUND') return false
    throw error
  }
}
