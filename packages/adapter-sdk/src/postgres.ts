/** PostgreSQL as the store: any number of processes share it. */
import pg from 'pg'
import type { Database, Queryable } from './database.ts'
import { type Emit, errorName } from './events.ts'

/**
 * Opens a pool. TLS options (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`) are taken from the URL as libpq spells them.
 * `connections`: how many at most (default 10).
 */
export async function openPostgres(url: string, emit: Emit, connections = 10): Promise<Database> {
  const options = {
    connectionString: url,
    application_name: 'formbuilder-adapter',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 60_000,
    keepAlive: true,
  }
  const pool = new pg.Pool({ ...options, max: connections })
  // An idle connection that breaks (the server restarts) is dropped by the pool; the next query opens a new one.
  pool.on('error', (error) => emit({ event: 'inbox.failed', during: 'idle', code: errorName(error) }))

  const wrap = (client: pg.Pool | pg.PoolClient): Queryable['query'] => {
    return async <Row extends object>(text: string, values?: readonly unknown[]) => {
      const result = await client.query(text, values === undefined ? undefined : [...values])
      // Several statements in one text give several results; pg-boss reads the rows of all of them.
      const results: pg.QueryResult[] = Array.isArray(result) ? result : [result]
      return results.flatMap((each) => each.rows as Row[])
    }
  }

  const database: Database = {
    kind: 'postgres',
    query: wrap(pool),
    async transaction(work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('BEGIN')
        const result = await work({ query: wrap(client) })
        await client.query('COMMIT')
        return result
      } catch (error) {
        // A connection that cannot roll back is not returned to the pool.
        await client.query('ROLLBACK').catch((failure: Error) => {
          broken = failure
        })
        throw error
      } finally {
        client.release(broken)
      }
    },
    async listen(channel, onNotify) {
      const client = new pg.Client(options)
      client.on('error', () => undefined) // the poll notices; the caller listens again
      client.on('notification', (notification) => onNotify(notification.payload ?? ''))
      await client.connect()
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      return { close: () => client.end() }
    },
    close: () => pool.end(),
  }
  await database.query('SELECT 1')
  return database
}
