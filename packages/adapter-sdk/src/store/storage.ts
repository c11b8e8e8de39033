/** Where submissions and their files are kept, as the configuration says. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Emit } from '../events.ts'
import type { FileStore } from '../files/file-store.ts'
import { folderStore } from '../files/folder.ts'
import { type Database, FILE_SCHEMA } from './database.ts'
import { openEmbedded } from './embedded.ts'

/** An open store: submissions, and their files. */
export interface Store {
  readonly database: Database
  readonly files: FileStore
  /** The data folder, which the embedded store keeps to one process. */
  readonly folder?: string
}

/**
 * Opens PostgreSQL when there is a `DATABASE_URL`, with the files in it; else the embedded store and a folder of files,
 * which takes longer than everything around it to load: it begins at once, and whoever needs it waits for the rest.
 * The promise rejects with an AdapterError, ERR_STORE_LOCKED: another process uses `DATA_DIR`; ERR_STORE_UNAVAILABLE.
 */
export function openInBackground(config: StoreSettings): (config: StoreSettings, emit: Emit) => Promise<Store> {
  if (config.DATABASE_URL !== undefined) return openShared
  const opening = openFolder(config.DATA_DIR ?? './data')
  opening.catch(() => undefined) // who waits for it hears of it
  return () => opening
}

type StoreSettings = Pick<Config, 'DATABASE_URL' | 'DATABASE_CONNECTIONS' | 'DATA_DIR'>

async function openFolder(folder: string): Promise<Store> {
  return { database: await openEmbedded(folder), files: folderStore(join(folder, 'attachments')), folder }
}

async function openShared({ DATABASE_URL = '', DATABASE_CONNECTIONS }: StoreSettings, emit: Emit): Promise<Store> {
  const [{ openPostgres }, { attachmentTables, tableStore }] = await Promise.all([
    import('./postgres.ts'),
    import('../files/table.ts'),
  ])
  const database = await openPostgres(DATABASE_URL, emit, DATABASE_CONNECTIONS)
  await database.query(attachmentTables(FILE_SCHEMA))
  return { database, files: tableStore(database.pool, FILE_SCHEMA) }
}
