/** What happened in each hour: counted in the transactions in which it happens, so that asking costs next to nothing. */
import { type Queryable, SCHEMA } from './database.ts'

/** One hour, beginning at `hour` (ISO 8601). */
export interface Hour {
  readonly hour: string
  readonly accepted: number
  readonly delivered: number
  /** Became dead letters. */
  readonly dead: number
}

/** The last hours, oldest first, the current one last; an hour in which nothing happened has zeros. */
export async function lastHours(database: Queryable, hours = 24): Promise<Hour[]> {
  return await database.query<Hour>(
    `SELECT to_char(h AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS hour,
       ${['accepted', 'delivered', 'dead']
         .map((outcome) => `COALESCE(sum(count) FILTER (WHERE outcome = '${outcome}'), 0)::float8 AS ${outcome}`)
         .join(', ')}
     FROM generate_series(date_trunc('hour', now()) - ($1 - 1) * interval '1 hour', date_trunc('hour', now()), interval '1 hour') h
     LEFT JOIN ${SCHEMA}.hourly ON hourly.hour >= h AND hourly.hour < h + interval '1 hour' GROUP BY h ORDER BY h`,
    [hours],
  )
}

const ADD = 'ON CONFLICT (hour, outcome, slot) DO UPDATE SET count = hourly.count + excluded.count'

/** Every process counts in a slot of its own choice, so that none waits for another. */
export const SLOT = Math.floor(Math.random() * 1024)

/** Counts the rows of `inserted` (with their `state`) as a part of the statement that inserts them. `slot`: its position. */
export function countArrivals(inserted: string, slot: string): string {
  return `counted AS (
    INSERT INTO ${SCHEMA}.hourly (hour, outcome, slot, count)
    SELECT date_trunc('hour', now()), outcome, ${slot}::int, count(*)
    FROM ${inserted} CROSS JOIN (VALUES ('accepted'), ('dead')) o (outcome)
    WHERE outcome = 'accepted' OR state = 'dead' GROUP BY outcome ORDER BY outcome ${ADD})`
}

/** Counts endings: the numbers, and the slot, as they are called in the statement. */
export function countEndings(names: {
  readonly slot: string
  readonly delivered: string
  readonly dead: string
}): string {
  return `INSERT INTO ${SCHEMA}.hourly (hour, outcome, slot, count)
    SELECT date_trunc('hour', now()), outcome, ${names.slot}, number
    FROM (VALUES ('delivered', ${names.delivered}), ('dead', ${names.dead})) o (outcome, number) WHERE number > 0
    ORDER BY outcome ${ADD}`
}
