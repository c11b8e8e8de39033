/** The statements of forms: which there are, which are paused, and how handing over their submissions goes. */
import type { KnownForm } from '../store.ts'
import { storable, storableOrNull } from '../text.ts'
import { DUE_CHANNEL, time } from './accept.ts'
import { iso } from './ledger.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

/** `(forms)`: records the forms of an adapter. In the order of names: replicas that start at once must not deadlock. */
export const RECORD_FORMS: Statement = {
  name: 'record-forms',
  text: `
  INSERT INTO ${SCHEMA}.form (name, asks_first)
  SELECT name, "asksFirst" FROM json_to_recordset($1::json) AS f (name text, "asksFirst" boolean) ORDER BY name
  ON CONFLICT (name) DO UPDATE SET asks_first = excluded.asks_first WHERE form.asks_first <> excluded.asks_first`,
}

/** The values of the statement. */
export function formRows(forms: readonly KnownForm[]): string {
  return JSON.stringify(forms)
}

/** By name. */
export const FORMS: Statement = {
  name: 'forms',
  text: `
  SELECT name, asks_first AS "asksFirst", CASE WHEN paused_at IS NOT NULL THEN
    json_build_object('at', ${iso('paused_at')}, 'by', paused_by, 'reason', paused_reason) END AS paused,
    ${iso('last_delivered_at')} AS "lastDeliveredAt", failures_in_a_row AS "failuresInARow", CASE WHEN last_failed_at IS NOT NULL
    THEN json_build_object('at', ${iso('last_failed_at')}, 'code', last_failure_code) END AS "lastFailure"
  FROM ${SCHEMA}.form ORDER BY name COLLATE "C"`,
}

/** `(form, by, reason, now) -> (outcome)`. `to`: what is changed of those forms that `from` holds for. */
function change(name: string, what: string, to: string, from: string): Statement {
  return {
    name,
    text: `
  WITH moment AS MATERIALIZED (SELECT ${time('$4')} AS now), changed AS (
    UPDATE ${SCHEMA}.form SET ${to} FROM moment WHERE name = $1::text AND ${from} RETURNING name
  ), noted AS (
    INSERT INTO ${SCHEMA}.history (form, at, what, by, reason) SELECT name, now, '${what}', $2::text, $3::text FROM changed, moment
  ), notified AS MATERIALIZED (SELECT pg_notify('${DUE_CHANNEL}', '') FROM changed)
  SELECT CASE WHEN EXISTS (SELECT FROM changed) THEN 'done'
    WHEN EXISTS (SELECT FROM ${SCHEMA}.form WHERE name = $1::text) THEN 'already' ELSE 'unknown' END AS outcome
  FROM (SELECT) one LEFT JOIN notified ON true`,
  }
}

/** Nothing of the form is claimed any more. */
export const PAUSE = change(
  'pause',
  'paused',
  'paused_at = now, paused_by = $2::text, paused_reason = $3::text',
  'paused_at IS NULL',
)

/** What is due of the form is claimed again. */
export const RESUME = change(
  'resume',
  'resumed',
  'paused_at = NULL, paused_by = NULL, paused_reason = NULL',
  'paused_at IS NOT NULL',
)

/** The values of the two. */
export function changeValues(form: string, by: string, reason: string | null, now: Date | null): unknown[] {
  return [storable(form), storable(by, 200), storableOrNull(reason), now]
}
