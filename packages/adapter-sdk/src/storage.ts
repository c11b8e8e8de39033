/** Where submissions and their files are kept, as the configuration says. */
import { join } from 'node:path'
import { directoryStore } from './attachment-directory.ts'
import type { AttachmentStore } from './attachment-store.ts'
import { attachmentTables, tableStore } from './attachment-table.ts'
import type { Config } from './config.ts'
import { type Database, FILE_SCHEMA } from './database.ts'
import { openEmbedded } from './embedded.ts'
import type { Emit } from './events.ts'
import { openPostgres } from './postgres.ts'

/** An open store: submissions, and their files. */
export interface Storage {
  readonly database: Database
  readonly files: AttachmentStore
  /** The data folder, which the embedded store keeps to one process. */
  readonly folder?: string
}

/**
 * PostgreSQL when there is a `DATABASE_URL`, with the files in it; else the embedded store and a folder of files.
 * @throws {AdapterError} ERR_INBOX_LOCKED: another process uses `DATA_DIR`.
 */
export async function openStorage(
  config: Pick<Config, 'DATABASE_URL' | 'DATABASE_CONNECTIONS' | 'DATA_DIR'>,
  emit: Emit,
): Promise<Storage> {
  if (config.DATABASE_URL === undefined) {
    const folder = config.DATA_DIR ?? './data'
    return { database: await openEmbedded(folder), files: directoryStore(join(folder, 'attachments')), folder }
  }
  const database = await openPostgres(config.DATABASE_URL, emit, config.DATABASE_CONNECTIONS)
  await database.query(attachmentTables(FILE_SCHEMA))
  return { database, files: tableStore(database.pool, FILE_SCHEMA) }
}
