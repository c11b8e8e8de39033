/** The store under an adapter, as it is made to fail, and as it is read when all is over. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as elapsed } from 'node:timers/promises'
import { PostgresServer } from '../../packages/adapter-sdk/test/postgres-server.ts'
import type { Environment, Replica } from './processes.ts'
import { filesBelow } from './secrets.ts'

/** A submission as the store has it. */
export interface Row {
  readonly submission_id: string
  readonly state: string
  readonly uncertain: boolean
  readonly code: string | null
  readonly reason: string | null
  readonly reference: string | null
}

export interface StoreUnderTest {
  readonly kind: 'sqlite' | 'postgres'
  readonly environment: Environment
  readonly mostReplicas: number
  /** How many submissions are neither delivered nor ended; undefined while the store cannot be asked. */
  unsettled(): Promise<number | undefined>
  /** The server, where there is one. */
  readonly server?: PostgresServer
  /** The ways in which it fails, each for a moment. */
  readonly failures: readonly ((replicas: readonly Replica[]) => Promise<void>)[]
  /** All rows; the adapters have ended. */
  rows(): Promise<Row[]>
  /** All bytes at rest, by place; the adapters have ended. */
  bytes(): Promise<Record<string, Buffer>>
  close(): Promise<void>
}

const ROWS = 'SELECT submission_id, state, uncertain, code, reason, reference FROM submission'
const UNSETTLED = "SELECT count(*) AS count FROM submission WHERE state IN ('waiting', 'running')"

export function sqliteStore(folder: string): StoreUnderTest {
  const data = join(folder, 'data')
  const withDatabase = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(join(data, 'store/adapter.sqlite'), { timeout: 10_000 })
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    kind: 'sqlite',
    environment: { DATA_DIR: data },
    mostReplicas: 2,
    async unsettled() {
      return withDatabase((database) => Number(database.prepare(UNSETTLED).get()?.['count']))
    },
    failures: [
      async (replicas) => {
        for (const { pid } of replicas) limitFiles(pid, '1')
        await moment()
        for (const { pid } of replicas) limitFiles(pid, 'unlimited')
      },
      async () => {
        // Another process writes for longer than an adapter waits for it.
        const writer = new DatabaseSync(join(data, 'store/adapter.sqlite'), { timeout: 10_000 })
        writer.exec('BEGIN IMMEDIATE')
        await elapsed(7000)
        writer.exec('ROLLBACK')
        writer.close()
      },
    ],
    async rows() {
      const rows = withDatabase((database) => database.prepare(ROWS).all())
      return rows.map((row) => ({ ...row, uncertain: row['uncertain'] === 1 })) as unknown as Row[]
    },
    bytes: async () => filesBelow(data),
    close: async () => undefined,
  }
}

/** A disk that is full: no file can grow beyond so many bytes. */
function limitFiles(pid: number | undefined, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

export async function postgresStore(folder: string): Promise<StoreUnderTest> {
  const server = await PostgresServer.start(['log_min_messages=notice', 'log_min_error_statement=log'])
  const url = await server.database()
  const formsUrl = `${url}?options=-csearch_path%3Dformbuilder`
  return {
    kind: 'postgres',
    server,
    // Captured files go into the database as well.
    environment: { DATABASE_URL: url, DATA_DIR: join(folder, 'unused') },
    mostReplicas: 2,
    async unsettled() {
      const [row] = await server.query<{ count: string }>(UNSETTLED, formsUrl).catch(() => [])
      return row === undefined ? undefined : Number(row.count)
    },
    failures: [
      async () => {
        await server.halt()
        await moment()
        await server.resume()
      },
      async () => {
        await server.query(FULL_DISK, url)
        // One table at a time: whoever locks several may meet an adapter that locks them in another order.
        for (const table of TABLES_THAT_GROW) {
          const trigger = `CREATE TRIGGER full_disk BEFORE INSERT ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION full_disk()`
          await server.query(trigger, url)
        }
        await moment()
        for (const table of TABLES_THAT_GROW) await server.query(`DROP TRIGGER full_disk ON ${table}`, url)
      },
    ],
    rows: () => server.query<Row>(ROWS, formsUrl),
    async bytes() {
      // What is only in memory yet is written before it is looked at.
      await server.query('CHECKPOINT', url)
      return { ...filesBelow(server.folder), 'log of PostgreSQL': Buffer.from(server.log) }
    },
    close: () => server.stop(),
  }
}

// As PostgreSQL itself reports a full disk, for whatever would add a row.
const FULL_DISK = `
  CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`
const TABLES_THAT_GROW = ['formbuilder.submission', 'formbuilder.letter', 'formbuilder.history']

/** Long enough for requests and attempts to meet the failure. */
const moment = () => elapsed(1000)
