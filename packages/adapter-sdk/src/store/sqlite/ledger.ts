/** What operators ask of SQLite: what there is, what happened, and what people do. */
import type { StoredFile } from '../../files/capture.ts'
import type {
  Action,
  Counts,
  DeadGroup,
  DeadReason,
  Detail,
  Entry,
  Filter,
  Hour,
  Moment,
  WaitingForFiles,
} from '../entry.ts'
import type { Chosen, Mentioned, Moved, Page, Position, Scanned, Step, Walked, WalkState } from '../store.ts'
import { isRowId } from '../submission.ts'
import { fileEntry, OUR_REASONS, storable, storableFilter, storableOrNull, traceIdOf } from '../text.ts'
import { HOUR_MILLISECONDS } from './accept.ts'
import { bytesOf, type Prepare, uuidOf } from './tables.ts'

type Row = Readonly<Record<string, unknown>>

const iso = (value: unknown) => (value === null || value === undefined ? null : new Date(Number(value)).toISOString())

const count = (has: string) => `(SELECT count(*) FROM json_each(s.files) f WHERE f.value ->> 'id' IS ${has})`

const ENTRY = `s.id, s.submission_id, s.form, s.service_slug, s.state, s.uncertain, s.code, s.reason, s.reference, s.attempts,
  s.losses, s.revision, ${count('NOT NULL')} AS files, ${count('NULL')} AS missing_files, s.received_at, s.changed_at,
  s.due_at, s.settles_at`

/** Newest first. */
export function list(prepare: Prepare, filter: Filter, page: Page): Entry[] {
  const { where, values } = conditions(filter)
  const limit = Math.min(Math.max(Math.trunc(page.limit), 1), 1000)
  // The rows of a page are found by little of them: what the others have is not read. The plus keeps the second order from an index.
  const rows = prepare(`
    SELECT ${ENTRY} FROM submission s
    WHERE s.row IN (SELECT s.row FROM submission s ${where} ORDER BY s.received_at DESC, s.id LIMIT ? OFFSET ?)
    ORDER BY +s.received_at DESC, s.id`).all(...values, limit, Math.max(Math.trunc(page.offset), 0)) as Row[]
  return rows.map(entryOf)
}

function entryOf(row: Row): Entry {
  return {
    id: uuidOf(row['id']),
    submissionId: row['submission_id'] as string,
    form: row['form'] as string,
    serviceSlug: row['service_slug'] as string,
    state: row['state'] as Entry['state'],
    uncertain: row['uncertain'] === 1,
    code: row['code'] as string | null,
    reason: row['reason'] as string | null,
    reference: row['reference'] as string | null,
    attempts: row['attempts'] as number,
    losses: row['losses'] as number,
    revision: row['revision'] as number,
    files: row['files'] as number,
    missingFiles: row['missing_files'] as number,
    receivedAt: iso(row['received_at']) as string,
    changedAt: iso(row['changed_at']) as string,
    dueAt: iso(row['due_at']),
    settlesAt: iso(row['settles_at']),
  }
}

/** Indexes that hold a state, each read in its own order, which ends with the row. */
const WALKS = {
  dead: [{ which: "s.state = 'dead'", order: ['s.changed_at', 's.row'] }],
  waiting: ['s.losses = 0', 's.losses > 0'].map((losses) => ({
    which: `s.state = 'waiting' AND ${losses}`,
    order: ['s.form', 's.due_at', 's.row'],
  })),
} as const

/** Each row once: what an action moves leaves the state, or is left out by `until`. */
export function walk(prepare: Prepare, state: WalkState, filter: Filter, { limit, after, until }: Step): Walked {
  const [part = 0, ...from] = (after ?? []) as [number, ...(string | number)[]]
  const { which, order } = WALKS[state][part] as (typeof WALKS)['dead'][0] | (typeof WALKS)['waiting'][0]
  const { where, values } = conditions({ ...filter, state: undefined })
  const found = [
    which,
    ...(where === '' ? [] : [where.slice('WHERE '.length)]),
    ...(until === undefined ? [] : ['s.changed_at <= ?']),
    ...(from.length === 0 ? [] : [`(${order.join(', ')}) > (${order.map(() => '?').join(', ')})`]),
  ]
  const rows = prepare(
    `SELECT s.row, ${ENTRY} FROM submission s WHERE ${found.join(' AND ')} ORDER BY ${order.join(', ')} LIMIT ?`,
  ).all(...values, ...(until === undefined ? [] : [until]), ...from, limit) as Row[]
  const last = rows.at(-1)
  const next: Position | null =
    rows.length === limit && last !== undefined
      ? [part, ...order.map((column) => last[column.slice(2)] as string | number)]
      : part + 1 < WALKS[state].length
        ? [part + 1]
        : null
  return {
    entries: rows.map(entryOf),
    next,
    latest: rows.reduce((latest, row) => Math.max(latest, Number(row['changed_at'])), 0),
  }
}

/** Forms, codes and reasons that stand anywhere. */
export function mentioned(prepare: Prepare, reason: string | undefined): Mentioned {
  const all = (text: string, ...values: string[]) =>
    prepare(text)
      .all(...values)
      .map((row) => String(row['value']))
  // Those of people, which have no code, are none that a submission can be found by.
  const ofAttempts = (condition: string) => `SELECT reason AS value FROM submission WHERE reason ${condition}
    UNION SELECT reason FROM history WHERE reason ${condition} AND code IS NOT NULL`
  const asked = reason === undefined ? [] : all(`${ofAttempts('= ?')} LIMIT 1`, storable(reason), storable(reason))
  return {
    forms: all('SELECT name AS value FROM form UNION SELECT form FROM submission ORDER BY 1'),
    codes: all(`SELECT code AS value FROM submission WHERE code IS NOT NULL
      UNION SELECT code FROM history WHERE code IS NOT NULL ORDER BY 1`),
    reasons: [...new Set([...asked, ...all(`${ofAttempts('IS NOT NULL')} ORDER BY 1 LIMIT 10`)])].toSorted(),
  }
}

/** How many, counted up to `most`. */
export function countOf(prepare: Prepare, filter: Filter, most?: number): number {
  const { where, values } = conditions(filter)
  const found = `FROM submission s ${where}`
  const row =
    most === undefined
      ? prepare(`SELECT count(*) AS count ${found}`).get(...values)
      : prepare(`SELECT count(*) AS count FROM (SELECT 1 ${found} LIMIT ?)`).get(...values, most)
  return Number(row?.['count'])
}

/** When the submission was received after which so many were. */
export function receivedBehind(prepare: Prepare, newer: number, before: Date | undefined): Date | null {
  const row = prepare(
    'SELECT received_at FROM submission WHERE received_at < ? ORDER BY received_at DESC LIMIT 1 OFFSET ?',
  ).get(before?.getTime() ?? Number.MAX_SAFE_INTEGER, newer)
  return row === undefined ? null : new Date(Number(row['received_at']))
}

/** Newest first. The first statement reads an index only, and finds where the step ends. */
export function scan(prepare: Prepare, filter: Filter, { limit, after }: Pick<Step, 'limit' | 'after'>): Scanned {
  const [time, row] = (after ?? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) as [number, number]
  const last = prepare(`
    SELECT received_at, row FROM submission WHERE (received_at, row) < (?, ?) AND received_at >= ?
    ORDER BY received_at DESC, row DESC LIMIT 1 OFFSET ?`).get(
    time,
    row,
    filter.receivedAfter?.getTime() ?? 0,
    limit - 1,
  )
  const { where, values } = conditions({ ...filter, byReceipt: true })
  const step = [
    ...(where === '' ? [] : [where.slice('WHERE '.length)]),
    '(s.received_at, s.row) < (?, ?)',
    ...(last === undefined ? [] : ['(s.received_at, s.row) >= (?, ?)']),
  ]
  const next = last === undefined ? null : [Number(last['received_at']), Number(last['row'])]
  const rows = prepare(
    `SELECT ${ENTRY} FROM submission s WHERE ${step.join(' AND ')} ORDER BY s.received_at DESC, s.row DESC`,
  ).all(...values, time, row, ...(next ?? [])) as Row[]
  return { entries: rows.map(entryOf), next }
}

/** What only the page of one shows. */
export function detail(prepare: Prepare, id: string): Detail | undefined {
  const row = isRowId(id)
    ? prepare(`
        SELECT files, traceparent, attempts_since_redrive, approved, erased_at FROM submission WHERE id = ?`).get(
        bytesOf(id),
      )
    : undefined
  if (row === undefined) return undefined
  const files = JSON.parse(String(row['files'])) as StoredFile[]
  return {
    files: files.map(fileEntry),
    erased: row['erased_at'] !== null,
    attemptsSinceRedrive: Number(row['attempts_since_redrive']),
    approved: row['approved'] === 1,
    traceId: traceIdOf(row['traceparent'] as string | null),
  }
}

/** All that happened to a submission, oldest first. */
export function history(prepare: Prepare, id: string): Moment[] {
  const row = isRowId(id) ? prepare('SELECT row, received_at FROM submission WHERE id = ?').get(bytesOf(id)) : undefined
  if (row === undefined) return []
  const received = { at: row['received_at'], what: 'received', attempt: null, code: null, reason: null, by: null }
  const moments = prepare('SELECT at, what, attempt, code, reason, by FROM history WHERE row = ? ORDER BY seq').all(
    row['row'] as number,
  )
  return [received, ...moments].map((moment) => ({ ...moment, at: iso(moment['at']) }) as Moment)
}

/** Reads what waits, runs and is dead, and no row of what has ended. */
export function counts(prepare: Prepare, now: number): Counts {
  const one = (text: string) => prepare(text).get() as Row
  const isPaused = "state = 'waiting' AND form IN (SELECT name FROM form WHERE paused_at IS NOT NULL)"
  const kinds = ["state = 'waiting' AND losses = 0", "state = 'waiting' AND losses > 0", "state = 'running'"].map(
    (kind) =>
      one(`
      SELECT count(*) AS count, count(*) FILTER (WHERE ${isPaused}) AS paused,
        min(received_at) FILTER (WHERE NOT (${isPaused})) AS oldest,
        count(*) FILTER (WHERE attempts_since_redrive > 0 AND code IS NOT NULL) AS retrying
      FROM submission WHERE ${kind}`),
  ) as [Row, Row, Row]
  const [due, suspects, running] = kinds
  const oldest = Math.min(...kinds.flatMap((kind) => (kind['oldest'] === null ? [] : [Number(kind['oldest'])])))
  const codes = prepare(
    "SELECT COALESCE(code, '') AS code, count(*) AS count FROM submission WHERE state = 'dead' GROUP BY 1",
  ).all() as Row[]
  const { newest } = one('SELECT max(received_at) AS newest FROM submission')
  const accepted = one("SELECT EXISTS (SELECT * FROM hourly WHERE what = 'accepted') AS ever")
  const delivered = one("SELECT COALESCE(sum(count), 0) AS count FROM hourly WHERE what = 'delivered'")
  return {
    waiting: Number(due['count']) + Number(suspects['count']),
    running: Number(running['count']),
    paused: Number(due['paused']) + Number(suspects['paused']),
    retrying: Number(due['retrying']) + Number(suspects['retrying']),
    oldestWaitingSeconds: Number.isFinite(oldest) ? Math.max(0, (now - oldest) / 1000) : 0,
    dead: codes.reduce((sum, each) => sum + Number(each['count']), 0),
    delivered: Number(delivered['count']),
    lastAcceptedSeconds: newest === null ? (accepted['ever'] === 1 ? 0 : null) : Number(newest) / 1000,
    deadByCode: Object.fromEntries(codes.map((each) => [String(each['code']), Number(each['count'])])),
  }
}

/** Most numerous first. */
export function deadGroups(prepare: Prepare): DeadGroup[] {
  const rows = prepare(`
    SELECT form, COALESCE(code, '') AS code, count(*) AS count, sum(uncertain) AS uncertain, min(changed_at) AS since
    FROM submission WHERE state = 'dead' GROUP BY 1, 2 ORDER BY count DESC, form, code`).all()
  return rows.map((row) => ({ ...row, since: iso(row['since']) }) as unknown as DeadGroup)
}

/** Most numerous first, in our words only. */
export function deadReasons(prepare: Prepare, most: number): DeadReason[] {
  const rows = prepare(`
    SELECT form, COALESCE(code, '') AS code, reason, count(*) AS count, sum(uncertain) AS uncertain, min(changed_at) AS since
    FROM submission WHERE state = 'dead' AND reason IS NOT NULL AND (${OUR_REASONS.join(' OR ')})
    GROUP BY 1, 2, 3 ORDER BY count DESC, form, 2, reason LIMIT ?`).all(most)
  return rows.map((row) => ({ ...row, since: iso(row['since']) }) as unknown as DeadReason)
}

/** Most numerous first. */
export function waitingForFiles(prepare: Prepare, now: number): WaitingForFiles[] {
  // A delivery that failed before the submission was accepted elsewhere, or last changed, keeps nobody waiting.
  const rows = prepare(`
    WITH waiting AS (
      SELECT f.host, f.code, f.first_at, f.submission_id,
        row_number() OVER (PARTITION BY f.host, f.code ORDER BY f.first_at, f.submission_id) AS place
      FROM failed_delivery f
      WHERE NOT EXISTS (SELECT 1 FROM submission s
        WHERE s.id = f.id AND (s.state <> 'dead' OR s.uncertain OR s.changed_at > f.changed_at)))
    SELECT host, code, count(*) AS count, min(first_at) AS since,
      json_group_array(submission_id ORDER BY place) FILTER (WHERE place <= 5) AS ids
    FROM waiting GROUP BY host, code ORDER BY count DESC, host, code`).all()
  return rows.map((row) => ({
    host: row['host'] as string | null,
    code: String(row['code']),
    count: Number(row['count']),
    since: iso(row['since']) as string,
    oldestSeconds: Math.max(0, (now - Number(row['since'])) / 1000),
    submissionIds: JSON.parse(String(row['ids'])),
  }))
}

/** Oldest first, the current hour last; an hour in which nothing happened too. */
export function hours(prepare: Prepare, wanted: number, form: string | undefined, now: number): Hour[] {
  const current = now - (now % HOUR_MILLISECONDS)
  const first = current - (wanted - 1) * HOUR_MILLISECONDS
  const ofForm = form === undefined ? '' : 'AND form = ?'
  // By hour alone: that is the order in which the rows stand.
  const rows = prepare(`
    SELECT hour, ${WHATS.map((what) => `sum(count) FILTER (WHERE what = '${what}') AS ${what}`).join(', ')}
    FROM hourly WHERE hour >= ? ${ofForm} GROUP BY hour`).all(first, ...(form === undefined ? [] : [form]))
  const found = new Map(rows.map((row) => [Number(row['hour']), row]))
  return Array.from({ length: wanted }, (_, i) => {
    const hour = first + i * HOUR_MILLISECONDS
    const of = (what: (typeof WHATS)[number]) => Number(found.get(hour)?.[what] ?? 0)
    const name = `${new Date(hour).toISOString().slice(0, 19)}Z`
    return { hour: name, accepted: of('accepted'), delivered: of('delivered'), dead: of('dead') }
  })
}

const WHATS = ['accepted', 'delivered', 'dead'] as const

/** What people did, newest first. */
export function actions(prepare: Prepare, { limit, offset }: Page): Action[] {
  const rows = prepare(`
    SELECT h.at, h.what AS action, h.by, h.reason, s.id, s.submission_id AS submissionId, COALESCE(s.form, h.form) AS form
    FROM history h LEFT JOIN submission s ON s.row = h.row WHERE h.by IS NOT NULL ORDER BY h.seq DESC LIMIT ? OFFSET ?`).all(
    limit,
    offset,
  )
  return rows.map(
    (row) => ({ ...row, at: iso(row['at']), id: row['id'] === null ? null : uuidOf(row['id']) }) as unknown as Action,
  )
}

/** An action of a person: what it is called, which state it is for, and what it changes. */
interface Kind {
  readonly what: string
  readonly from: 'dead' | 'waiting'
  readonly to: string
}

const DUE_NOW = 'due_at = CASE WHEN uncertain THEN max(:now, COALESCE(settles_at, 0)) ELSE :now END'

const redriven = (approved: 0 | 1) =>
  `state = 'waiting', approved = ${approved}, attempts_since_redrive = 0, losses = 0, changed_at = :now, ${DUE_NOW}`

const KINDS = {
  redrive: { what: 'redriven', from: 'dead', to: redriven(1) },
  redriveUnapproved: { what: 'redriven', from: 'dead', to: redriven(0) },
  discard: { what: 'discarded', from: 'dead', to: "state = 'discarded', due_at = NULL, changed_at = :now" },
  retryNow: { what: 'retry now', from: 'waiting', to: `changed_at = :now, ${DUE_NOW}` },
} as const satisfies Record<string, Kind>

/** Moves those of the chosen ones that are still as they were shown. Runs in a transaction. */
export function act(
  prepare: Prepare,
  kind: keyof typeof KINDS,
  chosen: Chosen,
  by: string,
  reason: string | null,
  now: number,
): Moved[] {
  const { what, from, to } = KINDS[kind]
  return chosen.flatMap(({ id, revision }) => {
    if (!isRowId(id)) return []
    const row = prepare(`
      UPDATE submission SET ${to}, revision = revision + 1 WHERE id = :id AND revision = :revision AND state = '${from}'
      RETURNING row, form, submission_id, uncertain, due_at`).get({
      id: bytesOf(id),
      revision,
      now,
    })
    if (row === undefined) return []
    prepare('INSERT INTO history (row, at, what, by, reason) VALUES (?, ?, ?, ?, ?)').run(
      Number(row['row']),
      now,
      what,
      storable(by, 200),
      storableOrNull(reason),
    )
    const submissionId = String(row['submission_id'])
    return [
      { id, form: String(row['form']), submissionId, uncertain: row['uncertain'] === 1, dueAt: iso(row['due_at']) },
    ]
  })
}

type Value = string | number | Uint8Array

/** Only conditions that are asked for stand in the text: each combination is planned for itself. */
function conditions(given: Filter): { readonly where: string; readonly values: readonly Value[] } {
  const filter = storableFilter(given)
  const found: string[] = []
  const values: Value[] = []
  const add = (condition: string, ...given: readonly (Value | undefined)[]) => {
    const known = given.filter((value) => value !== undefined)
    if (known.length < given.length) return
    found.push(condition)
    values.push(...known)
  }
  const { id, idPrefix, ids, uncertain, receivedAfter, receivedBefore, byReceipt = false } = filter
  if (id !== undefined) {
    if (isRowId(id.toLowerCase())) add('(s.submission_id = ? OR s.id = ?)', id, bytesOf(id))
    else add('s.submission_id = ?', id)
  }
  if (idPrefix !== undefined && byReceipt) add('substr(s.submission_id, 1, length(?)) = ?', idPrefix, idPrefix)
  else if (idPrefix !== undefined) {
    add('s.submission_id >= ? AND s.submission_id < ?', idPrefix, `${idPrefix}\u{10ffff}`)
  }
  // One text for any number of ids: a statement is kept for each text.
  if (ids !== undefined) {
    add('s.id IN (SELECT unhex(value) FROM json_each(?))', JSON.stringify(ids.map((each) => each.replaceAll('-', ''))))
  }
  // A state is part of the text: it has an index of its own.
  if (filter.state !== undefined) found.push(byReceipt ? `+s.state = '${filter.state}'` : STATES[filter.state])
  add('s.form = ?', filter.form)
  add('s.code = ?', filter.code)
  if (filter.failed !== undefined) found.push(`${filter.failed ? '' : 'NOT '}${HAS_FAILED}`)
  add('s.reason = ?', filter.reason)
  add('instr(s.reason, ?) > 0', filter.reasonPart)
  add('s.uncertain = ?', uncertain === undefined ? undefined : uncertain ? 1 : 0)
  add(byReceipt ? '+s.reference = ?' : 's.reference = ?', filter.reference)
  add('s.received_at >= ?', receivedAfter?.getTime())
  add('s.received_at < ?', receivedBefore?.getTime())
  add('s.attempts >= ?', filter.attempts)
  return { where: found.length === 0 ? '' : `WHERE ${found.join(' AND ')}`, values }
}

// Of what waits, the ones that `counts` calls retrying.
const HAS_FAILED = '(s.attempts_since_redrive > 0 AND s.code IS NOT NULL)'

const STATES = {
  // What waits stands in two indexes. Without them a list of it, which may be short, would read all that has ended.
  waiting: `s.row IN (SELECT row FROM submission WHERE state = 'waiting' AND losses = 0
    UNION ALL SELECT row FROM submission WHERE state = 'waiting' AND losses > 0)`,
  running: "s.state = 'running'",
  dead: "s.state = 'dead'",
  delivered: "s.state = 'delivered'",
  discarded: "s.state = 'discarded'",
}
