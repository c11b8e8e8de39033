/** What downloads and the sweep ask of SQLite: owners of files, and what is forgotten. */
import type { Ages, Forgotten, Owner } from '../store.ts'
import { bytesOf, type Prepare, uuidOf } from './tables.ts'

/** The submission that a captured file belongs to. */
export function ownerOf(prepare: Prepare, fileId: string): Owner | undefined {
  const row = prepare(`
    SELECT s.form, s.submission_id, l.jwe, s.files FROM attachment a JOIN submission s ON s.row = a.row
      LEFT JOIN letter l ON l.row = s.row
    WHERE a.id = ?`).get(bytesOf(fileId))
  if (row === undefined) return undefined
  return {
    form: String(row['form']),
    submissionId: String(row['submission_id']),
    jwe: row['jwe'] as string | null,
    files: JSON.parse(String(row['files'])),
  }
}

/** Submissions that ended so long ago and still have their JWE or files, the ones that ended first. */
export function erasable(prepare: Prepare, endedSeconds: number, most: number, now: number) {
  const rows = prepare(`
    SELECT row, id FROM submission
    WHERE state IN ('delivered', 'discarded') AND erased_at IS NULL AND changed_at < ? ORDER BY changed_at LIMIT ?`).all(
    now - endedSeconds * 1000,
    most,
  )
  return rows.map((row) => ({
    id: uuidOf(row['id']),
    files: prepare('SELECT id FROM attachment WHERE row = ?')
      .all(row['row'] as number)
      .map((file) => uuidOf(file['id'])),
  }))
}

/** Erases the JWE of ended submissions, and forgets their files. Runs in a transaction. */
export function erase(prepare: Prepare, ids: readonly string[], now: number): void {
  for (const id of ids) {
    const row = prepare(`
      UPDATE submission SET erased_at = ?
      WHERE id = ? AND state IN ('delivered', 'discarded') AND erased_at IS NULL RETURNING row`).get(now, bytesOf(id))
    if (row === undefined) continue
    prepare('DELETE FROM letter WHERE row = ?').run(Number(row['row']))
    prepare('DELETE FROM attachment WHERE row = ?').run(Number(row['row']))
  }
}

/** Forgets what is old, up to `most` rows of each kind. Runs in a transaction. */
export function forget(prepare: Prepare, ages: Ages, most: number, now: number): Forgotten {
  const before = (seconds: number) => now - seconds * 1000
  const old = prepare(`
    SELECT row FROM submission
    WHERE state IN ('delivered', 'discarded') AND erased_at IS NOT NULL AND changed_at < ? ORDER BY changed_at LIMIT ?`).all(
    before(ages.endedSeconds),
    most,
  )
  for (const { row } of old) {
    prepare('DELETE FROM history WHERE row = ?').run(row as number)
    prepare('DELETE FROM submission WHERE row = ?').run(row as number)
  }
  const deliveries = prepare(`
    DELETE FROM failed_delivery WHERE id IN (
      SELECT id FROM failed_delivery WHERE changed_at < ? ORDER BY changed_at LIMIT ?)`).run(
    before(ages.failedDeliverySeconds),
    most,
  )
  const givenUp = prepare(`
    DELETE FROM attachment WHERE id IN (
      SELECT id FROM attachment WHERE given_up_at IS NOT NULL AND given_up_at < ? ORDER BY given_up_at LIMIT ?)`).run(
    before(ages.givenUpSeconds),
    most,
  )
  // What people did to forms is remembered for as long as what they did to submissions.
  prepare(`
    DELETE FROM history WHERE seq IN (SELECT seq FROM history WHERE row IS NULL AND at < ? ORDER BY seq LIMIT ?)`).run(
    before(ages.endedSeconds),
    most,
  )
  return {
    submissions: old.length,
    failedDeliveries: Number(deliveries.changes),
    hours: foldHours(prepare, before(ages.hourSeconds), most),
    givenUp: Number(givenUp.changes),
  }
}

/** Adds old hours to the hour 0. */
function foldHours(prepare: Prepare, before: number, most: number): number {
  const old = prepare(
    'SELECT hour, form, what, slot, count FROM hourly WHERE hour > 0 AND hour < ? ORDER BY hour LIMIT ?',
  ).all(before, most)
  for (const { hour, form, what, slot, count } of old as Record<string, string | number>[]) {
    prepare(`
      INSERT INTO hourly (hour, form, what, slot, count) VALUES (0, ?, ?, 0, ?)
      ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = count + excluded.count`).run(
      form as string,
      what as string,
      count as number,
    )
    prepare('DELETE FROM hourly WHERE hour = ? AND form = ? AND what = ? AND slot = ?').run(
      hour as number,
      form as string,
      what as string,
      slot as number,
    )
  }
  return old.length
}

/** Marks files without an owner, and returns those that are marked. Runs in a transaction. */
export function giveUp(prepare: Prepare, fileIds: readonly string[], now: number): string[] {
  return fileIds.filter((id) => {
    const file = bytesOf(id)
    prepare('INSERT INTO attachment (id, given_up_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING').run(file, now)
    return prepare('SELECT 1 FROM attachment WHERE id = ? AND given_up_at IS NOT NULL').get(file) !== undefined
  })
}

/** How many dead letters became one so long ago. */
export function oldDeadLetters(prepare: Prepare, seconds: number, now: number): number {
  const row = prepare("SELECT count(*) AS count FROM submission WHERE state = 'dead' AND changed_at < ?").get(
    now - seconds * 1000,
  )
  return Number(row?.['count'])
}
