/** Connections to PostgreSQL, set up as the store needs them. */
import pg from 'pg'
import { parseDatabaseUrl } from '../../database-url.ts'
import { AdapterError } from '../../errors.ts'
import { errorName } from '../../events.ts'
import { refusesWay, type Tls, waysOf } from './tls.ts'

/** A statement with a name: each connection plans it once. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** What statements are run on. */
export interface Sql {
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
}

/** An open pool. */
export interface Pool extends Sql {
  readonly pool: pg.Pool
  /** Lends one connection; one that breaks or cannot roll back is not returned to the pool. */
  lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>
  /** Runs `onNotify` at each NOTIFY on a channel until closed. Some may be missed while the connection is made again. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<{ close(): Promise<void> }>
  close(): Promise<void>
}

/**
 * Settings of each connection that must not be left to the server. JIT compiles a plan for 1 to 3 seconds each time
 * (PostgreSQL 12 to 18 switch it on by default). Plans are made when the tables may be empty and used when they have a
 * million rows: without scans and joins of whole tables they are the right ones for both.
 */
export const SESSION: Readonly<Record<string, string>> = {
  jit: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  synchronous_commit: 'on',
  statement_timeout: '60s',
  lock_timeout: '20s',
  // A process that has stopped holds no locks for longer than its lease.
  idle_in_transaction_session_timeout: '20s',
  // A connection of the pool rests, and the one that listens says nothing for days.
  idle_session_timeout: '0',
  plan_cache_mode: 'auto',
  enable_indexscan: 'on',
  enable_nestloop: 'on',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // The driver reads no other style.
  datestyle: 'ISO, MDY',
  timezone: 'UTC',
  client_min_messages: 'warning',
}

/**
 * Opens a pool. TLS options (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) are taken from the URL, as libpq reads them.
 * `onFailure`: called for connections that break while nobody uses them.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the server cannot be reached, refuses, or is older than PostgreSQL 14.
 */
export async function openPool(
  url: string,
  connections: number,
  onFailure: (during: string, error: unknown) => void,
): Promise<Pool> {
  const { options: common, ways } = connection(url)
  const options: pg.PoolConfig = {
    ...common,
    // A server that is gone without closing the connection answers no query.
    query_timeout: 70_000,
  }
  // `allowExitOnIdle`: the server of the adapter keeps the process, and no connection that rests.
  const pool = new pg.Pool({ ...options, max: connections, onConnect: setUp, allowExitOnIdle: true })
  // New connections take the way that worked last: nothing has been sent on one that was refused.
  const connecting = <T>(work: () => Promise<T>) =>
    firstWay(ways, pool.options.ssl as Tls, (ssl) => {
      Object.assign(pool.options, { ssl })
      return work()
    })
  // The pool drops an idle connection that breaks (the server restarts); the next query opens a new one.
  pool.on('error', (error) => onFailure('idle', error))

  async function lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await connecting(() => pool.connect())
    let broken: Error | undefined
    // A connection that breaks while it is lent emits an error beside the one of its query.
    const onError = (error: Error) => {
      broken = error
    }
    client.on('error', onError)
    try {
      return await work(client)
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure
      })
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }

  const opened: Pool = {
    pool,
    lend,
    async query<Row extends object>({ name, text }: Statement, values: readonly unknown[]) {
      const { rows } = await connecting(() => pool.query<Row>({ name, text, values: [...values] }))
      return rows
    },
    listen: (channel, onNotify) => listen(() => ({ ...options, ssl: pool.options.ssl as Tls }), channel, onNotify),
    close: () => pool.end(),
  }
  try {
    await connecting(() => pool.query('SELECT 1'))
    return opened
  } catch (cause) {
    await pool.end()
    if (cause instanceof AdapterError) throw cause
    throw new AdapterError('ERR_STORE_UNAVAILABLE', `the database cannot be used: ${errorName(cause)}`, { cause })
  }
}

/** Lends a connection outside of any pool, with the same settings: work on it may change them, and may take long. */
export async function withConnection(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const { options, ways } = connection(url)
  const client = await firstWay(ways, ways[0], async (ssl) => {
    const next = new pg.Client({ ...options, ssl })
    // A connection that breaks emits an error beside the one of its query.
    next.on('error', () => undefined)
    await next.connect()
    return next
  })
  try {
    await setUp(client)
    await work(client)
  } finally {
    await client.end()
  }
}

/** @throws {AdapterError} ERR_CONFIG_INVALID: naming DATABASE_URL and what is wrong with it. */
function connection(url: string): { readonly options: pg.ClientConfig; readonly ways: readonly Tls[] } {
  const parsed = parseDatabaseUrl(url)
  if ('problem' in parsed) throw new AdapterError('ERR_CONFIG_INVALID', `DATABASE_URL ${parsed.problem}`)
  const ways = waysOf(parsed.value)
  const options = {
    connectionString: parsed.value.url,
    ssl: ways[0] ?? false,
    application_name: 'formbuilder-adapter',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  }
  return { options, ways }
}

/** Connects in the way that worked last, then in the others, as long as the server refuses the way and nothing else. */
async function firstWay<T>(ways: readonly Tls[], last: Tls | undefined, connect: (ssl: Tls) => Promise<T>): Promise<T> {
  const [first = false, ...others] = [...ways].sort((a, b) => Number(b === last) - Number(a === last))
  try {
    return await connect(first)
  } catch (error) {
    if (others.length === 0 || !refusesWay(error)) throw error
    return await firstWay(others, undefined, connect)
  }
}

/** Each connection begins with this. A database or a role may have settings of its own: those of the session come last. */
async function setUp(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version_num') AS version`)
  assertSupported(Number(rows[0]?.version))
  await client.query(SET)
}

/** The oldest PostgreSQL whose statements and settings are those used here. Tested with 14 to 18; newer ones are let through. */
const OLDEST = 14

function assertSupported(version: number): void {
  const major = Math.floor(version / 10_000)
  if (major >= OLDEST) return
  throw new AdapterError(
    'ERR_STORE_UNAVAILABLE',
    `the database is PostgreSQL ${major}, and the oldest that is supported is ${OLDEST}: upgrade the server`,
  )
}

// `transaction_timeout` exists from PostgreSQL 17 on; no transaction here takes longer than its statements may.
const SET = [
  ...Object.entries(SESSION).map(([name, value]) => `SET ${name} = '${value}'`),
  "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'",
].join('; ')

/** A connection of its own, made again whenever it breaks. The poll finds what was missed. */
async function listen(
  options: () => pg.ClientConfig,
  channel: string,
  onNotify: (payload: string) => void,
): Promise<{ close(): Promise<void> }> {
  let isClosed = false
  let client: pg.Client | undefined
  let again: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client(options())
    const reconnect = () => {
      if (isClosed || client !== next) return
      client = undefined
      again = setTimeout(() => void connect().catch(() => undefined), RECONNECT_MILLISECONDS).unref()
    }
    client = next
    next.on('error', reconnect)
    next.on('end', reconnect)
    next.on('notification', ({ payload }) => onNotify(payload ?? ''))
    try {
      await next.connect()
      await setUp(next)
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      // Its types leave it out.
      ;(next as pg.Client & { unref(): void }).unref()
    } catch (error) {
      reconnect()
      throw error
    }
  }

  await connect()
  return {
    async close() {
      isClosed = true
      clearTimeout(again)
      await client?.end().catch(() => undefined)
    },
  }
}

const RECONNECT_MILLISECONDS = 1000
