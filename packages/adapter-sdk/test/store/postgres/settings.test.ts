import { expect } from 'chai'
import pg from 'pg'
import { openPool, type Pool, withConnection } from '../../../src/store/postgres/pool.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import { type PostgresDatabases, PostgresServer } from '../../postgres-server.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { incoming } from '../../submissions.ts'
import { until } from '../../until.ts'

/** What each connection has, as SHOW says it. */
const WANTED: Readonly<Record<string, string>> = {
  jit: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  transaction_isolation: 'read committed',
  transaction_read_only: 'off',
  synchronous_commit: 'on',
  statement_timeout: '1min',
  lock_timeout: '20s',
  idle_in_transaction_session_timeout: '20s',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  plan_cache_mode: 'auto',
  enable_indexscan: 'on',
  enable_nestloop: 'on',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  client_min_messages: 'warning',
}

/** The opposite of each. The times are as short as a connection needs until it has its own. */
const OPPOSITE: Readonly<Record<string, string>> = {
  jit: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  synchronous_commit: 'off',
  statement_timeout: '400',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: '400',
  idle_session_timeout: '600',
  transaction_timeout: '500',
  plan_cache_mode: 'force_custom_plan',
  enable_indexscan: 'off',
  enable_nestloop: 'off',
  enable_seqscan: 'on',
  enable_bitmapscan: 'on',
  enable_hashjoin: 'on',
  enable_mergejoin: 'on',
  DateStyle: 'German',
  TimeZone: 'Asia/Tokyo',
  client_min_messages: 'debug1',
}

const HORIZON = { horizonSeconds: 90_000 }

describe('connections to a PostgreSQL that is set up otherwise', () => {
  let server: PostgresServer
  const pools: Pool[] = []
  let made = 0
  before(async () => {
    const settings = Object.entries(OPPOSITE).map(([name, value]) => `${name}=${value}`)
    server = await PostgresServer.start([...settings, 'log_statement=all', 'log_line_prefix=[%p] '])
  })
  after(() => server?.stop())
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close()
  })

  /** A database of the server. It starts with none of the settings that a connection needs. */
  const database = async (alter: (name: string, value: string, of: string) => string = () => 'SELECT 1') => {
    const admin = new pg.Client({ connectionString: server.url() })
    await admin.connect()
    try {
      await admin.query('SET default_transaction_read_only = off')
      for (const name of ['statement_timeout', 'transaction_timeout', 'lock_timeout', 'idle_session_timeout'])
        await admin.query(`SET ${name} = 0`)
      made += 1
      const name = `test_${made}`
      await admin.query(`CREATE DATABASE ${name}`)
      for (const [setting, value] of Object.entries(OPPOSITE)) await admin.query(alter(setting, value, name))
      return server.url(name)
    } finally {
      await admin.end()
    }
  }
  const open = async (url: string, connections: number) => {
    const pool = await openPool(url, connections, () => undefined)
    pools.push(pool)
    return pool
  }
  const shown = async (client: pg.ClientBase) => {
    const found: Record<string, string> = {}
    for (const name of Object.keys(WANTED)) {
      const { rows } = await client.query<Record<string, string>>(`SHOW ${name}`)
      found[name] = Object.values(rows[0] ?? {})[0] ?? 'nothing'
    }
    return found
  }

  it('differ in every setting without ours', async () => {
    const client = new pg.Client({ connectionString: await database() })
    await client.connect()
    const found = await shown(client)
    await client.end()

    expect(Object.keys(WANTED).filter((name) => found[name] === WANTED[name])).to.deep.equal([])
  })

  for (const [where, alter] of [
    ['its command line', undefined],
    ['the database', (name: string, value: string, of: string) => `ALTER DATABASE ${of} SET ${name} = '${value}'`],
    ['the role', (name: string, value: string) => `ALTER ROLE postgres SET ${name} = '${value}'`],
  ] as const) {
    it(`have our settings, each one of a pool, where ${where} has others`, async () => {
      const pool = await open(await database(alter), 3)

      const clients = await Promise.all([1, 2, 3].map(() => pool.pool.connect()))
      const found = await Promise.all(clients.map(shown))
      for (const client of clients) client.release()

      expect(found).to.deep.equal([WANTED, WANTED, WANTED])
    })

    it(`have our settings on one of its own, where ${where} has others`, async () => {
      const found: Record<string, string>[] = []
      await withConnection(await database(alter), async (client) => void found.push(await shown(client)))

      expect(found).to.deep.equal([WANTED])
    })
  }

  it('have our settings before they listen, and still listen when they were silent for long', async () => {
    const url = await database()
    const store = await openPostgres({ url, connections: 2 }, { ...HORIZON, migrate: true })
    const silentFrom = Date.now()
    let heard = 0
    const listening = await store.onDue(() => {
      heard += 1
    })
    const listeners = () => [...server.log.matchAll(/\[(\d+)\] LOG: {2}statement: LISTEN /g)].map(([, pid]) => pid)
    // Longer than the server would wait.
    await until(() => Date.now() - silentFrom > 1300)
    await store.accept([incoming()])
    await until(() => heard > 0)
    const pids = listeners()
    await listening.close()
    await store.close()

    expect(pids).to.have.length(1)
    const before = server.log.slice(0, server.log.indexOf(`[${pids[0]}] LOG:  statement: LISTEN `))
    expect(before).to.contain(`[${pids[0]}] LOG:  statement: SET jit = 'off'; SET default_transaction_isolation`)
  })

  it('make the tables, however long another process keeps them waiting, and work on them', async () => {
    const url = await database()
    const other = new pg.Client({ connectionString: url })
    await other.connect()
    await other.query(`SET statement_timeout = 0; SET idle_session_timeout = 0; SET transaction_timeout = 0;
      SELECT pg_advisory_lock(7083515220)`)

    const opening = openPostgres({ url, connections: 2 }, { ...HORIZON, migrate: true })
    opening.catch(() => undefined)
    await until(() => server.log.includes('SELECT pg_advisory_xact_lock($1)'))
    await new Promise((resolve) => setTimeout(resolve, 1000)) // longer than each of the server's times
    await other.end()
    const store = await opening
    const accepted = await store.accept([incoming()])
    const [claim] = await store.turn({
      ...{ settle: [], leaseSeconds: 30, claim: [{ form: 'complaint', most: 1, suspects: 0 }] },
    })
    await store.close()

    expect(accepted).to.deep.equal(['accepted'])
    expect(claim?.receivedAt).to.be.instanceOf(Date)
  })
})

describe('a PostgreSQL of another version', () => {
  let server: PostgresDatabases
  before(async () => {
    server = await sharedPostgres()
  })

  /** A database whose server says that it is of this version. */
  const saying = async (version: number) => {
    const url = await server.database()
    await server.query(
      `CREATE SCHEMA faked;
       CREATE FUNCTION faked.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '${version}' $$;
       DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = faked, pg_catalog', current_database()); END $$`,
      url,
    )
    return url
  }

  for (const migrate of [true, false]) {
    it(`than 14 is refused by its number, ${migrate ? 'at a start' : 'by a command'}, and left as it was`, async () => {
      const url = await saying(130_023)

      const error = await openPostgres({ url, connections: 2 }, { ...HORIZON, migrate }).then(
        (store) => store.close(),
        (reason: unknown) => reason,
      )
      const [row] = await server.query<{ found: string | null }>(`SELECT to_regnamespace('formbuilder') AS found`, url)

      expect(error).to.include({
        code: 'ERR_STORE_UNAVAILABLE',
        message: 'the database is PostgreSQL 13, and the oldest that is supported is 14: upgrade the server',
      })
      expect(row?.found).to.equal(null)
    })
  }

  for (const version of [140_000, 180_004, 190_000]) {
    it(`is used when it is ${version}`, async () => {
      const url = await saying(version)
      const store = await openPostgres({ url, connections: 2 }, { ...HORIZON, migrate: true })
      const accepted = await store.accept([incoming()])
      await store.close()

      expect(accepted).to.deep.equal(['accepted'])
    })
  }
})
