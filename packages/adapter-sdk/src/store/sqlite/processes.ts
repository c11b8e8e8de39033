/** What SQLite knows of processes, and what they say has happened in them. */
import type { Refusal, SeenProcess } from '../entry.ts'
import type { Happened, OwnProcess } from '../store.ts'
import { storable } from '../text.ts'
import { HOUR_MILLISECONDS } from './accept.ts'
import { bytesOf, type Prepare, uuidOf } from './tables.ts'

/** How long a process is known that does not check in any more. */
const FORGOTTEN_MILLISECONDS = 3_600_000

/** Records that a process is there, and what has happened in it. Runs in a transaction. */
export function checkIn(
  prepare: Prepare,
  { id, role, version }: OwnProcess,
  { ended, refused }: Happened,
  slot: number,
  now: number,
): void {
  prepare(`
    INSERT INTO process (id, role, version, started_at, seen_at) VALUES (:id, :role, :version, :now, :now)
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`).run({
    id: bytesOf(id),
    role: storable(role, 200),
    version: storable(version, 200),
    now,
  })
  prepare('DELETE FROM process WHERE seen_at < ?').run(now - FORGOTTEN_MILLISECONDS)
  for (const { form, wasDelivered, failures, code } of ended) {
    prepare(`
      UPDATE form SET last_delivered_at = iif(:delivered, :now, last_delivered_at),
        failures_in_a_row = iif(:delivered, 0, failures_in_a_row) + :failures,
        last_failed_at = iif(:code IS NULL, last_failed_at, :now), last_failure_code = COALESCE(:code, last_failure_code)
      WHERE name = :form`).run({ form, delivered: wasDelivered ? 1 : 0, failures, code, now })
  }
  for (const { form, code, count } of refused) {
    prepare(`
      INSERT INTO hourly (hour, form, what, slot, count) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = count + excluded.count`).run(
      now - (now % HOUR_MILLISECONDS),
      form,
      `refused ${code}`,
      slot,
      count,
    )
  }
}

/** Forgets a process, because it stops. Runs in a transaction. */
export function checkOut(prepare: Prepare, id: string): void {
  prepare('DELETE FROM process WHERE id = ?').run(bytesOf(id))
}

/** The one that started first, first. */
export function processes(prepare: Prepare, now: number): SeenProcess[] {
  const rows = prepare('SELECT * FROM process WHERE seen_at >= ? ORDER BY started_at, id').all(
    now - FORGOTTEN_MILLISECONDS,
  )
  return rows.map((row) => ({
    id: uuidOf(row['id']),
    role: String(row['role']),
    version: String(row['version']),
    startedAt: new Date(Number(row['started_at'])).toISOString(),
    seenAt: new Date(Number(row['seen_at'])).toISOString(),
    silentSeconds: Math.max(0, (now - Number(row['seen_at'])) / 1000),
  }))
}

/** Most numerous first. */
export function refusals(prepare: Prepare, hours: number, now: number): Refusal[] {
  const rows = prepare(`
    SELECT form, substr(what, 9) AS code, sum(count) AS count FROM hourly WHERE hour >= ? AND what LIKE 'refused %'
    GROUP BY 1, 2 ORDER BY count DESC, 1, 2`).all(now - (now % HOUR_MILLISECONDS) - (hours - 1) * HOUR_MILLISECONDS)
  return rows.map((row) => ({ form: String(row['form']), code: String(row['code']), count: Number(row['count']) }))
}
