/** The statements of the receiver: accept, and deliveries that failed. */
import type { FailedDelivery } from '../store.ts'
import { type Accepted, type Incoming, rowId } from '../submission.ts'
import { deadFromStart, NOT_TAKEN, storable, storableTraceparent } from '../text.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

/** Notified when something may be due. */
export const DUE_CHANNEL = 'formbuilder_due'

/** `$n`, or the time of the server where a test hands none in. */
export const time = (position: string) => `COALESCE(${position}::timestamptz, clock_timestamp())`

/**
 * Adds to the hourly counts. `counted`: a query of `form` and `what`, a row for each thing that happened; `now`: an expression.
 * In the order of the key: two processes never lock the same rows in two orders, and their slots differ anyway.
 */
export function addToHour(counted: string, now: string, slot: string): string {
  return `INSERT INTO ${SCHEMA}.hourly (hour, form, what, slot, count)
    SELECT date_trunc('hour', ${now}), c.form, c.what, ${slot}, count(*) FROM (${counted}) c GROUP BY c.form, c.what ORDER BY c.form, c.what
    ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = hourly.count + excluded.count`
}

const holds = (files: string, what: string) => `EXISTS (SELECT FROM jsonb_array_elements(${files}) f WHERE ${what})`

/**
 * `(rows, slot, now) -> (id, outcome)`: a row for each submission that was accepted or took the place of a dead letter.
 * The rows come in the order of their ids: processes that accept the same submissions at once lock them in one order.
 */
export const ACCEPT: Statement = {
  name: 'accept',
  text: `
  WITH moment AS MATERIALIZED (SELECT ${time('$3')} AS now),
  incoming AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS r (id uuid, form text, submission_id text, service_slug text, jwe text,
      files jsonb, traceparent text, key_id text, code text, reason text)
  ), accepted AS (
    INSERT INTO ${SCHEMA}.submission (id, form, submission_id, service_slug, state, due_at, code, reason, traceparent,
      key_id, files, received_at, changed_at)
    SELECT i.id, i.form, i.submission_id, i.service_slug, CASE WHEN i.code IS NULL THEN 'waiting' ELSE 'dead' END,
      CASE WHEN i.code IS NULL THEN now END, i.code, i.reason, i.traceparent, i.key_id, i.files, now, now
    FROM incoming i, moment
    ON CONFLICT (id) DO NOTHING
    RETURNING id, form, state
  ), replaced AS (
    UPDATE ${SCHEMA}.submission s SET state = CASE WHEN i.code IS NULL THEN 'waiting' ELSE 'dead' END,
      due_at = CASE WHEN i.code IS NULL THEN now END, settles_at = NULL, attempts_since_redrive = 0, losses = 0,
      acting = false, approved = false, code = i.code, reason = i.reason, service_slug = i.service_slug,
      traceparent = i.traceparent, key_id = i.key_id, files = i.files, revision = s.revision + 1, changed_at = now
    FROM incoming i, moment
    WHERE s.id = i.id AND s.state = 'dead' AND NOT s.uncertain
      -- Not if the letter holds a file that the copy lacks. Files are told apart by their places: in a copy that lists fewer
      -- of them, another file may stand in the same place.
      AND (i.code IS NULL OR (${holds('s.files', "NOT f ? 'id'")}
        AND (NOT ${holds('s.files', "f ? 'id'")} OR jsonb_array_length(s.files) <= jsonb_array_length(i.files))
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(s.files) WITH ORDINALITY AS h (file, place)
          WHERE h.file ? 'id' AND (i.files -> (h.place::int - 1) ->> 'id') IS NULL)))
    RETURNING s.id, s.form, s.state
  ), written AS (
    SELECT id, form, state, 'accepted' AS outcome FROM accepted UNION ALL SELECT id, form, state, 'replaced' FROM replaced
  ), letters AS (
    INSERT INTO ${SCHEMA}.letter (submission, jwe) SELECT i.id, i.jwe FROM written w JOIN incoming i ON i.id = w.id
    ON CONFLICT (submission) DO UPDATE SET jwe = excluded.jwe
  ), detached AS (
    -- The files of the old copy have no owner now: the sweep finds them.
    DELETE FROM ${SCHEMA}.attachment WHERE submission IN (SELECT id FROM replaced)
  ), attached AS (
    -- Fails when a file was given up: then nothing of the batch is written.
    INSERT INTO ${SCHEMA}.attachment (id, submission)
    SELECT (f->>'id')::uuid, i.id FROM written w JOIN incoming i ON i.id = w.id, jsonb_array_elements(i.files) f WHERE f ? 'id'
  ), cleared AS (
    DELETE FROM ${SCHEMA}.failed_delivery WHERE id IN (
      SELECT f.id FROM ${SCHEMA}.failed_delivery f JOIN incoming i ON i.id = f.id ORDER BY f.id FOR UPDATE OF f)
  ), noted AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, code, reason)
    SELECT id, now, 'replaced', NULL, NULL FROM replaced, moment
    UNION ALL
    -- The files of such a copy were captured in part and are removed: its sender is told that the submission is held.
    SELECT i.id, now, '${NOT_TAKEN}', i.code, i.reason
    FROM incoming i JOIN ${SCHEMA}.submission s ON s.id = i.id, moment
    WHERE i.code IS NOT NULL AND s.state = 'dead' AND NOT s.uncertain AND i.id NOT IN (SELECT id FROM written)
  ), counted AS (
    ${addToHour(
      `SELECT form, 'accepted' AS what FROM accepted UNION ALL SELECT form, 'dead' FROM written WHERE state = 'dead'`,
      '(SELECT now FROM moment)',
      '$2::int',
    )}
  )
  SELECT id::text AS id, outcome FROM written`,
}

/** The values of `ACCEPT`, of submissions whose ids differ. */
export function acceptValues(submissions: ReadonlyMap<string, Incoming>, slot: number, now: Date | null): unknown[] {
  const rows = [...submissions]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, incoming]) => {
      const dead = deadFromStart(incoming)
      return {
        id,
        form: incoming.form,
        submission_id: incoming.submissionId,
        service_slug: storable(incoming.serviceSlug),
        jwe: incoming.jwe,
        files: incoming.files,
        traceparent: storableTraceparent(incoming.traceparent),
        key_id: incoming.keyId ?? null,
        code: dead?.code ?? null,
        reason: dead?.reason ?? null,
      }
    })
  return [JSON.stringify(rows), slot, now]
}

/** One result for each submission, in their order: of copies in one batch the first is the one that was written. */
export function acceptResults(
  ids: readonly string[],
  written: readonly { readonly id: string; readonly outcome: Accepted }[],
): Accepted[] {
  const outcomes = new Map(written.map(({ id, outcome }) => [id, outcome]))
  return ids.map((id) => {
    const outcome = outcomes.get(id) ?? 'duplicate'
    outcomes.delete(id)
    return outcome
  })
}

/** `(id) -> (held)`. */
export const IS_HELD: Statement = {
  name: 'is-held',
  text: `SELECT NOT (state = 'dead' AND NOT uncertain) AS held FROM ${SCHEMA}.submission WHERE id = $1`,
}

const IS_OVER = `EXISTS (SELECT FROM ${SCHEMA}.submission s
    WHERE s.id = failed_delivery.id AND s.changed_at > failed_delivery.changed_at)`

/** `(id, form, submission_id, host, code, now) -> (count, firstAt, sinceFirstSeconds)`. */
export const COUNT_FAILED_DELIVERY: Statement = {
  name: 'count-failed-delivery',
  text: `
  INSERT INTO ${SCHEMA}.failed_delivery (id, form, submission_id, host, code, count, first_at, changed_at)
  SELECT $1::uuid, $2, $3, $4, $5, 1, now, now FROM (SELECT ${time('$6')} AS now) moment
  ON CONFLICT (id) DO UPDATE SET count = CASE WHEN ${IS_OVER} THEN 1 ELSE failed_delivery.count + 1 END,
    first_at = CASE WHEN ${IS_OVER} THEN excluded.first_at ELSE LEAST(failed_delivery.first_at, excluded.first_at) END,
    host = excluded.host, code = excluded.code, changed_at = excluded.changed_at
  RETURNING count, first_at AS "firstAt", EXTRACT(EPOCH FROM changed_at - first_at)::float8 AS "sinceFirstSeconds"`,
}

/** The values of `COUNT_FAILED_DELIVERY`. */
export function failedDeliveryValues({ form, submissionId, host, code }: FailedDelivery, now: Date | null): unknown[] {
  return [rowId(form, submissionId), form, submissionId, host, code, now]
}
