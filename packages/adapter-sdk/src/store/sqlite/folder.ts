/** The folder of a store: for its owner only, on a file system that can keep it. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AdapterError } from '../../errors.ts'
import { errorName } from '../../events.ts'

/** Where the parts of a store are. */
export interface StoreFolder {
  readonly database: string
  readonly files: string
}

/**
 * Everything lies in a folder of our own below `DATA_DIR`, which only its owner can enter, whatever the umask and whoever
 * made `DATA_DIR`. The database file is made here, because a thread has no umask: SQLite gives its log the same mode.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store and none may be made, or the folder cannot keep one.
 */
export function prepareFolder(dataDir: string, mayMake: boolean): StoreFolder {
  const folder = join(dataDir, 'store')
  const place = { database: join(folder, 'adapter.sqlite'), files: join(folder, 'files') }
  if (!mayMake) {
    if (existsSync(place.database)) return place
    throw unavailable(`no adapter has used the data folder ${dataDir}; set DATA_DIR, or start an adapter first`)
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(folder)
    // A mount that belongs to somebody else is not ours to change.
    if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(folder, 0o700)
    assertLocal(folder)
    // SQLite has not opened it yet: closing a descriptor later would drop its locks.
    if (!existsSync(place.database)) closeSync(openSync(place.database, 'wx', 0o600))
    return place
  } catch (error) {
    if (error instanceof AdapterError) throw error
    throw unavailable(`the data folder ${dataDir} cannot be used: ${errorName(error)}`, error)
  }
}

/** Network file systems by the number that statfs gives them (`man 2 statfs`). Their locks and syncs cannot be relied on. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x564c, 'NCP'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
])

function assertLocal(folder: string): void {
  const name = NETWORK_FILE_SYSTEMS.get(statfsSync(folder).type >>> 0)
  if (name === undefined) return
  throw unavailable(
    `DATA_DIR is on a network file system (${name}), which cannot keep a store: use a local disk or DATABASE_URL`,
  )
}

/** What went wrong when a database was opened, and what to do. */
export function openFailure(error: unknown, database: string): AdapterError {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (code === 'ERR_STORE_VERSION') {
    const version = String((error as Error).message)
    return unavailable(
      `the store has tables of ${version}, which this program does not know: use the version of the running adapter`,
    )
  }
  if (errcode === SQLITE_CORRUPT || errcode === SQLITE_NOTADB) {
    return unavailable(
      `${database} is damaged: stop the adapter, keep a copy of the folder, and restore a backup`,
      error,
    )
  }
  return unavailable(`the store cannot be opened: ${errorName(error)}`, error)
}

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function unavailable(message: string, cause?: unknown): AdapterError {
  return new AdapterError('ERR_STORE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
}
