/** PostgreSQL as the store: any number of processes share it. */
import pg from 'pg'
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import type { Database, Queryable } from './database.ts'

/**
 * Opens a pool. TLS options (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) are taken from the URL as libpq spells them.
 * `connections`: how many at most (default 10).
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: it cannot be reached, or lets us not in.
 */
export async function openPostgres(
  url: string,
  emit: Emit,
  connections = 10,
): Promise<Database & { readonly pool: pg.Pool }> {
  const options = {
    connectionString: url,
    application_name: 'formbuilder-adapter',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    statement_timeout: 60_000,
    // A server that has gone without a word answers no query and closes no connection.
    query_timeout: 70_000,
    // A process that has gone without a word holds no locks for longer than its work may rest.
    idle_in_transaction_session_timeout: 30_000,
  }
  const pool = new pg.Pool({ ...options, max: connections })
  // An idle connection that breaks (the server restarts) is dropped by the pool; the next query opens a new one.
  pool.on('error', (error) => emit({ event: 'store.failed', during: 'idle', code: errorName(error) }))

  const wrap = (client: pg.Pool | pg.PoolClient): Queryable['query'] => {
    return async <Row extends object>(text: string, values?: readonly unknown[]) => {
      const result = await client.query(text, values === undefined ? undefined : [...values])
      // Several statements in one text give several results; pg-boss reads the rows of all of them.
      const results: pg.QueryResult[] = Array.isArray(result) ? result : [result]
      return results.flatMap((each) => each.rows as Row[])
    }
  }

  /** Lends a connection; rolls back what is left open on it when `work` throws. */
  async function lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    let broken: Error | undefined
    // A connection that breaks while it is ours tells of it twice: to the query, and in an event that must be heard.
    const lost = (error: Error) => {
      broken = error
    }
    client.on('error', lost)
    try {
      return await work(client)
    } catch (error) {
      // A connection that cannot roll back is not returned to the pool.
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure
      })
      throw error
    } finally {
      client.off('error', lost)
      client.release(broken)
    }
  }

  const query = wrap(pool)
  const database: Database & { readonly pool: pg.Pool } = {
    pool,
    kind: 'postgres',
    // A text without values may be several statements with a BEGIN among them, which a failure would leave open.
    query: <Row extends object>(text: string, values?: readonly unknown[]) =>
      values === undefined ? lend((client) => wrap(client)<Row>(text)) : query<Row>(text, values),
    transaction: (work) =>
      lend(async (client) => {
        await client.query('BEGIN')
        const result = await work({ query: wrap(client) })
        await client.query('COMMIT')
        return result
      }),
    listen: (channel, onNotify) => listen(options, channel, onNotify),
    close: () => pool.end(),
  }
  try {
    await database.query('SELECT 1')
    return database
  } catch (cause) {
    await pool.end()
    throw new AdapterError('ERR_STORE_UNAVAILABLE', `the database cannot be used: ${errorName(cause)}`, { cause })
  }
}

/** One connection of its own, made again whenever it breaks. What was missed meanwhile, the poll finds. */
async function listen(
  options: pg.ClientConfig,
  channel: string,
  onNotify: (payload: string) => void,
): Promise<{ close(): Promise<void> }> {
  let closed = false
  let client: pg.Client | undefined
  let again: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client(options)
    const lost = () => {
      if (closed || client !== next) return
      client = undefined
      again = setTimeout(() => void connect().catch(() => undefined), 1000)
    }
    client = next
    next.on('error', lost)
    next.on('end', lost)
    next.on('notification', ({ payload }) => onNotify(payload ?? ''))
    try {
      await next.connect()
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
    } catch (error) {
      lost()
      throw error
    }
  }

  await connect()
  return {
    async close() {
      closed = true
      clearTimeout(again)
      await client?.end().catch(() => undefined)
    },
  }
}
