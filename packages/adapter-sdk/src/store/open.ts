/** Opens the store that the settings name: PostgreSQL, or SQLite in a folder. */
import type { AdapterError } from '../errors.ts'
import type { OpenOptions, Store } from './store.ts'

/** Where the store is. */
export interface StorePlace {
  /** PostgreSQL; absent: SQLite in `DATA_DIR`. */
  readonly DATABASE_URL: string | undefined
  readonly DATABASE_CONNECTIONS?: number
  readonly DATA_DIR: string | undefined
}

/**
 * Opens the store.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the message says what to do.
 */
export async function openStore(place: StorePlace, options: OpenOptions): Promise<Store> {
  const { DATABASE_URL: url, DATABASE_CONNECTIONS: connections = 10, DATA_DIR: folder = './data' } = place
  // Each engine is loaded only where it is used: SQLite is a part of newer Node versions, PostgreSQL needs its driver.
  if (url !== undefined) return await (await import('./postgres/store.ts')).openPostgres({ url, connections }, options)
  return await (await import('./sqlite/store.ts')).openSqlite(folder, options)
}

/**
 * After a restore: makes every submission that is not delivered or discarded uncertain, on record, and returns how many.
 * May be cut short, and run again. No adapter may run at the same time.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the message says what to do.
 */
export async function markRestored(place: StorePlace, by: string, reason: string): Promise<number> {
  const { DATABASE_URL: url, DATA_DIR: folder = './data' } = place
  if (url !== undefined) return await (await import('./postgres/restored.ts')).markUndelivered(url, by, reason)
  return await (await import('./sqlite/backup.ts')).liftRestoreMark(folder, by, reason)
}

/**
 * What a start says of a store that was restored from a backup, as an error; undefined: it was not, or it has been marked
 * since. PostgreSQL does not know.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store, or it cannot be read.
 */
export async function refusedAsRestored(place: StorePlace): Promise<AdapterError | undefined> {
  const { DATABASE_URL: url, DATA_DIR: folder = './data' } = place
  if (url !== undefined) return undefined
  const takenAt = await (await import('./sqlite/backup.ts')).restoreMark(folder)
  return takenAt && (await import('./sqlite/folder.ts')).fromBackup(takenAt.toISOString())
}

/** When the backup was taken that the store was restored from; undefined: it was not, or nobody can tell. */
export async function backupTakenAt(place: StorePlace): Promise<Date | undefined> {
  const { DATABASE_URL: url, DATA_DIR: folder = './data' } = place
  return url === undefined ? await (await import('./sqlite/backup.ts')).restoreMark(folder) : undefined
}

/** A time that is farther ahead than this counts as past. Longer than the longest retry delay and a lease. */
export const HORIZON_SECONDS = 2 * 86_400
