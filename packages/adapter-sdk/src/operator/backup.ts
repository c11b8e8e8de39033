/** Copies a store while adapters work on it: its database, then its files. */
import { existsSync, realpathSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { AdapterError } from '../errors.ts'
import type { FileStore } from '../files/file-store.ts'
import { folderStore, syncFolder } from '../files/folder.ts'
import { refusedAsRestored } from '../store/open.ts'
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
  // A copy of a copy would say that it is newer than what it holds.
  const refusal = await refusedAsRestored({ DATABASE_URL: undefined, DATA_DIR: dataDir })
  if (refusal !== undefined) throw refusal
  const store = join(dataDir, FOLDER)
  if (isWithin(folder, store)) {
    throw new AdapterError(
      'ERR_STORE_UNAVAILABLE',
      'a backup cannot be kept in the store itself: choose another folder',
    )
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // It gets its name when every file that it names is there: until then an earlier backup stays whole.
  const next = join(folder, `${DATABASE}.next`)
  const takenAt = await backupInto(dataDir, next)
  const files = await copyFiles(join(store, FILES), join(folder, FILES))
  await rename(next, join(folder, DATABASE))
  await syncFolder(folder)
  await removeErased(join(store, FILES), join(folder, FILES))
  return { takenAt, files }
}

/** Whether a folder, which need not exist, is another one or lies in it. */
function isWithin(folder: string, outer: string): boolean {
  let ancestor = resolve(folder)
  while (!existsSync(ancestor)) ancestor = dirname(ancestor)
  const path = relative(realpathSync(outer), realpathSync(ancestor))
  return path.split(sep)[0] !== '..' && !isAbsolute(path)
}

/** Returns how many there are. */
async function copyFiles(from: string, to: string): Promise<number> {
  const [store, copies] = [folderStore(from), folderStore(to)]
  let files = 0
  // A file that comes after the database was copied is copied too: nothing names it, and the sweep removes it.
  for await (const id of store.list(0)) {
    if (existsSync(join(from, id)) && (await copyOnce(store, copies, id, join(to, id)))) files += 1
  }
  return files
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

async function removeErased(from: string, to: string): Promise<void> {
  const copies = folderStore(to)
  for await (const id of copies.list(0)) if (!existsSync(join(from, id))) await copies.remove([id])
}
