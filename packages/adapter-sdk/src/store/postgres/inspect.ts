/** What can be said of a database before an adapter uses it. For a command. */
import { openPool } from './pool.ts'
import { version } from './tables.ts'

/**
 * Returns the version of the server, whether an adapter has made its tables, and whether one may make them.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the server cannot be reached, or refuses.
 */
export async function inspectPostgres(
  url: string,
): Promise<{ readonly server: string; readonly isMade: boolean; readonly mayMake: boolean }> {
  const { pool, close } = await openPool(url, 1, () => undefined)
  try {
    const { rows } = await pool.query<{ server: string; mayMake: boolean }>(
      `SELECT current_setting('server_version') AS server, has_database_privilege(current_database(), 'CREATE') AS "mayMake"`,
    )
    const [row] = rows
    return { server: row?.server ?? '', isMade: (await version(pool)) !== undefined, mayMake: row?.mayMake ?? false }
  } finally {
    await close()
  }
}
