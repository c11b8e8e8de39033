/** The statements of processes, and of what they say has happened in them. */
import type { Happened, OwnProcess } from '../store.ts'
import { storable } from '../text.ts'
import { time } from './accept.ts'
import { iso } from './ledger.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

/** How long a process is known that does not check in any more. */
const FORGOTTEN = "interval '1 hour'"

/**
 * `(id, role, version, ended, refused, slot, now)`. Rows of forms are locked in the order of their names, as everywhere; rows of
 * processes that another one forgets at the same moment are left to it.
 */
export const CHECK_IN: Statement = {
  name: 'check-in',
  text: `
  WITH moment AS MATERIALIZED (SELECT ${time('$7')} AS now), seen AS (
    INSERT INTO ${SCHEMA}.process (id, role, version, started_at, seen_at) SELECT $1::uuid, $2::text, $3::text, now, now FROM moment
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
  ), forgotten AS (
    DELETE FROM ${SCHEMA}.process WHERE id IN (
      SELECT id FROM ${SCHEMA}.process, moment WHERE seen_at < now - ${FORGOTTEN} AND id <> $1::uuid FOR UPDATE OF process SKIP LOCKED)
  ), ended AS MATERIALIZED (
    SELECT e.* FROM json_to_recordset($4::json) AS e (form text, "wasDelivered" boolean, failures int, code text)
      JOIN ${SCHEMA}.form f ON f.name = e.form ORDER BY f.name FOR UPDATE OF f
  ), forms AS (
    UPDATE ${SCHEMA}.form f SET last_delivered_at = CASE WHEN "wasDelivered" THEN now ELSE f.last_delivered_at END,
      failures_in_a_row = CASE WHEN "wasDelivered" THEN 0 ELSE f.failures_in_a_row END + e.failures,
      last_failed_at = CASE WHEN e.code IS NULL THEN f.last_failed_at ELSE now END,
      last_failure_code = COALESCE(e.code, f.last_failure_code)
    FROM ended e, moment WHERE f.name = e.form
  )
  INSERT INTO ${SCHEMA}.hourly (hour, form, what, slot, count)
  SELECT date_trunc('hour', now), form, 'refused ' || code, $6::int, count
  FROM json_to_recordset($5::json) AS r (form text, code text, count bigint), moment ORDER BY form, code
  ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = hourly.count + excluded.count`,
}

/** The values of the statement. */
export function checkInValues(
  { id, role, version }: OwnProcess,
  { ended, refused }: Happened,
  slot: number,
  now: Date | null,
): unknown[] {
  return [id, storable(role, 200), storable(version, 200), JSON.stringify(ended), JSON.stringify(refused), slot, now]
}

/** `(id)`. */
export const CHECK_OUT: Statement = { name: 'check-out', text: `DELETE FROM ${SCHEMA}.process WHERE id = $1` }

/** `(now) -> processes`, the one that started first, first. */
export const PROCESSES: Statement = {
  name: 'processes',
  text: `
  SELECT id::text AS id, role, version, ${iso('started_at')} AS "startedAt", ${iso('seen_at')} AS "seenAt",
    GREATEST(0, EXTRACT(EPOCH FROM now - seen_at))::float8 AS "silentSeconds"
  FROM ${SCHEMA}.process, (SELECT ${time('$1')} AS now) moment
  WHERE seen_at >= now - ${FORGOTTEN} ORDER BY started_at, id`,
}

/** `(hours, now) -> refusals`, most numerous first. */
export const REFUSALS: Statement = {
  name: 'refusals',
  text: `
  SELECT form, substr(what, 9) AS code, sum(count)::float8 AS count
  FROM ${SCHEMA}.hourly
  WHERE hour >= date_trunc('hour', ${time('$2')}) - ($1::int - 1) * interval '1 hour' AND what LIKE 'refused %'
  GROUP BY 1, 2 ORDER BY count DESC, 1, 2`,
}
