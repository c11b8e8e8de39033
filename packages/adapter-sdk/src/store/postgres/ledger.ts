/** The statements of operators: what there is, what happened, and what people do. */
import { hash } from 'node:crypto'
import type { Filter, State } from '../entry.ts'
import type { Chosen, Page, Position, Step, WalkState } from '../store.ts'
import { isRowId } from '../submission.ts'
import { OUR_REASONS, storable, storableFilter, storableOrNull } from '../text.ts'
import { DUE_CHANNEL, time } from './accept.ts'
import type { Statement } from './pool.ts'
import { byId } from './queue.ts'
import { SCHEMA } from './tables.ts'

/** A time as ISO 8601. */
export const iso = (expression: string) => `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const ENTRY = `s.id::text AS id, s.submission_id AS "submissionId", s.form, s.service_slug AS "serviceSlug", s.state,
  s.uncertain, s.code, s.reason, s.reference, s.attempts, s.losses, s.revision,
  (SELECT count(*)::int FROM jsonb_array_elements(s.files) f WHERE f ? 'id') AS files,
  (SELECT count(*)::int FROM jsonb_array_elements(s.files) f WHERE NOT f ? 'id') AS "missingFiles",
  ${iso('s.received_at')} AS "receivedAt", ${iso('s.changed_at')} AS "changedAt", ${iso('s.due_at')} AS "dueAt",
  ${iso('s.settles_at')} AS "settlesAt"`

/** A statement made for a filter. Filters that ask for the same columns share its name. */
export interface Filtered extends Statement {
  readonly values: readonly unknown[]
}

/** Newest first. */
export function list(filter: Filter, page: Page): Filtered {
  const { where, values } = conditions(filter)
  const limit = Math.min(Math.max(Math.trunc(page.limit), 1), 1000)
  const position = `$${values.length + 1}`
  // The rows of a page are found by little of them: what the others have is not read.
  const ids = `SELECT s.id FROM ${source(filter)} ${where}
    ORDER BY s.received_at DESC, s.id LIMIT ${position} OFFSET $${values.length + 2}`
  const text = `SELECT ${ENTRY} FROM ${SCHEMA}.submission s WHERE s.id = ANY(ARRAY(${ids}))
    ORDER BY s.received_at DESC, s.id`
  return { ...named('list', text), values: [...values, limit, Math.max(Math.trunc(page.offset), 0)] }
}

/** Indexes that hold a state, each read in its own order. */
const WALKS = {
  dead: [{ which: `s.state = 'dead'`, order: [['s.changed_at', 'time']] }],
  waiting: ['s.losses = 0', 's.losses > 0'].map((losses) => ({
    which: `s.state = 'waiting' AND ${losses}`,
    order: [
      ['s.form', 'text'],
      ['s.due_at', 'time'],
    ],
  })),
} as const

const microseconds = (expression: string) => `(EXTRACT(EPOCH FROM ${expression}) * 1000000)::float8`
const timeOf = (position: string) => `timestamptz 'epoch' + ${position}::float8 * interval '1 microsecond'`

/** The year 9999, in microseconds. */
const NEVER = 253_370_764_800_000_000

/** A row of a walk: the entry with its place. */
export interface WalkRow {
  readonly walked: readonly (string | number)[]
  readonly latest: number
}

/** Each row once: what an action moves leaves the state, or is left out by `until`. */
export function walk(state: WalkState, filter: Filter, { limit, after, until }: Step): Filtered {
  const [part = 0, ...from] = (after ?? []) as [number, ...(string | number)[]]
  const { which, order } = WALKS[state][part] as (typeof WALKS)['dead'][0] | (typeof WALKS)['waiting'][0]
  const { where, values: given } = conditions({ ...filter, state: undefined })
  const values = [...given]
  const found = [which, ...(where === '' ? [] : [where.slice('WHERE '.length)])]
  const value = (each: string | number) => `$${values.push(each)}`
  if (until !== undefined) found.push(`s.changed_at <= ${timeOf(value(until))}`)
  const columns = order.map(([column]) => column)
  if (from.length > 0) {
    const places = order.map(([, type], i) => {
      const position = value(from[i] as string | number)
      return type === 'time' ? timeOf(position) : position
    })
    const id = value(from.at(-1) as string)
    // The first comparison is the one that the index answers.
    found.push(`(${columns.join(', ')}) >= (${places.join(', ')})`)
    found.push(`(${columns.join(', ')}, s.id) > (${places.join(', ')}, ${id}::uuid)`)
  }
  const walked = order.map(([column, type]) => (type === 'time' ? microseconds(column) : column))
  const text = `SELECT ${ENTRY}, json_build_array(${walked.join(', ')}, s.id) AS walked, ${microseconds('s.changed_at')} AS latest
    FROM ${SCHEMA}.submission s WHERE ${found.join(' AND ')} ORDER BY ${columns.join(', ')}, s.id LIMIT ${Math.trunc(limit)}`
  return { ...named('walk', text), values }
}

/** Where a walk goes on. */
export function nextPosition(state: WalkState, { limit, after }: Step, rows: readonly WalkRow[]): Position | null {
  const part = Number(after?.[0] ?? 0)
  const last = rows.at(-1)
  if (rows.length === limit && last !== undefined) return [part, ...last.walked]
  return part + 1 < WALKS[state].length ? [part + 1] : null
}

/** Reasons of attempts: those of people, which have no code, are none that a submission can be found by. */
const ofAttempts = (
  condition: string,
) => `SELECT reason COLLATE "C" AS reason FROM ${SCHEMA}.submission WHERE reason ${condition}
      UNION SELECT reason FROM ${SCHEMA}.history WHERE reason ${condition} AND code IS NOT NULL`

/** `(reason or null)`: forms, codes and reasons that stand anywhere. */
export const MENTIONED: Statement = {
  name: 'mentioned',
  text: `
  SELECT ARRAY(SELECT name FROM ${SCHEMA}.form UNION SELECT form FROM ${SCHEMA}.submission ORDER BY 1) AS forms,
    ARRAY(SELECT code FROM ${SCHEMA}.submission WHERE code IS NOT NULL
      UNION SELECT code FROM ${SCHEMA}.history WHERE code IS NOT NULL ORDER BY 1) AS codes,
    ARRAY((${ofAttempts('= $1')} LIMIT 1)
      UNION (${ofAttempts('IS NOT NULL')} ORDER BY 1 LIMIT 10) ORDER BY 1) AS reasons`,
}

/** How many, counted up to `most`. */
export function count(filter: Filter, most: number | null = null): Filtered {
  const { where, values } = conditions(filter)
  const rows = `SELECT FROM ${source(filter)} ${where} LIMIT $${values.length + 1}::bigint`
  return { ...named('count', `SELECT count(*)::int AS count FROM (${rows}) found`), values: [...values, most] }
}

/** `(before, newer)`: when the submission was received after which so many were. */
export const RECEIVED_BEHIND: Statement = {
  name: 'received-behind',
  text: `
  SELECT received_at AS "receivedAt" FROM ${SCHEMA}.submission WHERE received_at < COALESCE($1::timestamptz, 'infinity')
  ORDER BY received_at DESC LIMIT 1 OFFSET $2`,
}

/** `(received, id, received from, rows before the last) -> position`: where a step of a scan ends. */
export const SCAN_END: Statement = {
  name: 'scan-end',
  text: `
  SELECT json_build_array(${microseconds('received_at')}, id) AS position FROM ${SCHEMA}.submission
  WHERE received_at <= ${timeOf('$1')} AND (received_at, id) < (${timeOf('$1')}, $2::uuid)
    AND received_at >= COALESCE($3::timestamptz, '-infinity')
  ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET $4`,
}

/** Where a scan starts. */
export const SCAN_START: Position = [NEVER, 'ffffffff-ffff-ffff-ffff-ffffffffffff']

/** What matches from one position to another, newest first. */
export function scan(filter: Filter, from: Position, end: Position | null): Filtered {
  const { where, values: given } = conditions({ ...filter, byReceipt: true })
  const values = [...given]
  const value = (each: unknown) => `$${values.push(each)}`
  const [newest, above] = from.map(value) as [string, string]
  const found = [
    ...(where === '' ? [] : [where.slice('WHERE '.length)]),
    `s.received_at <= ${timeOf(newest)} AND (s.received_at, s.id) < (${timeOf(newest)}, ${above}::uuid)`,
  ]
  const [oldest, last] = (end ?? [0, '00000000-0000-0000-0000-000000000000']).map(value) as [string, string]
  found.push(`s.received_at >= ${timeOf(oldest)} AND (s.received_at, s.id) >= (${timeOf(oldest)}, ${last}::uuid)`)
  const text = `SELECT ${ENTRY} FROM ${SCHEMA}.submission s WHERE ${found.join(' AND ')}
    ORDER BY s.received_at DESC, s.id DESC`
  return { ...named('scan', text), values }
}

/** `(id)`: what only the page of one shows. */
export const DETAIL: Statement = {
  name: 'detail',
  text: `
  SELECT files, traceparent, attempts_since_redrive AS "attemptsSinceRedrive", approved, erased_at IS NOT NULL AS erased
  FROM ${SCHEMA}.submission WHERE id = $1`,
}

/** `(id) -> moments`, oldest first. */
export const HISTORY: Statement = {
  name: 'history',
  text: `
  SELECT ${iso('at')} AS at, what, attempt, code, reason, by FROM (
    SELECT 0::bigint AS seq, received_at AS at, 'received' AS what, NULL::int AS attempt, NULL AS code, NULL AS reason, NULL AS by
    FROM ${SCHEMA}.submission WHERE id = $1
    UNION ALL SELECT seq, at, what, attempt, code, reason, by FROM ${SCHEMA}.history WHERE submission = $1
  ) moment ORDER BY seq`,
}

/** `(now) -> counts`: reads what waits, runs and is dead, and no row of what has ended. */
export const COUNTS: Statement = {
  name: 'counts',
  text: `
  WITH paused AS (SELECT name FROM ${SCHEMA}.form WHERE paused_at IS NOT NULL), waiting AS (
    SELECT received_at, attempts_since_redrive, code, form IN (SELECT name FROM paused) AS is_paused
    FROM ${SCHEMA}.submission WHERE state = 'waiting' AND losses = 0
    UNION ALL SELECT received_at, attempts_since_redrive, code, form IN (SELECT name FROM paused)
    FROM ${SCHEMA}.submission WHERE state = 'waiting' AND losses > 0
  ), running AS (SELECT received_at FROM ${SCHEMA}.submission WHERE state = 'running')
  SELECT (SELECT count(*)::int FROM waiting) AS waiting, (SELECT count(*)::int FROM running) AS running,
    (SELECT count(*)::int FROM waiting WHERE is_paused) AS paused,
    (SELECT count(*)::int FROM waiting WHERE attempts_since_redrive > 0 AND code IS NOT NULL) AS retrying,
    COALESCE(GREATEST(EXTRACT(EPOCH FROM ${time('$1')} - LEAST((SELECT min(received_at) FROM waiting WHERE NOT is_paused),
      (SELECT min(received_at) FROM running))), 0), 0)::float8 AS "oldestWaitingSeconds",
    (SELECT count(*)::int FROM ${SCHEMA}.submission WHERE state = 'dead') AS dead,
    (SELECT COALESCE(sum(count), 0)::float8 FROM ${SCHEMA}.hourly WHERE what = 'delivered') AS delivered,
    COALESCE((SELECT EXTRACT(EPOCH FROM max(received_at))::float8 FROM ${SCHEMA}.submission),
      (SELECT 0::float8 WHERE EXISTS (SELECT FROM ${SCHEMA}.hourly WHERE what = 'accepted'))) AS "lastAcceptedSeconds"`,
}

/** Dead letters by code. */
export const DEAD_BY_CODE: Statement = {
  name: 'dead-by-code',
  text: `SELECT COALESCE(code, '') AS code, count(*)::int AS count FROM ${SCHEMA}.submission WHERE state = 'dead' GROUP BY 1`,
}

/** Most numerous first. */
export const DEAD_GROUPS: Statement = {
  name: 'dead-groups',
  text: `
  SELECT form, COALESCE(code, '') AS code, count(*)::int AS count, (count(*) FILTER (WHERE uncertain))::int AS uncertain,
    ${iso('min(changed_at)')} AS since
  FROM ${SCHEMA}.submission WHERE state = 'dead' GROUP BY form, COALESCE(code, '') ORDER BY count DESC, form, code`,
}

/** `(most)`: most numerous first, in our words only. */
export const DEAD_REASONS: Statement = {
  name: 'dead-reasons',
  text: `
  SELECT form, COALESCE(code, '') AS code, reason, count(*)::int AS count, (count(*) FILTER (WHERE uncertain))::int AS uncertain,
    ${iso('min(changed_at)')} AS since
  FROM ${SCHEMA}.submission WHERE state = 'dead' AND reason IS NOT NULL AND (${OUR_REASONS.join(' OR ')})
  GROUP BY form, COALESCE(code, ''), reason ORDER BY count DESC, form, code, reason LIMIT $1`,
}

/** `(hours, now, form)`: oldest first, of a form or of all, an hour in which nothing happened too. */
export const HOURS: Statement = {
  name: 'hours',
  text: `
  SELECT to_char(h AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS hour,
    ${['accepted', 'delivered', 'dead']
      .map((what) => `COALESCE(sum(count) FILTER (WHERE what = '${what}'), 0)::float8 AS ${what}`)
      .join(', ')}
  FROM (SELECT date_trunc('hour', ${time('$2')}) AS current) moment,
    generate_series(current - ($1::int - 1) * interval '1 hour', current, interval '1 hour') h
    LEFT JOIN ${SCHEMA}.hourly ON hourly.hour = h AND ($3::text IS NULL OR hourly.form = $3::text) GROUP BY h ORDER BY h`,
}

/** `(limit, offset)`: what people did, newest first. */
export const ACTIONS: Statement = {
  name: 'actions',
  text: `
  SELECT ${iso('h.at')} AS at, h.what AS action, h.by, h.reason, s.id::text AS id, s.submission_id AS "submissionId",
    COALESCE(s.form, h.form) AS form
  FROM ${SCHEMA}.history h LEFT JOIN ${SCHEMA}.submission s ON s.id = h.submission
  WHERE h.by IS NOT NULL ORDER BY h.seq DESC LIMIT $1 OFFSET $2`,
}

/**
 * `(now) -> waiting`, most numerous first. A delivery that failed before the submission was accepted elsewhere, or last
 * changed, keeps nobody waiting.
 */
export const WAITING_FOR_FILES: Statement = {
  name: 'waiting-for-files',
  text: `
  WITH waiting AS (
    SELECT f.host, f.code, f.first_at, f.submission_id,
      row_number() OVER (PARTITION BY f.host, f.code ORDER BY f.first_at, f.submission_id) AS place
    FROM ${SCHEMA}.failed_delivery f
    WHERE NOT EXISTS (SELECT FROM ${SCHEMA}.submission s
      WHERE s.id = f.id AND (s.state <> 'dead' OR s.uncertain OR s.changed_at > f.changed_at))
  )
  SELECT host, code, count(*)::int AS count, ${iso('min(first_at)')} AS since,
    GREATEST(0, EXTRACT(EPOCH FROM ${time('$1')} - min(first_at)))::float8 AS "oldestSeconds",
    json_agg(submission_id ORDER BY place) FILTER (WHERE place <= 5) AS "submissionIds"
  FROM waiting GROUP BY host, code ORDER BY count DESC, host NULLS FIRST, code`,
}

/**
 * `(chosen, by, reason, now, from) -> moved`: of the chosen ones, those that are still as they were shown, in the state
 * `from`. A state that is a value keeps the plan from the partial indexes, which may hold many more than were chosen.
 */
function action(name: string, what: string, to: string): Statement {
  return {
    name,
    text: `
  WITH moment AS MATERIALIZED (SELECT ${time('$4')} AS now),
  chosen AS MATERIALIZED (
    SELECT s.id FROM json_to_recordset($1::json) AS c (id uuid, revision int)
      JOIN ${SCHEMA}.submission s ON s.id = c.id AND s.revision = c.revision
    WHERE s.state = $5 ORDER BY s.id FOR UPDATE OF s
  ), moved AS (
    UPDATE ${SCHEMA}.submission s SET ${to}, revision = s.revision + 1 FROM chosen, moment
    WHERE s.id = chosen.id
    RETURNING s.id, s.form, s.submission_id, s.uncertain, s.due_at, s.state
  ), noted AS (
    INSERT INTO ${SCHEMA}.history (submission, at, what, by, reason) SELECT id, now, '${what}', $2, $3 FROM moved, moment
  ), notified AS MATERIALIZED (
    SELECT pg_notify('${DUE_CHANNEL}', '') FROM (SELECT FROM moved WHERE state = 'waiting' LIMIT 1) m
  )
  SELECT m.id::text AS id, m.form, m.submission_id AS "submissionId", m.uncertain, ${iso('m.due_at')} AS "dueAt"
  FROM moved m LEFT JOIN notified ON true`,
  }
}

const DUE_NOW = 'due_at = CASE WHEN s.uncertain THEN GREATEST(now, s.settles_at) ELSE now END'

const redriven = (approved: boolean) =>
  `state = 'waiting', approved = ${approved}, attempts_since_redrive = 0, losses = 0, changed_at = now, ${DUE_NOW}`

/** Dead letters are put back, approved, with all their retries. */
export const REDRIVE = action('redrive', 'redriven', redriven(true))

/** The same, without a person's approval: an uncertain one is handled only if its form asks the case system first. */
export const REDRIVE_UNAPPROVED = action('redrive-unapproved', 'redriven', redriven(false))

/** Dead letters are ended. */
export const DISCARD = action('discard', 'discarded', `state = 'discarded', due_at = NULL, changed_at = now`)

/** What waits for a retry is due now. */
export const RETRY_NOW = action('retry-now', 'retry now', `changed_at = now, ${DUE_NOW}`)

/** The values of an action. */
export function actionValues(
  from: 'dead' | 'waiting',
  chosen: Chosen,
  by: string,
  reason: string | null,
  now: Date | null,
): unknown[] {
  const rows = chosen.filter(({ id }) => isRowId(id)).map(({ id, revision }) => ({ id, revision }))
  return [JSON.stringify(rows.toSorted(byId)), storable(by, 200), storableOrNull(reason), now, from]
}

/** Only conditions that are asked for stand in the text: each combination is planned for itself. */
function conditions(given: Filter): { readonly where: string; readonly values: readonly unknown[] } {
  const filter = storableFilter(given)
  const found: string[] = []
  const values: unknown[] = []
  const add = (condition: (position: string) => string, value: unknown) => {
    if (value === undefined) return
    values.push(value)
    found.push(condition(`$${values.length}`))
  }
  const { id, idPrefix, byReceipt = false } = filter
  if (id !== undefined) {
    const isRow = isRowId(id.toLowerCase())
    // Each by its index: an OR of two would be looked for in every row.
    const either = (p: string) => `s.id = ANY(ARRAY(SELECT id FROM ${SCHEMA}.submission WHERE submission_id = ${p}
      UNION ALL SELECT id FROM ${SCHEMA}.submission WHERE id = ${p}::uuid))`
    add((p) => (isRow ? either(p) : `s.submission_id = ${p}`), id)
  }
  if (idPrefix !== undefined && byReceipt) {
    add((p) => `substr(s.submission_id, 1, length(${p})) = ${p}`, idPrefix)
  } else if (idPrefix !== undefined) {
    add((p) => `s.submission_id >= ${p}`, idPrefix)
    add((p) => `s.submission_id < ${p}`, `${idPrefix}\u{10ffff}`)
  }
  add((p) => `s.id = ANY(${p}::uuid[])`, filter.ids)
  // A state is part of the text: it has an index of its own.
  if (filter.state !== undefined) found.push(byReceipt ? `s.state || '' = '${filter.state}'` : STATES[filter.state])
  add((p) => `s.form = ${p}`, filter.form)
  add((p) => `s.code = ${p}`, filter.code)
  if (filter.failed !== undefined) found.push(`${filter.failed ? '' : 'NOT '}${HAS_FAILED}`)
  add((p) => `s.reason = ${p}`, filter.reason)
  add((p) => `strpos(s.reason, ${p}) > 0`, filter.reasonPart)
  add((p) => `s.uncertain = ${p}`, filter.uncertain)
  add((p) => (byReceipt ? `s.reference || '' = ${p}` : `s.reference = ${p}`), filter.reference)
  add((p) => `s.received_at >= ${p}::timestamptz`, filter.receivedAfter)
  add((p) => `s.received_at < ${p}::timestamptz`, filter.receivedBefore)
  add((p) => `s.attempts >= ${p}`, filter.attempts)
  return { where: found.length === 0 ? '' : `WHERE ${found.join(' AND ')}`, values }
}

// Of what waits, the ones that `COUNTS` calls retrying.
const HAS_FAILED = '(s.attempts_since_redrive > 0 AND s.code IS NOT NULL)'

const STATES = {
  waiting: `s.state = 'waiting'`,
  running: `s.state = 'running'`,
  dead: `s.state = 'dead'`,
  delivered: `s.state = 'delivered'`,
  discarded: `s.state = 'discarded'`,
}

/**
 * Where rows are looked for: a state that few have is read whole by its own index, whatever else is asked for. `OFFSET 0`
 * keeps the planner from looking for it in the order of receipt, among all that has ended.
 */
function source({ state, id, ids, idPrefix, reference, byReceipt }: Filter): string {
  const isLookedUp = byReceipt || [id, ids, idPrefix, reference].some((each) => each !== undefined)
  const indexes = isLookedUp || state === undefined ? undefined : LIVE[state]
  if (indexes === undefined) return `${SCHEMA}.submission s`
  const parts = indexes.map((condition) => `SELECT * FROM ${SCHEMA}.submission WHERE ${condition}`)
  return `(${parts.join(' UNION ALL ')} OFFSET 0) s`
}

/** The conditions of the indexes that hold a state. */
const LIVE: Readonly<Partial<Record<State, readonly string[]>>> = {
  waiting: [`state = 'waiting' AND losses = 0`, `state = 'waiting' AND losses > 0`],
  running: [`state = 'running'`],
  dead: [`state = 'dead'`],
}

/** A prepared statement of this text. */
function named(name: string, text: string): Statement {
  return { name: `${name}-${hash('sha256', text, 'base64url')}`, text }
}
