/** What has to be done with a database that was restored from a backup. For a command. */
import { AdapterError } from '../../errors.ts'
import { storable } from '../text.ts'
import { openPool, type Pool, type Statement } from './pool.ts'
import { assertVersion, SCHEMA } from './tables.ts'

/**
 * Marks every submission that is not delivered or discarded as uncertain, on record, and returns how many. What is delivered
 * after a backup waits in the backup: none of it may be handed out before the case system, or a person, was asked.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: it cannot be reached, its tables are of another version, or another process
 * is using it.
 */
export async function markUndelivered(url: string, by: string, reason: string): Promise<number> {
  // One connection, so that every other one is that of another process.
  const pool = await openPool(url, 1, () => undefined)
  try {
    await assertVersion(pool.pool)
    await assertAlone(pool)
    for (let marked = 0; ; ) {
      const batch = await pool.query(MARK_UNCERTAIN, [BATCH, storable(by, 200), storable(reason)])
      if (batch.length === 0) return marked
      marked += batch.length
    }
  } finally {
    await pool.close()
  }
}

/** An adapter that is running would deliver what is about to be marked. */
async function assertAlone(pool: Pool): Promise<void> {
  const [found] = await pool.query<{ others: number }>(OTHERS, [])
  if (found?.others === 0) return
  throw new AdapterError(
    'ERR_STORE_UNAVAILABLE',
    `another process is using the store, with ${found?.others} connections: stop every adapter first`,
  )
}

/** `() -> others`: connections of adapters and of their commands. */
const OTHERS: Statement = {
  name: 'others',
  text: `
  SELECT count(*)::int AS others FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name = current_setting('application_name')`,
}

const BATCH = 500

// Each condition is that of an index: what has ended is not read. An approval was given for what was known then.
const undelivered = [
  "state = 'waiting' AND losses = 0",
  "state = 'waiting' AND losses > 0",
  "state = 'running'",
  "state = 'dead'",
]
  .map(
    (condition) => `(SELECT id FROM ${SCHEMA}.submission WHERE ${condition} AND (NOT uncertain OR approved) LIMIT $1)`,
  )
  .join(' UNION ALL ')

/** `(most, by, reason) -> id`. */
const MARK_UNCERTAIN: Statement = {
  name: 'mark_uncertain',
  text: `
  WITH marked AS (
    UPDATE ${SCHEMA}.submission SET uncertain = true, approved = false, revision = revision + 1
    WHERE id IN (SELECT id FROM (${undelivered}) found LIMIT $1) AND state IN ('waiting', 'running', 'dead')
    RETURNING id),
  noted AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, by, reason)
    SELECT id, clock_timestamp(), 'marked uncertain', $2, $3 FROM marked)
  SELECT id FROM marked`,
}
