/** The folder of a store: for its owner only, on a file system that can keep it. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AdapterError } from '../../errors.ts'
import { errorName } from '../../events.ts'
import { FROM_BACKUP, NO_TABLES, OTHER_VERSION, VERSION } from './tables.ts'

/** Where the parts of a store are. */
export interface StoreFolder {
  readonly database: string
  readonly files: string
}

/**
 * Everything lies in a folder of our own below `DATA_DIR`, which only its owner can enter. Neither the umask nor who
 * made `DATA_DIR` changes that. The database file is made here, because a thread has no umask: SQLite gives its log the same mode.
 * @throws {AdapterError} ERR_CONFIG_INVALID: `DATA_DIR` cannot be written to. ERR_STORE_UNAVAILABLE: there is no store and
 * none may be made, or the folder cannot keep one.
 */
export function prepareFolder(dataDir: string, mayMake: boolean): StoreFolder {
  const folder = join(dataDir, FOLDER)
  const place = { database: join(folder, DATABASE), files: join(folder, FILES) }
  if (!mayMake) {
    if (existsSync(place.database)) return place
    throw unused(dataDir)
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(folder)
    // A mount that belongs to somebody else is not ours to change.
    if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(folder, 0o700)
    assertLocal(statfsSync(folder).type)
    makeDatabase(place.database)
    return place
  } catch (error) {
    if (error instanceof AdapterError) throw error
    const message = `the data folder ${dataDir} cannot be used (${errorName(error)})`
    if (!NOT_OURS.has((error as NodeJS.ErrnoException).code ?? '')) throw unavailable(message, error)
    const needed = 'DATA_DIR must be a folder that this process may write to'
    throw new AdapterError('ERR_CONFIG_INVALID', `${message}: ${needed}`, { cause: error })
  }
}

/** What Node says of a path that is wrong, or belongs to somebody else. */
const NOT_OURS: ReadonlySet<string> = new Set([
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'EPERM',
  'EROFS',
])

/** Names below `DATA_DIR`. A backup has the same below its own folder. */
export const FOLDER = 'store'
export const DATABASE = 'adapter.sqlite'
export const FILES = 'files'

/** Whether an adapter has made a store in this `DATA_DIR`. */
export function hasStore(dataDir: string): boolean {
  return existsSync(join(dataDir, FOLDER, DATABASE))
}

/** Before SQLite opens it: closing a descriptor later would drop the locks of this process. */
function makeDatabase(path: string): void {
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    // Another process that starts at the same time has made it.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
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

/**
 * Refuses a network file system. `type`: as statfs gives it, which may be a negative number.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE, with its name.
 */
export function assertLocal(type: number): void {
  const name = NETWORK_FILE_SYSTEMS.get(type >>> 0)
  if (name === undefined) return
  throw unavailable(
    `DATA_DIR is on a network file system (${name}), which cannot keep a store: use a local disk or DATABASE_URL`,
  )
}

/** What went wrong when a database was opened, and what to do. */
export function openFailure(error: unknown, dataDir: string): AdapterError {
  if (error instanceof AdapterError) return error
  const { code, errcode, message } = error as SqliteError
  if (code === NO_TABLES) return unused(dataDir)
  if (code === OTHER_VERSION) {
    const why = `the store has tables of version ${message}, and this program works with version ${VERSION}`
    return unavailable(`${why}: use the same version of the program as the running adapter`)
  }
  if (code === FROM_BACKUP) return fromBackup(String(message))
  if (isDamage(error)) {
    return unavailable(
      `the store in ${dataDir} is damaged: stop the adapter, keep a copy of the folder, and restore a backup`,
      error,
    )
  }
  // SQLite's own words: nothing was read or written yet that they could quote.
  const why = typeof errcode === 'number' ? String(message) : errorName(error)
  return unavailable(`the store in ${dataDir} cannot be opened: ${why}`, error)
}

/** `takenAt`: when the backup was taken, for the person who has to say so. */
export function fromBackup(takenAt: string): AdapterError {
  return unavailable(
    `the store was restored from a backup taken at ${takenAt}: run "adapter restored" first, so that nothing is delivered twice`,
  )
}

interface SqliteError {
  readonly code?: unknown
  readonly errcode?: unknown
  readonly message?: unknown
}

/** The store has to be left alone. */
export function inUse(): AdapterError {
  return unavailable('another process is using the store: stop every adapter first')
}

/** SQLITE_BUSY: another process writes, or holds the file. The higher bits of an `errcode` say more. */
export function isBusy(error: unknown): boolean {
  const { errcode } = error as SqliteError
  return typeof errcode === 'number' && (errcode & 0xff) === 5
}

/** Whether SQLite failed because the file is damaged, or is no database. */
export function isDamage(error: unknown): boolean {
  const { errcode } = error as SqliteError
  return typeof errcode === 'number' && DAMAGED.has(errcode & 0xff)
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. The higher bits of an `errcode` say more. */
const DAMAGED: ReadonlySet<number> = new Set([11, 26])

function unused(dataDir: string): AdapterError {
  return unavailable(`no adapter has used the data folder ${dataDir}; set DATA_DIR, or start an adapter first`)
}

function unavailable(message: string, cause?: unknown): AdapterError {
  return new AdapterError('ERR_STORE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
}
