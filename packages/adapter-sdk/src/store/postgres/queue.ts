/** The statements of the worker: settle and claim, leases and losses. */
import type { Ending } from '../claim.ts'
import type { ClaimRef, LostAttempt, Settled, Turn } from '../store.ts'
import { storableOrNull } from '../text.ts'
import { addToHour, DUE_CHANNEL, time } from './accept.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

const seconds = (expression: string) => `(${expression}) * interval '1 second'`

/** Columns of a claim, as the worker reads them. */
const CLAIM = `c.id::text AS id, c.form, c.submission_id AS "submissionId", l.jwe, c.files, c.attempts AS attempt,
  c.attempts_since_redrive AS "attemptsSinceRedrive", c.losses, c.uncertain, c.was_approved AS approved,
  c.received_at AS "receivedAt", c.reference AS "previousReference", c.traceparent, c.was_due_at AS "dueAt", c.revision`

const MOMENT = (now: string) => `moment AS MATERIALIZED (SELECT ${time(now)} AS now)`

/** Settles JSON rows of `ENDED`; `settled` and `late` are what was changed. */
const settle = (endings: string, slot: string) => `
  ended AS MATERIALIZED (
    SELECT * FROM json_to_recordset(${endings}::json) AS e (id uuid, attempt int, outcome text, uncertain boolean, code text,
      reason text, reference text, delay float8, settle float8)
  ), settled AS (
    UPDATE ${SCHEMA}.submission s SET state = CASE e.outcome WHEN 'retry' THEN 'waiting' ELSE e.outcome END,
      due_at = CASE WHEN e.outcome = 'retry' THEN GREATEST(now + ${seconds('e.delay')}, e.settles_at) END,
      settles_at = e.settles_at, uncertain = e.uncertain, code = e.code, reason = e.reason,
      reference = COALESCE(e.reference, s.reference), acting = false, revision = s.revision + 1, changed_at = now
    FROM (
      SELECT e.*, now, CASE WHEN NOT e.uncertain THEN NULL
        WHEN e.settle IS NULL THEN o.settles_at ELSE now + ${seconds('e.settle')} END AS settles_at
      FROM ended e JOIN ${SCHEMA}.submission o ON o.id = e.id, moment
    ) e
    WHERE s.id = e.id AND ((s.state = 'running' AND s.attempts = e.attempt)
      OR (e.outcome = 'delivered' AND s.state IN ('waiting', 'running', 'dead')))
    RETURNING s.id, s.form, s.state, e.attempt, e.outcome, s.code, s.reason
  ), late AS (
    -- A success of what a person has discarded: the case exists, and that is on record.
    UPDATE ${SCHEMA}.submission s SET reference = COALESCE(e.reference, s.reference), revision = s.revision + 1
    FROM ended e
    WHERE s.id = e.id AND e.outcome = 'delivered' AND s.state = 'discarded' AND NOT EXISTS (
      SELECT FROM ${SCHEMA}.history h WHERE h.submission = e.id AND h.what = 'attempt delivered' AND h.attempt = e.attempt)
    RETURNING s.id, e.attempt, e.outcome
  ), settled_history AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, attempt, code, reason)
    SELECT id, now, 'attempt ' || outcome, attempt, code, reason FROM settled, moment
    UNION ALL SELECT id, now, 'attempt ' || outcome, attempt, NULL, NULL FROM late, moment
  ), settled_count AS (
    ${addToHour(`SELECT form, state AS what FROM settled WHERE state <> 'waiting'`, '(SELECT now FROM moment)', slot)}
  )`

/** One kind of waiting submissions of a form, longest due first. The conditions are those of the partial indexes. */
const due = (losses: string, most: string, horizon: string, but: string) => {
  const found = ['s.due_at <= moment.now', tooFar(horizon)].map(
    (condition) => `
        SELECT * FROM (
          SELECT s.id, s.due_at, s.approved FROM ${SCHEMA}.submission s
          WHERE s.form = w.form AND s.state = 'waiting' AND s.losses ${losses} AND ${condition} ${but}
          ORDER BY s.due_at LIMIT ${most} FOR UPDATE SKIP LOCKED
        ) found`,
  )
  // Rows are locked as they are read, so that none beyond the limit is.
  return `SELECT * FROM (${found.join(' UNION ALL ')}) both_kinds LIMIT ${most}`
}

/**
 * Further ahead than the horizon: a clock was wrong, and what it wrote is due now. An unknown outcome with a plausible time to
 * settle still waits for it.
 */
const tooFar = (horizon: string) => {
  const end = `moment.now + ${seconds(horizon)}`
  return `s.due_at > ${end} AND NOT (s.uncertain AND s.settles_at IS NOT NULL AND s.settles_at > moment.now AND s.settles_at <= ${end})`
}

/** Claims what JSON rows of `wanted` ask for; `claimed` is what was claimed. `but`: what must not be claimed. */
const claim = (wanted: string, lease: string, horizon: string, but: string) => `
  wanted AS MATERIALIZED (
    SELECT * FROM json_to_recordset(${wanted}::json) AS w (form text, most int, suspects int)
    WHERE NOT EXISTS (SELECT FROM ${SCHEMA}.form f WHERE f.name = w.form AND f.paused_at IS NOT NULL)),
  picked AS MATERIALIZED (
    SELECT p.* FROM wanted w, moment, LATERAL (
      (${due('= 0', 'w.most', horizon, but)}) UNION ALL (${due('> 0', 'w.suspects', horizon, but)})
    ) p
  ), claimed AS (
    UPDATE ${SCHEMA}.submission s SET state = 'running', due_at = now + ${seconds(lease)}, attempts = s.attempts + 1,
      attempts_since_redrive = s.attempts_since_redrive + 1, acting = false, approved = false,
      revision = s.revision + 1, changed_at = now
    FROM picked p, moment WHERE s.id = p.id
    RETURNING s.*, p.approved AS was_approved, p.due_at AS was_due_at
  ), claimed_history AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, attempt) SELECT id, now, 'attempt started', attempts FROM claimed, moment
  )
  SELECT ${CLAIM} FROM claimed c JOIN ${SCHEMA}.letter l ON l.submission = c.id ORDER BY c.was_due_at`

/** `(endings, slot, now) -> no rows`. */
export const SETTLE: Statement = {
  name: 'settle',
  // What changes rows runs in any case; a SELECT alone would answer with a row of no columns.
  text: `WITH ${MOMENT('$3')}, ${settle('$1', '$2::int')} SELECT WHERE false`,
}

/** `(wanted, lease, horizon, now) -> claims`. */
export const CLAIM_DUE: Statement = {
  name: 'claim',
  text: `WITH ${MOMENT('$4')}, ${claim('$1', '$2::float8', '$3::float8', '')}`,
}

/** `(endings, slot, wanted, lease, horizon, now) -> claims`: both, in one transaction. */
export const SETTLE_AND_CLAIM: Statement = {
  name: 'settle-and-claim',
  text: `WITH ${MOMENT('$6')}, ${settle('$1', '$2::int')}, ${claim(
    '$3',
    '$4::float8',
    '$5::float8',
    // In one statement a row can be changed once: what is settled here is claimed by the next turn.
    'AND NOT EXISTS (SELECT FROM ended e WHERE e.id = s.id)',
  )}`,
}

/** Rows of `ENDED`. Of two endings of one submission a success counts; the other attempt is not the caller's any more. */
export function endedRows(settled: readonly Settled[]): string {
  const rows = new Map<string, object>()
  const inOrder = settled.toSorted(
    (a, b) => Number(isSuccess(a.ending)) - Number(isSuccess(b.ending)) || a.claim.attempt - b.claim.attempt,
  )
  for (const { claim, ending } of inOrder) rows.set(claim.id, { ...claimRow(claim), ...endingRow(ending) })
  return JSON.stringify([...rows.values()].toSorted(byId))
}

/** Rows of `wanted`. */
export function wantedRows({ claim }: Turn): string {
  return JSON.stringify(claim.map(({ form, most, suspects }) => ({ form, most, suspects })))
}

/** `(horizon, now) -> overdue`. */
export const OVERDUE: Statement = {
  name: 'overdue',
  text: ['s.due_at < moment.now', `s.due_at > moment.now + ${seconds('$1::float8')}`]
    .map(
      (condition) => `
  SELECT s.id::text AS id, s.attempts AS attempt, s.form, s.submission_id AS "submissionId",
    s.attempts_since_redrive AS "attemptsSinceRedrive", s.losses, s.due_at AS "dueAt"
  FROM (SELECT ${time('$2')} AS now) moment, ${SCHEMA}.submission s WHERE s.state = 'running' AND ${condition}`,
    )
    .join(' UNION ALL '),
}

/** `(lost, slot, now) -> what was ended`. Times are compared in milliseconds: more does not survive the way through here. */
export const END_LOST: Statement = {
  name: 'end-lost',
  text: `
  WITH ${MOMENT('$3')}, seen AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS l (id uuid, attempt int, due_at timestamptz, loss text, can_confirm boolean,
      delay float8, settle float8, lease float8, most int)
  ), held AS MATERIALIZED (
    SELECT s.id, l.attempt, now, s.losses + 1 AS losses, s.losses + 1 >= l.most AS is_last, l.can_confirm, l.delay,
      s.uncertain OR n.unknown AS uncertain,
      CASE WHEN n.unknown THEN LEAST(s.due_at - ${seconds('l.lease')}, now) + ${seconds('l.settle')} ELSE s.settles_at END AS settles_at
    FROM seen l JOIN ${SCHEMA}.submission s ON s.id = l.id, moment,
      LATERAL (SELECT l.loss = 'uncertain' OR (l.loss = 'uncertain-if-acting' AND s.acting) AS unknown) n
    WHERE s.state = 'running' AND s.attempts = l.attempt AND date_trunc('milliseconds', s.due_at) = l.due_at
    ORDER BY s.id FOR UPDATE OF s
  ), lost AS (
    UPDATE ${SCHEMA}.submission s SET losses = h.losses, uncertain = h.uncertain, settles_at = h.settles_at, acting = false,
      state = CASE WHEN h.is_last OR (h.uncertain AND NOT h.can_confirm) THEN 'dead' ELSE 'waiting' END,
      due_at = CASE WHEN h.is_last OR (h.uncertain AND NOT h.can_confirm) THEN NULL
        ELSE GREATEST(now + ${seconds('h.delay')}, CASE WHEN h.uncertain THEN h.settles_at END) END,
      code = CASE WHEN h.uncertain AND NOT h.can_confirm AND NOT h.is_last THEN 'ERR_OUTCOME_UNCERTAIN' ELSE 'ERR_ATTEMPT_LOST' END,
      reason = h.losses || CASE h.losses WHEN 1 THEN ' attempt was' ELSE ' attempts were' END || ' lost with the process that ran it',
      revision = s.revision + 1, changed_at = now
    FROM held h WHERE s.id = h.id
    RETURNING s.id, s.form, s.submission_id, h.attempt, s.state, s.uncertain, s.losses, s.code, s.reason
  ), lost_history AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, attempt, code, reason)
    SELECT id, now, 'attempt lost', attempt, 'ERR_ATTEMPT_LOST', NULL FROM lost, moment
  ), lost_count AS (
    ${addToHour(`SELECT form, state AS what FROM lost WHERE state = 'dead'`, '(SELECT now FROM moment)', '$2::int')}
  )
  SELECT id::text AS id, form, submission_id AS "submissionId", attempt, state, uncertain, losses, code FROM lost`,
}

/** Rows of `END_LOST`. */
export function lostRows(lost: readonly LostAttempt[]): string {
  const rows = lost.map(({ seen, loss, canConfirm, delaySeconds, settleSeconds, leaseSeconds, mostLosses }) => ({
    ...claimRow(seen),
    due_at: seen.dueAt,
    loss,
    can_confirm: canConfirm,
    delay: delaySeconds,
    settle: settleSeconds,
    lease: leaseSeconds,
    most: mostLosses,
  }))
  return JSON.stringify(rows)
}

const CLAIMS = `json_to_recordset($1::json) AS c (id uuid, attempt int)`

/** `(claims, now) -> (id, attempt)` of those that are still the caller's. */
export const ACTING: Statement = {
  name: 'acting',
  text: `
  WITH ${MOMENT('$2')}, acting AS (
    UPDATE ${SCHEMA}.submission s SET acting = true, revision = s.revision + 1 FROM ${CLAIMS}
    WHERE s.id = c.id AND s.state = 'running' AND s.attempts = c.attempt
    RETURNING s.id, c.attempt
  ), acting_history AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, attempt) SELECT id, now, 'acting', attempt FROM acting, moment
  )
  SELECT id::text AS id, attempt FROM acting`,
}

/** `(claims, lease, now) -> (id, attempt)` of those that are still the caller's. */
export const RENEW: Statement = {
  name: 'renew',
  text: `
  UPDATE ${SCHEMA}.submission s SET due_at = ${time('$3')} + ${seconds('$2::float8')} FROM ${CLAIMS}
  WHERE s.id = c.id AND s.state = 'running' AND s.attempts = c.attempt
  RETURNING s.id::text AS id, c.attempt`,
}

/** `(claims)`: claimed and never begun, with what they were before. What has changed since its claim is left as it is. */
export const RELEASE: Statement = {
  name: 'release',
  text: `
  WITH released AS (
    UPDATE ${SCHEMA}.submission s SET state = 'waiting', due_at = c.due_at, approved = c.approved,
      attempts = s.attempts - 1, attempts_since_redrive = s.attempts_since_redrive - 1, revision = s.revision + 1
    FROM json_to_recordset($1::json) AS c (id uuid, attempt int, due_at timestamptz, approved boolean, revision int)
    WHERE s.id = c.id AND s.state = 'running' AND s.revision = c.revision
    RETURNING s.id, c.attempt
  ), forgotten AS (
    DELETE FROM ${SCHEMA}.history h USING released r
    WHERE h.submission = r.id AND h.attempt = r.attempt AND h.what = 'attempt started'
  )
  SELECT pg_notify('${DUE_CHANNEL}', '') FROM (SELECT FROM released LIMIT 1) r`,
}

/** One attempt in a JSON row. */
export function claimRow({ id, attempt }: ClaimRef): { readonly id: string; readonly attempt: number } {
  return { id, attempt }
}

/** Rows in the order of their ids: two processes lock the same rows in one order. */
export function byId(a: object, b: object): number {
  return 'id' in a && 'id' in b && String(a.id) < String(b.id) ? -1 : 1
}

function isSuccess(ending: Ending): boolean {
  return ending.outcome === 'delivered'
}

function endingRow(ending: Ending): object {
  const failed = ending.outcome === 'delivered' ? undefined : ending
  return {
    outcome: ending.outcome,
    uncertain: failed?.uncertain ?? false,
    code: failed?.code ?? null,
    reason: storableOrNull(failed?.reason),
    reference: storableOrNull(ending.reference),
    delay: ending.outcome === 'retry' ? ending.delaySeconds : null,
    settle: failed?.settleSeconds ?? null,
  }
}
