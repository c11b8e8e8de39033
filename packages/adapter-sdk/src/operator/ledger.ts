/** Shows submissions to operators, without answers, names or files, and redrives or discards them. */

import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { bossDatabase, SCHEMA } from '../store/database.ts'
import type { Counts, DetailedEntry, Entry, Filter, Moment } from '../store/entry.ts'
import { type QueueStore, queueEntry, WAITING_CHANNEL } from '../store/pg-boss.ts'
import { isRowId, rowId } from '../store/submission.ts'

/** What operators see of the store, and do with it. */
export class Ledger {
  readonly #store: QueueStore
  readonly #emit: Emit

  constructor(store: QueueStore, emit: Emit) {
    this.#store = store
    this.#emit = emit
  }

  /** Newest first. */
  async list(filter: Filter = {}): Promise<Entry[]> {
    const { conditions, values } = where(await this.#byIds(filter))
    const limit = Math.min(Math.max(filter.limit ?? 50, 1), 1000)
    return await this.#store.database.query<Entry>(
      `SELECT ${ENTRY} FROM ${SCHEMA}.submission s WHERE ${conditions}
       ORDER BY s.received_at DESC, s.id LIMIT ${limit} OFFSET ${Math.max(Math.trunc(filter.offset ?? 0), 0)}`,
      values,
    )
  }

  /** @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND */
  async show(id: string): Promise<DetailedEntry> {
    const [entry] = await this.list({ id, limit: 1 })
    if (entry === undefined) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    const timeline = await this.#store.database.query<Moment>(TIMELINE, [entry.id])
    return { ...entry, timeline }
  }

  /** How many submissions are in each state now. */
  async counts(): Promise<Counts> {
    const { database } = this.#store
    const [row] = await database.query<Omit<Counts, 'deadByCode'>>(COUNTS)
    const codes = await database.query<{ code: string; count: number }>(
      `SELECT COALESCE(code, '') AS code, count(*)::int AS count FROM ${SCHEMA}.submission WHERE state = 'dead' GROUP BY code`,
    )
    return {
      ...(row as Omit<Counts, 'deadByCode'>),
      deadByCode: Object.fromEntries(codes.map(({ code, count }) => [code, count])),
    }
  }

  /**
   * Puts dead letters back into the queue with all their retries, and returns how many. An uncertain one is confirmed
   * first; if the form cannot confirm, redriving is the person's decision to handle it again.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   */
  async redrive(filter: Filter, by: string, reason?: string): Promise<number> {
    return await this.#act(filter, 'redriven', by, reason, async (ids, transaction) => {
      const rows = await transaction.query<Moved>(
        `UPDATE ${SCHEMA}.submission SET state = 'waiting', approved = true, retries = 0, due_at = now(), changed_at = now()
         WHERE id = ANY($1::uuid[]) AND state = 'dead' RETURNING id, form, submission_id AS "submissionId"`,
        [ids],
      )
      const db = bossDatabase(transaction)
      for (const [form, each] of Map.groupBy(rows, (row) => row.form)) {
        await this.#store.boss.insert(
          form,
          each.map(({ id }) => queueEntry(id)),
          { db },
        )
        await transaction.query('SELECT pg_notify($1, $2)', [WAITING_CHANNEL, form])
      }
      return rows
    })
  }

  /**
   * Ends dead letters, with a reason on record. They are never handled again; a repeat by the sender is a duplicate.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   */
  async discard(filter: Filter, by: string, reason: string): Promise<number> {
    return await this.#act(filter, 'discarded', by, reason, (ids, transaction) =>
      transaction.query<Moved>(
        `UPDATE ${SCHEMA}.submission SET state = 'discarded', changed_at = now()
         WHERE id = ANY($1::uuid[]) AND state = 'dead' RETURNING id, form, submission_id AS "submissionId"`,
        [ids],
      ),
    )
  }

  /**
   * Turns a `submissionId` into row ids, one for each form that ever existed. They are the key of the table, which may
   * have millions of rows.
   */
  async #byIds({ id, ...filter }: Filter): Promise<Omit<Filter, 'id'>> {
    if (id === undefined) return filter
    const forms = await this.#store.database.query<{ name: string }>('SELECT name FROM formbuilder_queue.queue')
    const candidates = [...forms.map(({ name }) => rowId(name, id)), id.toLowerCase()].filter(isRowId)
    return { ...filter, ids: filter.ids?.filter((each) => candidates.includes(each)) ?? candidates }
  }

  async #act(
    filter: Filter,
    action: 'redriven' | 'discarded',
    by: string,
    reason: string | undefined,
    move: (
      ids: readonly string[],
      transaction: Parameters<Parameters<QueueStore['database']['transaction']>[0]>[0],
    ) => Promise<Moved[]>,
  ): Promise<number> {
    const asked = { ...filter, state: filter.id === undefined ? 'dead' : filter.state } as const
    const { conditions, values } = where(await this.#byIds(asked))
    const moved = await this.#store.database.transaction(async (transaction) => {
      const found = await transaction.query<{ id: string; state: string }>(
        `SELECT id, state FROM ${SCHEMA}.submission s WHERE ${conditions} ORDER BY id FOR UPDATE`,
        values,
      )
      if (filter.id !== undefined && found.length === 0) {
        throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
      }
      const dead = found.filter(({ state }) => state === 'dead').map(({ id }) => id)
      if (filter.id !== undefined && dead.length === 0) {
        throw new AdapterError('ERR_STATE_CONFLICT', `the submission is ${found[0]?.state}, not a dead letter`)
      }
      const rows = await move(dead, transaction)
      await transaction.query(
        `INSERT INTO ${SCHEMA}.action (submission, action, by, reason) SELECT unnest($1::uuid[]), $2, $3, $4`,
        [rows.map(({ id }) => id), action, by, reason ?? null],
      )
      return rows
    })
    for (const { form, submissionId } of moved) this.#emit({ event: `submission.${action}`, form, submissionId, by })
    return moved.length
  }
}

interface Moved {
  readonly id: string
  readonly form: string
  readonly submissionId: string
}

// A submission that waits for a retry has a due time, so its attempts are not looked up: in an outage there are many.
const RUNNING = `(s.due_at IS NULL AND s.attempts > 0 AND EXISTS (
  SELECT 1 FROM ${SCHEMA}.attempt a WHERE a.submission = s.id AND a.number = s.attempts AND a.ended_at IS NULL))`

const iso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const ENTRY = `s.id::text AS id, s.submission_id AS "submissionId", s.form, s.service_slug AS "serviceSlug",
  CASE WHEN s.state = 'waiting' AND ${RUNNING} THEN 'running' ELSE s.state END AS state,
  s.uncertain, s.code, s.reason, s.reference, s.attempts,
  (SELECT count(*)::int FROM jsonb_array_elements(s.files) f WHERE f ? 'id') AS files,
  (SELECT count(*)::int FROM jsonb_array_elements(s.files) f WHERE NOT f ? 'id') AS "missingFiles",
  ${iso('s.received_at')} AS "receivedAt", ${iso('s.changed_at')} AS "changedAt", ${iso('s.due_at')} AS "dueAt"`

const TIMELINE = `
  SELECT ${iso('at')} AS at, what, attempt, code, reason, by FROM (
    SELECT received_at AS at, 0 AS rank, 'received' AS what, NULL::int AS attempt, NULL AS code, NULL AS reason, NULL AS by
      FROM ${SCHEMA}.submission WHERE id = $1
    UNION ALL SELECT started_at, 2, 'attempt started', number, NULL, NULL, NULL FROM ${SCHEMA}.attempt WHERE submission = $1
    UNION ALL SELECT acting_at, 3, 'acting', number, NULL, NULL, NULL
      FROM ${SCHEMA}.attempt WHERE submission = $1 AND acting_at IS NOT NULL
    UNION ALL SELECT ended_at, 4, 'attempt ' || outcome, number, code, reason, NULL
      FROM ${SCHEMA}.attempt WHERE submission = $1 AND ended_at IS NOT NULL
    UNION ALL SELECT at, 1, action, NULL, NULL, reason, by FROM ${SCHEMA}.action WHERE submission = $1
  ) moment ORDER BY moment.at, rank, attempt`

const COUNTS = `
  SELECT (count(*) FILTER (WHERE NOT running))::int AS waiting,
    (count(*) FILTER (WHERE running))::int AS running,
    (count(*) FILTER (WHERE retries > 0 AND code IS NOT NULL))::int AS retrying,
    COALESCE(EXTRACT(EPOCH FROM now() - min(received_at)), 0)::float8 AS "oldestWaitingSeconds",
    (SELECT count(*)::int FROM ${SCHEMA}.submission WHERE state = 'dead') AS dead,
    (SELECT COALESCE(sum(count), 0)::float8 FROM ${SCHEMA}.tally WHERE outcome = 'delivered') AS delivered
  FROM (SELECT retries, code, received_at, ${RUNNING} AS running FROM ${SCHEMA}.submission s WHERE state = 'waiting') s`

function where(filter: Omit<Filter, 'id'>): { conditions: string; values: unknown[] } {
  const conditions = ['true']
  const values: unknown[] = []
  const add = (condition: (position: string) => string, value: unknown) => {
    values.push(value)
    conditions.push(condition(`$${values.length}`))
  }
  if (filter.ids !== undefined)
    add(
      (p) => `s.id = ANY(${p}::uuid[])`,
      filter.ids.filter((id) => isRowId(id)),
    )
  if (filter.receivedAfter !== undefined)
    add((p) => `s.received_at >= ${p}::timestamptz`, filter.receivedAfter.toISOString())
  if (filter.form !== undefined) add((p) => `s.form = ${p}`, filter.form)
  if (filter.code !== undefined) add((p) => `s.code = ${p}`, filter.code)
  if (filter.state === 'running') conditions.push(`s.state = 'waiting' AND ${RUNNING}`)
  else if (filter.state === 'waiting') conditions.push(`s.state = 'waiting' AND NOT ${RUNNING}`)
  else if (filter.state !== undefined) add((p) => `s.state = ${p}`, filter.state)
  return { conditions: conditions.join(' AND '), values }
}
