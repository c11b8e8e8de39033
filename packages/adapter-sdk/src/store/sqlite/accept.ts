/** What the receiver asks of SQLite: accept, and deliveries that failed. */
import type { FailedDeliveries, FailedDelivery } from '../store.ts'
import { type Accepted, type Incoming, rowId } from '../submission.ts'
import { deadFromStart, NOT_TAKEN, storable, storableTraceparent } from '../text.ts'
import { bytesOf, type Prepare } from './tables.ts'

/** Accepts submissions, one result for each. Runs in a transaction. */
export function accept(prepare: Prepare, submissions: readonly Incoming[], slot: number, now: number): Accepted[] {
  return submissions.map((incoming) => {
    const id = bytesOf(rowId(incoming.form, incoming.submissionId))
    const dead = deadFromStart(incoming)
    const values = {
      id,
      form: incoming.form,
      submission_id: incoming.submissionId,
      service_slug: storable(incoming.serviceSlug),
      state: dead === null ? 'waiting' : 'dead',
      due_at: dead === null ? now : null,
      code: dead?.code ?? null,
      reason: dead?.reason ?? null,
      traceparent: storableTraceparent(incoming.traceparent),
      key_id: incoming.keyId ?? null,
      files: JSON.stringify(incoming.files),
      now,
    }
    const inserted = prepare(INSERT).get(values)
    const { form, submission_id, ...changed } = values
    const missing = dead === null ? 0 : 1
    prepare('DELETE FROM failed_delivery WHERE id = ?').run(id)
    const row = inserted ?? prepare(REPLACE).get({ ...changed, missing })
    if (row === undefined) {
      if (dead !== null) prepare(NOTE_NOT_TAKEN).run({ id, now, code: dead.code, reason: dead.reason })
      return 'duplicate'
    }
    const number = Number(row['row'])
    prepare('INSERT INTO letter (row, jwe) VALUES (?, ?) ON CONFLICT (row) DO UPDATE SET jwe = excluded.jwe').run(
      number,
      incoming.jwe,
    )
    if (inserted === undefined) {
      // The files of the old copy have no owner now: the sweep finds them.
      prepare('DELETE FROM attachment WHERE row = ?').run(number)
      prepare("INSERT INTO history (row, at, what) VALUES (?, ?, 'replaced')").run(number, now)
    } else {
      addToHour(prepare, form, 'accepted', slot, now)
    }
    if (dead !== null) addToHour(prepare, form, 'dead', slot, now)
    for (const file of incoming.files) {
      // Fails when the file was given up: then nothing of the batch is written.
      if ('id' in file) prepare('INSERT INTO attachment (id, row) VALUES (?, ?)').run(bytesOf(file.id), number)
    }
    return inserted === undefined ? 'replaced' : 'accepted'
  })
}

const INSERT = `
  INSERT INTO submission (id, form, submission_id, service_slug, state, due_at, code, reason, traceparent, key_id, files,
    received_at, changed_at)
  VALUES (:id, :form, :submission_id, :service_slug, :state, :due_at, :code, :reason, :traceparent, :key_id, :files, :now, :now)
  ON CONFLICT (id) DO NOTHING RETURNING row`

const some = (has: string) => `EXISTS (SELECT 1 FROM json_each(files) f WHERE f.value ->> 'id' IS ${has})`

// A dead letter whose outcome is known is replaced, unless it holds a file that the copy lacks. Files are told apart by their
// places: in a copy that lists fewer of them, another file may stand in the same place.
const REPLACE = `
  UPDATE submission SET state = :state, due_at = :due_at, settles_at = NULL, attempts_since_redrive = 0, losses = 0,
    acting = 0, approved = 0, code = :code, reason = :reason, service_slug = :service_slug, traceparent = :traceparent,
    key_id = :key_id, files = :files, revision = revision + 1, changed_at = :now
  WHERE id = :id AND state = 'dead' AND NOT uncertain
    AND (:missing = 0 OR (${some('NULL')}
      AND (NOT ${some('NOT NULL')} OR json_array_length(files) <= json_array_length(:files))
      AND NOT EXISTS (SELECT 1 FROM json_each(files) f
        WHERE f.value ->> 'id' IS NOT NULL AND json_extract(:files, '$[' || f.key || '].id') IS NULL)))
  RETURNING row`

// The files of this copy were captured in part and are removed: its sender is told that the submission is held.
const NOTE_NOT_TAKEN = `
  INSERT INTO history (row, at, what, code, reason)
  SELECT row, :now, '${NOT_TAKEN}', :code, :reason FROM submission WHERE id = :id AND state = 'dead' AND NOT uncertain`

/** Whether a copy would be a duplicate for certain. */
export function isHeld(prepare: Prepare, id: string): boolean {
  const found = prepare("SELECT NOT (state = 'dead' AND NOT uncertain) AS held FROM submission WHERE id = ?").get(
    bytesOf(id),
  )
  return found?.['held'] === 1
}

/** Counts a delivery whose files could not be captured. */
export function countFailedDelivery(
  prepare: Prepare,
  { form, submissionId, host, code }: FailedDelivery,
  now: number,
): FailedDeliveries {
  const id = bytesOf(rowId(form, submissionId))
  prepare(
    'DELETE FROM failed_delivery WHERE id = :id AND changed_at < (SELECT changed_at FROM submission WHERE id = :id)',
  ).run({ id })
  const row = prepare(`
    INSERT INTO failed_delivery (id, form, submission_id, host, code, count, first_at, changed_at)
    VALUES (:id, :form, :submission_id, :host, :code, 1, :now, :now)
    ON CONFLICT (id) DO UPDATE SET count = count + 1, host = excluded.host, code = excluded.code,
      first_at = min(first_at, excluded.first_at), changed_at = excluded.changed_at
    RETURNING count, first_at`).get({
    id,
    form,
    submission_id: submissionId,
    host,
    code,
    now,
  })
  const firstAt = Number(row?.['first_at'])
  return { count: Number(row?.['count']), firstAt: new Date(firstAt), sinceFirstSeconds: (now - firstAt) / 1000 }
}

/** Counts something that happened to a submission of a form. */
export function addToHour(prepare: Prepare, form: string, what: string, slot: number, now: number): void {
  prepare(`
    INSERT INTO hourly (hour, form, what, slot, count) VALUES (?, ?, ?, ?, 1)
    ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = count + 1`).run(
    now - (now % HOUR_MILLISECONDS),
    form,
    what,
    slot,
  )
}

export const HOUR_MILLISECONDS = 3_600_000
