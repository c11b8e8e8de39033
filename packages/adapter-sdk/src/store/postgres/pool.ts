/** Connections to PostgreSQL, set up as the store needs them. */
import pg from 'pg'
import { AdapterError } from '../../errors.ts'
import { errorName } from '../../events.ts'

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
  plan_cache_mode: 'auto',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  timezone: 'UTC',
  client_min_messages: 'warning',
}

/**
 * Opens a pool. TLS options (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) are taken from the URL.
 * `onFailure`: called for connections that break while nobody uses them.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the server cannot be reached, or refuses.
 */
export async function openPool(
  url: string,
  connections: number,
  onFailure: (during: string, error: unknown) => void,
): Promise<Pool> {
  const options: pg.PoolConfig = {
    connectionString: url,
    application_name: 'formbuilder-adapter',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    // A server that is gone without closing the connection answers no query.
    query_timeout: 70_000,
  }
  const pool = new pg.Pool({
    ...options,
    max: connections,
    onConnect: async (client) => void (await client.query(SET)),
  })
  // The pool drops an idle connection that breaks (the server restarts); the next query opens a new one.
  pool.on('error', (error) => onFailure('idle', error))

  async function lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect()
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
      const { rows } = await pool.query<Row>({ name, text, values: [...values] })
      return rows
    },
    listen: (channel, onNotify) => listen(options, channel, onNotify),
    close: () => pool.end(),
  }
  try {
    await pool.query('SELECT 1')
    return opened
  } catch (cause) {
    await pool.end()
    throw new AdapterError('ERR_STORE_UNAVAILABLE', `the database cannot be used: ${errorName(cause)}`, { cause })
  }
}

const SET = Object.entries(SESSION)
  .map(([name, value]) => `SET ${name} = '${value}'`)
  .join('; ')

/** A connection of its own, made again whenever it breaks. The poll finds what was missed. */
async function listen(
  options: pg.ClientConfig,
  channel: string,
  onNotify: (payload: string) => void,
): Promise<{ close(): Promise<void> }> {
  let isClosed = false
  let client: pg.Client | undefined
  let again: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client(options)
    const reconnect = () => {
      if (isClosed || client !== next) return
      client = undefined
      again = setTimeout(() => void connect().catch(() => undefined), RECONNECT_MILLISECONDS)
    }
    client = next
    next.on('error', reconnect)
    next.on('end', reconnect)
    next.on('notification', ({ payload }) => onNotify(payload ?? ''))
    try {
      await next.connect()
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
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
