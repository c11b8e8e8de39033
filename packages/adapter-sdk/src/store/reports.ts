/** What operators look at beside single submissions: dead letters by cause, and what people did. */
import { type Queryable, SCHEMA } from './database.ts'

/** Dead letters of one form with one code. */
export interface DeadGroup {
  readonly form: string
  readonly code: string
  readonly count: number
  /** Of these, how many may have reached the case system. */
  readonly uncertain: number
  /** When the oldest of them became a dead letter (ISO 8601). */
  readonly since: string
}

/** Most numerous first. */
export async function deadGroups(database: Queryable): Promise<DeadGroup[]> {
  return await database.query<DeadGroup>(
    `SELECT form, COALESCE(code, '') AS code, count(*)::int AS count,
       (count(*) FILTER (WHERE uncertain))::int AS uncertain, ${iso('min(changed_at)')} AS since
     FROM ${SCHEMA}.submission WHERE state = 'dead' GROUP BY form, COALESCE(code, '') ORDER BY count DESC, form, code`,
  )
}

/** Something that a person did. */
export interface Action {
  readonly at: string
  readonly action: string
  readonly by: string
  readonly reason: string | null
  readonly id: string
  readonly submissionId: string
  readonly form: string
}

/** The latest actions, newest first. */
export async function latestActions(
  database: Queryable,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<Action[]> {
  return await database.query<Action>(
    `SELECT ${iso('a.at')} AS at, a.action, a.by, a.reason, s.id::text AS id, s.submission_id AS "submissionId", s.form
     FROM ${SCHEMA}.action a JOIN ${SCHEMA}.submission s ON s.id = a.submission ORDER BY a.at DESC, s.id LIMIT $1 OFFSET $2`,
    [limit, offset],
  )
}

function iso(expression: string): string {
  return `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
