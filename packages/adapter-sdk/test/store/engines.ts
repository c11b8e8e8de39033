/** Both engines of the store for a suite, with a clock that tests move. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { OpenOptions, Store } from '../../src/store/store.ts'
import { sharedPostgres } from '../shared-postgres.ts'

/** Farther ahead than this counts as past. */
export const HORIZON_SECONDS = 3600

/** The time that is handed to every statement. */
export class Clock {
  time = Date.UTC(2030, 0, 1, 12)

  readonly now = () => new Date(this.time)

  pass(seconds: number): void {
    this.time += seconds * 1000
  }
}

/** An empty store of one engine. */
export interface Engine {
  readonly kind: Store['kind']
  readonly clock: Clock
  readonly store: Store
  /** Removes every row. */
  empty(): Promise<void>
  /** Opens the same store once more, as another process does. */
  another(): Promise<Store>
  close(): Promise<void>
}

export const ENGINES: Readonly<Record<Store['kind'], () => Promise<Engine>>> = {
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'store-test-'))
    return await engine('sqlite', (options) => openSqlite(folder, options), {
      async empty() {
        const database = new DatabaseSync(join(folder, 'store/adapter.sqlite'), { timeout: 5000 })
        database.exec(TABLES.map((table) => `DELETE FROM ${table};`).join(' '))
        database.close()
      },
      remove: async () => rmSync(folder, { recursive: true, force: true }),
    })
  },
  async postgres() {
    const url = await (await sharedPostgres()).database()
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    // The server may be stopped before a connection that was ended is gone.
    pool.on('error', () => undefined)
    return await engine('postgres', (options) => openPostgres({ url, connections: 4 }, options), {
      async empty() {
        await pool.query(`TRUNCATE ${TABLES.map((table) => `formbuilder.${table}`).join(', ')}`)
      },
      remove: () => pool.end(),
    })
  },
}

const TABLES = [
  'submission',
  'letter',
  'history',
  'attachment',
  'hourly',
  'failed_delivery',
  'key_use',
  'form',
  'process',
]

/** Defines a suite once for each engine. `engine` is there from `before` on, empty at its start. */
export function onEachEngine(title: string, suite: (engine: () => Engine) => void): void {
  for (const [kind, open] of Object.entries(ENGINES)) {
    describe(`${title}, on ${kind}`, () => {
      let opened: Engine | undefined
      before(async () => {
        opened = await open()
      })
      after(() => opened?.close())

      suite(() => {
        if (opened === undefined) throw new Error('a hook opens the engine')
        return opened
      })
    })
  }
}

async function engine(
  kind: Store['kind'],
  open: (options: OpenOptions) => Promise<Store>,
  { empty, remove }: { empty(): Promise<void>; remove(): Promise<void> },
): Promise<Engine> {
  const clock = new Clock()
  const opened: Store[] = []
  const another = async () => {
    const store = await open({ migrate: true, horizonSeconds: HORIZON_SECONDS, now: clock.now })
    opened.push(store)
    return store
  }
  return {
    kind,
    clock,
    store: await another(),
    another,
    empty,
    async close() {
      for (const store of opened) await store.close()
      await remove()
    },
  }
}
