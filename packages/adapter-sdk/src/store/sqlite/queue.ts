/** What the worker asks of SQLite: settle and claim, leases and losses. */
import type { Claim, Ending } from '../claim.ts'
import type { ClaimRef, Lost, LostAttempt, Overdue, Settled, Turn } from '../store.ts'
import { storableOrNull } from '../text.ts'
import { addToHour } from './accept.ts'
import { bytesOf, type Prepare, uuidOf } from './tables.ts'

/** Settles what ended, then claims what is due. Runs in a transaction. */
export function turn(prepare: Prepare, turn: Turn, horizonSeconds: number, slot: number, now: number): Claim[] {
  // Of two endings of one submission a success counts; the other attempt is not the caller's any more.
  const endings = turn.settle.toSorted((a, b) => rank(a) - rank(b))
  for (const settled of endings) settle(prepare, settled, slot, now)
  const settledIds = new Set(endings.map(({ claim }) => claim.id))
  const horizon = now + horizonSeconds * 1000
  const isPaused = prepare('SELECT 1 FROM form WHERE name = ? AND paused_at IS NOT NULL')
  const wanted = turn.claim.filter(({ form }) => isPaused.get(form) === undefined)
  return wanted.flatMap(({ form, most, suspects }) =>
    [...due(prepare, '= 0', form, most, now, horizon), ...due(prepare, '> 0', form, suspects, now, horizon)]
      // As on PostgreSQL, where one statement changes a row once: what is settled here is claimed by the next turn.
      .filter(({ id }) => !settledIds.has(uuidOf(id)))
      .map((row) => claim(prepare, row, now + turn.leaseSeconds * 1000, now)),
  )
}

const rank = ({ ending }: Settled) => (ending.outcome === 'delivered' ? 0 : 1)

function settle(prepare: Prepare, { claim, ending }: Settled, slot: number, now: number): void {
  const id = bytesOf(claim.id)
  const reference = storableOrNull(ending.reference)
  if (ending.outcome === 'delivered') {
    const row = prepare(`
      UPDATE submission SET state = 'delivered', due_at = NULL, settles_at = NULL, uncertain = 0, code = NULL, reason = NULL,
        reference = COALESCE(:reference, reference), acting = 0, revision = revision + 1, changed_at = :now
      WHERE id = :id AND state IN ('waiting', 'running', 'dead') RETURNING row, form`).get({ id, reference, now })
    if (row === undefined) {
      settleDiscarded(prepare, claim, reference, now)
      return
    }
    note(prepare, Number(row['row']), now, 'attempt delivered', claim.attempt)
    addToHour(prepare, String(row['form']), 'delivered', slot, now)
    return
  }
  const row = prepare(`
    UPDATE submission SET state = :state,
      settles_at = CASE WHEN NOT :uncertain THEN NULL WHEN :settle IS NULL THEN settles_at ELSE :settle END,
      due_at = CASE WHEN :due IS NULL THEN NULL WHEN NOT :uncertain THEN :due
        ELSE max(:due, COALESCE(:settle, settles_at, 0)) END,
      uncertain = :uncertain, code = :code, reason = :reason, reference = COALESCE(:reference, reference), acting = 0,
      revision = revision + 1, changed_at = :now
    WHERE id = :id AND state = 'running' AND attempts = :attempt RETURNING row, form`).get({
    id,
    reference,
    now,
    attempt: claim.attempt,
    state: ending.outcome === 'retry' ? 'waiting' : 'dead',
    due: ending.outcome === 'retry' ? now + Math.round(ending.delaySeconds * 1000) : null,
    ...failure(ending, now),
  })
  if (row === undefined) return
  note(prepare, Number(row['row']), now, `attempt ${ending.outcome}`, claim.attempt, ending)
  if (ending.outcome === 'dead') addToHour(prepare, String(row['form']), 'dead', slot, now)
}

function failure(ending: Exclude<Ending, { outcome: 'delivered' }>, now: number) {
  const { settleSeconds } = ending
  return {
    uncertain: ending.uncertain ? 1 : 0,
    code: ending.code,
    reason: storableOrNull(ending.reason),
    settle: ending.uncertain && settleSeconds !== undefined ? now + Math.round(settleSeconds * 1000) : null,
  }
}

/** A success of what a person has discarded: the case exists, and that is on record once. */
function settleDiscarded(prepare: Prepare, { id, attempt }: ClaimRef, reference: string | null, now: number): void {
  const row = prepare(`
    UPDATE submission SET reference = COALESCE(:reference, reference), revision = revision + 1
    WHERE id = :id AND state = 'discarded' AND NOT EXISTS (
      SELECT * FROM history h WHERE h.row = submission.row AND h.what = 'attempt delivered' AND h.attempt = :attempt)
    RETURNING row`).get({ id: bytesOf(id), attempt, reference })
  if (row !== undefined) note(prepare, Number(row['row']), now, 'attempt delivered', attempt)
}

/** Longest due first. What is further ahead than the horizon is due as well. The conditions are those of the indexes. */
function due(prepare: Prepare, losses: '= 0' | '> 0', form: string, most: number, now: number, horizon: number) {
  if (most <= 0) return []
  const select = (condition: string) =>
    prepare(`
      SELECT row, id, due_at, approved FROM submission
      WHERE form = ? AND state = 'waiting' AND losses ${losses} AND ${condition} ORDER BY due_at LIMIT ?`)
  const found = select('due_at <= ?').all(form, now, most)
  if (found.length >= most) return found
  // Each time is judged by itself: one that was set while the clock was ahead says nothing of when an outcome can be known.
  const tooFar = select('due_at > ? AND NOT (uncertain AND COALESCE(settles_at, 0) BETWEEN ? AND ?)')
  return [...found, ...tooFar.all(form, horizon, now + 1, horizon, most - found.length)]
}

function claim(prepare: Prepare, due: Record<string, unknown>, lease: number, now: number): Claim {
  const row = prepare(`
    UPDATE submission SET state = 'running', due_at = :lease, attempts = attempts + 1,
      attempts_since_redrive = attempts_since_redrive + 1, acting = 0, approved = 0, revision = revision + 1, changed_at = :now
    WHERE row = :row
    RETURNING form, submission_id, files, attempts, attempts_since_redrive, losses, uncertain, received_at, reference,
      traceparent, revision, (SELECT jwe FROM letter l WHERE l.row = submission.row) AS jwe`).get({
    lease: Math.round(lease),
    now,
    row: due['row'] as number,
  }) as Record<string, string | number | null>
  const attempt = Number(row['attempts'])
  note(prepare, due['row'] as number, now, 'attempt started', attempt)
  return {
    id: uuidOf(due['id']),
    form: row['form'] as string,
    submissionId: row['submission_id'] as string,
    jwe: row['jwe'] as string,
    files: JSON.parse(row['files'] as string),
    attempt,
    attemptsSinceRedrive: Number(row['attempts_since_redrive']),
    losses: Number(row['losses']),
    uncertain: row['uncertain'] === 1,
    approved: due['approved'] === 1,
    receivedAt: new Date(Number(row['received_at'])),
    previousReference: row['reference'] as string | null,
    traceparent: row['traceparent'] as string | null,
    dueAt: new Date(Number(due['due_at'])),
    revision: Number(row['revision']),
  }
}

/** Running attempts whose lease has run out. */
export function overdue(prepare: Prepare, horizonSeconds: number, now: number): Overdue[] {
  const select = (condition: string) =>
    prepare(`
      SELECT id, form, submission_id, attempts, attempts_since_redrive, losses, due_at FROM submission
      WHERE state = 'running' AND ${condition}`)
  return [...select('due_at < ?').all(now), ...select('due_at > ?').all(now + horizonSeconds * 1000)].map((row) => ({
    id: uuidOf(row['id']),
    attempt: Number(row['attempts']),
    form: String(row['form']),
    submissionId: String(row['submission_id']),
    attemptsSinceRedrive: Number(row['attempts_since_redrive']),
    losses: Number(row['losses']),
    dueAt: new Date(Number(row['due_at'])),
  }))
}

/** Ends attempts that are still as they were seen. Runs in a transaction. */
export function endLost(prepare: Prepare, lost: readonly LostAttempt[], slot: number, now: number): Lost[] {
  return lost.flatMap((each) => {
    const { seen, loss, canConfirm, mostLosses } = each
    const row = prepare(`
      SELECT row, form, submission_id, losses, acting, uncertain, settles_at, due_at FROM submission
      WHERE id = ? AND state = 'running' AND attempts = ? AND due_at = ?`).get(
      bytesOf(seen.id),
      seen.attempt,
      seen.dueAt.getTime(),
    )
    if (row === undefined) return []
    const unknown = loss === 'uncertain' || (loss === 'uncertain-if-acting' && row['acting'] === 1)
    const uncertain = unknown || row['uncertain'] === 1
    const losses = Number(row['losses']) + 1
    const lastAlive = Math.min(Number(row['due_at']) - each.leaseSeconds * 1000, now)
    const settlesAt = unknown ? lastAlive + Math.round(each.settleSeconds * 1000) : (row['settles_at'] as number | null)
    const isLast = losses >= mostLosses
    const isDead = isLast || (uncertain && !canConfirm)
    const code = uncertain && !canConfirm && !isLast ? 'ERR_OUTCOME_UNCERTAIN' : 'ERR_ATTEMPT_LOST'
    const dueAt = Math.max(now + Math.round(each.delaySeconds * 1000), uncertain ? (settlesAt ?? 0) : 0)
    const reason = `${losses} ${losses === 1 ? 'attempt was' : 'attempts were'} lost with the process that ran it`
    prepare(`
      UPDATE submission SET losses = :losses, uncertain = :uncertain, settles_at = :settles_at, acting = 0, state = :state,
        due_at = :due_at, code = :code, reason = :reason, revision = revision + 1, changed_at = :now
      WHERE row = :row`).run({
      row: row['row'] as number,
      losses,
      uncertain: uncertain ? 1 : 0,
      settles_at: settlesAt,
      state: isDead ? 'dead' : 'waiting',
      due_at: isDead ? null : dueAt,
      code,
      reason,
      now,
    })
    note(prepare, row['row'] as number, now, 'attempt lost', seen.attempt, { code: 'ERR_ATTEMPT_LOST', reason: null })
    const form = String(row['form'])
    if (isDead) addToHour(prepare, form, 'dead', slot, now)
    const { id, attempt } = seen
    const submissionId = String(row['submission_id'])
    return [{ id, attempt, form, submissionId, state: isDead ? 'dead' : 'waiting', uncertain, losses, code } as const]
  })
}

/** Records that the case system may act from here on. Runs in a transaction. */
export function acting(prepare: Prepare, claims: readonly ClaimRef[], now: number): boolean[] {
  return claims.map(({ id, attempt }) => {
    const row = prepare(`
      UPDATE submission SET acting = 1, revision = revision + 1 WHERE id = ? AND state = 'running' AND attempts = ?
      RETURNING row`).get(bytesOf(id), attempt)
    if (row !== undefined) note(prepare, Number(row['row']), now, 'acting', attempt)
    return row !== undefined
  })
}

/** Extends leases. Runs in a transaction. */
export function renew(prepare: Prepare, claims: readonly ClaimRef[], leaseSeconds: number, now: number): boolean[] {
  const statement = prepare("UPDATE submission SET due_at = ? WHERE id = ? AND state = 'running' AND attempts = ?")
  const lease = Math.round(now + leaseSeconds * 1000)
  return claims.map(({ id, attempt }) => statement.run(lease, bytesOf(id), attempt).changes === 1)
}

/** Gives back what was claimed and never begun. Runs in a transaction. */
export function release(prepare: Prepare, claims: readonly Claim[]): void {
  for (const { id, attempt, dueAt, approved, revision } of claims) {
    const row = prepare(`
      UPDATE submission SET state = 'waiting', due_at = ?, approved = ?, attempts = attempts - 1,
        attempts_since_redrive = attempts_since_redrive - 1, revision = revision + 1
      WHERE id = ? AND state = 'running' AND revision = ? RETURNING row`).get(
      dueAt.getTime(),
      approved ? 1 : 0,
      bytesOf(id),
      revision,
    )
    if (row === undefined) continue
    prepare("DELETE FROM history WHERE row = ? AND attempt = ? AND what = 'attempt started'").run(
      Number(row['row']),
      attempt,
    )
  }
}

function note(
  prepare: Prepare,
  row: number,
  now: number,
  what: string,
  attempt: number,
  why: { readonly code: string; readonly reason: string | null } | null = null,
): void {
  prepare('INSERT INTO history (row, at, what, attempt, code, reason) VALUES (?, ?, ?, ?, ?, ?)').run(
    row,
    now,
    what,
    attempt,
    why?.code ?? null,
    storableOrNull(why?.reason),
  )
}
