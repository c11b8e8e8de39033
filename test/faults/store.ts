/** The store under an adapter, as it is made to fail, and as it is read when all is over. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEmbedded } from '../../packages/adapter-sdk/src/store/embedded.ts'
import { remoteLedger } from '../../packages/adapter-sdk/src/store/ledger-socket.ts'
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
  readonly kind: 'embedded' | 'postgres'
  readonly environment: Environment
  readonly mostReplicas: number
  /** How many submissions are neither delivered nor ended; undefined while the store cannot be asked. */
  unsettled(): Promise<number | undefined>
  /** The ways in which it fails, each for a moment. */
  readonly failures: readonly ((replicas: readonly Replica[]) => Promise<void>)[]
  /** The work of a process that is dead is taken for old at once: nobody waits for half a minute. */
  forgetTheDead(): Promise<void>
  /** All rows; the adapters have ended. */
  rows(): Promise<Row[]>
  /** All bytes at rest, by place; the adapters have ended. */
  bytes(): Promise<Record<string, Buffer>>
  close(): Promise<void>
}

const ROWS = 'SELECT submission_id, state, uncertain, code, reason, reference FROM formbuilder.submission'

export function embeddedStore(folder: string): StoreUnderTest {
  const data = join(folder, 'data')
  const flag = join(folder, 'disk-is-full')
  return {
    kind: 'embedded',
    environment: { DATA_DIR: data },
    mostReplicas: 1,
    async unsettled() {
      const ledger = await remoteLedger(data).catch(() => undefined)
      const counts = await ledger?.counts().catch(() => undefined)
      return counts === undefined ? undefined : counts.waiting + counts.running
    },
    failures: [
      async (replicas) => {
        // Without a log there is no database: the process ends, and whoever runs it starts it again.
        writeFileSync(flag, '')
        await Promise.all(replicas.map((replica) => replica.hasEnded()))
        rmSync(flag)
        await Promise.all(replicas.map((replica) => replica.start()))
      },
    ],
    forgetTheDead: async () => undefined,
    async rows() {
      const database = await openEmbedded(data)
      const rows = await database.query<Row>(ROWS)
      await database.close()
      return rows
    },
    bytes: async () => filesBelow(data),
    close: async () => undefined,
  }
}

export async function postgresStore(folder: string): Promise<StoreUnderTest> {
  const server = await PostgresServer.start(['log_min_messages=notice', 'log_min_error_statement=log'])
  const url = await server.database()
  return {
    kind: 'postgres',
    // Captured files go into the database as well.
    environment: { DATABASE_URL: url, DATA_DIR: join(folder, 'unused') },
    mostReplicas: 2,
    async unsettled() {
      const sql = "SELECT count(*)::int AS count FROM formbuilder.submission WHERE state = 'waiting'"
      const [row] = await server.query<{ count: number }>(sql, url).catch(() => [])
      return row?.count
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
    async forgetTheDead() {
      const sql =
        "UPDATE formbuilder_queue.job SET heartbeat_on = heartbeat_on - interval '1 hour' WHERE state = 'active'"
      await server.query(sql, url)
    },
    rows: () => server.query<Row>(ROWS, url),
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
const TABLES_THAT_GROW = ['formbuilder.submission', 'formbuilder.attempt', 'formbuilder.tally']

/** Long enough for requests and attempts to meet the failure. */
const moment = () => new Promise((resolve) => setTimeout(resolve, 1000))
