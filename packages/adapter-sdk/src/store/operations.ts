/** The ledger for a command: over the socket of the adapter that holds the store, or from the store itself. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AdapterError } from '../errors.ts'
import { Ledger } from '../operator/ledger.ts'
import { type Database, SCHEMA } from './database.ts'
import { openEmbedded } from './embedded.ts'
import { type Operations, remoteLedger } from './ledger-socket.ts'
import { openStore } from './pg-boss.ts'
import { openPostgres } from './postgres.ts'

/** Where the store is. */
export interface StorePlace {
  readonly DATABASE_URL: string | undefined
  readonly DATA_DIR: string | undefined
}

/** Operations, and the end of them. */
export interface OpenOperations extends AsyncDisposable {
  readonly operations: Operations
  /** How they are reached, in words. */
  readonly through: string
}

/**
 * Opens the ledger of a store that an adapter has made; makes none.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store, or it cannot be reached. ERR_STORE_LOCKED: a process
 * holds the folder and does not answer.
 */
export async function openOperations({ DATABASE_URL, DATA_DIR = './data' }: StorePlace): Promise<OpenOperations> {
  if (DATABASE_URL !== undefined) {
    // Two connections: one for a transaction, one for what pg-boss asks meanwhile.
    return await fromStore(await openPostgres(DATABASE_URL, () => undefined, 2), 'PostgreSQL')
  }
  const remote = existsSync(DATA_DIR) ? await remoteLedger(DATA_DIR) : undefined
  if (remote !== undefined) {
    return { operations: remote, through: 'the running adapter', [Symbol.asyncDispose]: async () => undefined }
  }
  if (!existsSync(join(DATA_DIR, 'database', 'PG_VERSION'))) {
    throw new AdapterError('ERR_STORE_UNAVAILABLE', `no adapter has used the data folder ${DATA_DIR}; set DATA_DIR`)
  }
  return await fromStore(await openEmbedded(DATA_DIR), 'the data folder')
}

async function fromStore(database: Database, through: string): Promise<OpenOperations> {
  try {
    const [made] = await database.query<{ made: boolean }>(
      `SELECT to_regclass('${SCHEMA}.submission') IS NOT NULL AS made`,
    )
    if (!made?.made) throw new AdapterError('ERR_STORE_UNAVAILABLE', 'no adapter has used this database')
    const emit = () => undefined
    const store = await openStore(database, [], { supervise: false, emit })
    return { operations: new Ledger(store, emit), through, [Symbol.asyncDispose]: () => store.close() }
  } catch (error) {
    await database.close()
    throw error
  }
}
