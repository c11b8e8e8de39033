/** One process per embedded data folder. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AdapterError } from '../errors.ts'

/**
 * Takes the folder for this process. The kernel holds the lock (through SQLite's file locking), so it ends with the
 * process however that dies, and other containers on the same file system see it where the file system has locks.
 * @throws {AdapterError} ERR_STORE_LOCKED
 */
export function lockFolder(folder: string): { release(): void } {
  const file = new DatabaseSync(join(folder, 'lock'))
  try {
    file.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    file.close()
    throw new AdapterError('ERR_STORE_LOCKED', `another process uses the data folder ${folder}; stop it first`, {
      cause,
    })
  }
  return { release: () => file.close() }
}
