/** Waiting submissions handed out for one attempt each, and how those attempts ended. */
import { bossDatabase, type Queryable, SCHEMA } from './database.ts'
import { AdapterError } from './errors.ts'
import { groupCommit } from './group-commit.ts'
import { COUNT_ENDINGS, SLOT as HOUR_SLOT } from './hours.ts'
import type { StoredFile } from './inbox.ts'
import { queueEntry, type Store } from './store.ts'

/** A submission handed out for one attempt. */
export interface Claim {
  readonly id: string
  readonly form: string
  readonly submissionId: string
  readonly jwe: string
  readonly files: readonly StoredFile[]
  readonly attempt: number
  /** Attempts since it was accepted, replaced or redriven, this one included. */
  readonly retries: number
  /** An earlier attempt may have reached the case system: confirm, or ask a person. */
  readonly uncertain: boolean
  /** A person has looked and decided that it is to be handled again. */
  readonly approved: boolean
  readonly receivedAt: Date
  readonly previousReference: string | null
  readonly traceparent: string | null
}

/** How an attempt ended. `reason` names fields, never values. */
export type Ending =
  | { readonly outcome: 'delivered'; readonly reference: string | null; readonly confirmed: boolean }
  | {
      readonly outcome: 'retry'
      readonly code: string
      readonly reason: string
      /** Whether `reason` is in our words, and so may be logged. */
      readonly ours?: boolean
      readonly delaySeconds: number
      readonly uncertain: boolean
      readonly reference?: string | undefined
    }
  | {
      readonly outcome: 'dead'
      readonly code: string
      readonly reason: string
      /** Whether `reason` is in our words, and so may be logged. */
      readonly ours?: boolean
      readonly uncertain: boolean
      readonly reference?: string | undefined
    }

/** When a process that dies leaves the outcome unknown: never, from `context.acting()` on, or as soon as the attempt began. */
export type LossIs = 'repeatable' | 'uncertain-if-acting' | 'uncertain'

export class Work {
  readonly #store: Store
  readonly #settle
  readonly #acting

  constructor(store: Store) {
    this.#store = store
    this.#settle = groupCommit((items: readonly Settled[]) => this.#end(items), 256)
    this.#acting = groupCommit((items: readonly Claim[]) => this.#mark(items), 256)
  }

  /** Hands out up to `most` waiting submissions of a form, each to one caller only. Recorded durably before it resolves. */
  async claim(form: string, most: number, lossIs: LossIs): Promise<Claim[]> {
    return await this.#store.database.transaction(async (transaction) => {
      const db = bossDatabase(transaction)
      const entries = await this.#store.boss.fetch(form, { batchSize: most, db })
      if (entries.length === 0) return []
      const ids = entries.map(({ id }) => id)
      const claims = await transaction.query<Claim>(CLAIM, [ids, lossIs])
      if (claims.length < ids.length) {
        // Delivered or ended meanwhile (a late attempt of a process that was thought dead): nothing is left to do.
        const held = new Set(claims.map(({ id }) => id))
        await this.#store.boss.deleteJob(
          form,
          ids.filter((id) => !held.has(id)),
          { db },
        )
      }
      return claims
    })
  }

  /**
   * Records, durably, that the case system may act from here on.
   * @throws {AdapterError} ERR_ATTEMPT_LOST: the attempt was given to another process meanwhile; nothing may be sent.
   * ERR_INBOX_UNAVAILABLE: it cannot be recorded; nothing may be sent either.
   */
  async acting(claim: Claim): Promise<void> {
    const isOurs = await this.#acting.add(claim).catch((cause: unknown) => {
      throw new AdapterError('ERR_INBOX_UNAVAILABLE', 'the store cannot be used now', { cause, retryable: true })
    })
    if (!isOurs) throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
  }

  /** Ends an attempt. An attempt that was given to another process meanwhile changes nothing, unless it succeeded. */
  async settle(claim: Claim, ending: Ending): Promise<void> {
    await this.#settle.add({ claim, ending })
  }

  /** Tells that these are still being worked on; returns those that were given to another process meanwhile. */
  async heartbeat(claims: readonly Claim[]): Promise<Claim[]> {
    const open = await this.#store.database.query<Attempt>(
      `SELECT a.submission AS id, number AS attempt FROM ${SCHEMA}.attempt a JOIN ${SCHEMA}.submission s ON s.id = a.submission
         JOIN ${ATTEMPTS} ON a.submission = c.id AND number = c.attempt
       WHERE ended_at IS NULL AND state = 'waiting'`,
      [attempts(claims)],
    )
    const ours = new Set(open.map(keyOf))
    // An entry is touched by its holder only: another's sign of life would hide that the holder is dead.
    const held = claims.filter((claim) => ours.has(keyOf(claim)))
    for (const [form, each] of Map.groupBy(held, (claim) => claim.form)) {
      await this.#store.boss.touch(
        form,
        each.map(({ id }) => id),
      )
    }
    return claims.filter((claim) => !ours.has(keyOf(claim)))
  }

  /**
   * Embedded store, which has one process: what is marked as running there, and does not run here (`running`), was left
   * by a process that is gone, or by a claim that failed after its commit.
   */
  async releaseLost(running: readonly Claim[] = []): Promise<void> {
    const marked = await this.#store.database.query<Attempt & { form: string }>(
      `SELECT s.id, s.form, a.number AS attempt FROM ${SCHEMA}.submission s JOIN ${SCHEMA}.attempt a ON a.submission = s.id
       WHERE s.state = 'waiting' AND a.ended_at IS NULL`,
    )
    const ours = new Set(running.map(keyOf))
    const open = marked.filter((attempt) => !ours.has(keyOf(attempt)))
    for (const [form, each] of Map.groupBy(open, (row) => row.form)) {
      await this.#store.boss.fail(
        form,
        each.map(({ id }) => id),
      )
    }
  }

  async idle(): Promise<void> {
    await this.#settle.idle()
  }

  async #mark(claims: readonly Claim[]): Promise<boolean[]> {
    // The submission is looked at too: a late success of an earlier attempt may have ended it meanwhile.
    const rows = await this.#store.database.query<Attempt>(
      `UPDATE ${SCHEMA}.attempt SET acting_at = now() FROM ${ATTEMPTS} JOIN ${SCHEMA}.submission s ON s.id = c.id
       WHERE submission = c.id AND number = c.attempt AND ended_at IS NULL AND s.state = 'waiting'
       RETURNING submission AS id, number AS attempt`,
      [attempts(claims)],
    )
    const marked = new Set(rows.map(keyOf))
    return claims.map((claim) => marked.has(keyOf(claim)))
  }

  async #end(items: readonly Settled[]): Promise<undefined[]> {
    await this.#store.database.transaction(async (transaction) => {
      const open = await transaction.query<Attempt>(END_ATTEMPTS, [JSON.stringify(items.map(settledRow))])
      const counted = thatCount(items, new Set(open.map(keyOf)))
      const changed = await transaction.query<{ id: string; state: string }>(END_SUBMISSIONS, [
        JSON.stringify(counted.map(settledRow)),
      ])
      const delivered = changed.filter(({ state }) => state === 'delivered').length
      const parked = changed.filter(({ state }) => state === 'dead').length
      if (delivered > 0) await transaction.query(TALLY, [SLOT, delivered])
      if (delivered + parked > 0) await transaction.query(COUNT_ENDINGS, [HOUR_SLOT, delivered, parked])
      await this.#requeue(transaction, counted, new Set(changed.map(({ id }) => id)))
    })
    return items.map(() => undefined)
  }

  async #requeue(transaction: Queryable, ended: readonly Settled[], changed: ReadonlySet<string>): Promise<void> {
    const db = bossDatabase(transaction)
    for (const [form, each] of Map.groupBy(ended, ({ claim }) => claim.form)) {
      await this.#store.boss.deleteJob(
        form,
        each.map(({ claim }) => claim.id),
        { db },
      )
      const again = each.flatMap(({ claim, ending }) =>
        ending.outcome === 'retry' && changed.has(claim.id) ? [queueEntry(claim.id, ending.delaySeconds)] : [],
      )
      if (again.length > 0) await this.#store.boss.insert(form, again, { db })
    }
  }
}

interface Settled {
  readonly claim: Claim
  readonly ending: Ending
}

/** One attempt of one submission: there may be several at once, when one was given up and goes on all the same. */
type Attempt = Pick<Claim, 'id' | 'attempt'>

const keyOf = ({ id, attempt }: Attempt) => `${id}/${attempt}`

const ATTEMPTS = 'json_to_recordset($1::text::json) AS c (id uuid, attempt int)'

function attempts(claims: readonly Attempt[]): string {
  return JSON.stringify(claims.map(({ id, attempt }) => ({ id, attempt })))
}

/** One ending for each submission: a success, from whichever attempt it comes, or that of the attempt that is open. */
function thatCount(items: readonly Settled[], open: ReadonlySet<string>): Settled[] {
  const counted = new Map<string, Settled>()
  for (const item of items) {
    const succeeded = item.ending.outcome === 'delivered'
    if (succeeded || (open.has(keyOf(item.claim)) && !counted.has(item.claim.id))) counted.set(item.claim.id, item)
  }
  return [...counted.values()]
}

function settledRow({ claim, ending }: Settled): object {
  const failed = ending.outcome === 'delivered' ? undefined : ending
  return {
    id: claim.id,
    number: claim.attempt,
    outcome: ending.outcome,
    state: ending.outcome === 'retry' ? 'waiting' : ending.outcome,
    uncertain: failed?.uncertain ?? false,
    code: failed?.code ?? null,
    reason: storable(failed?.reason),
    reference: storable(ending.reference),
    delay_seconds: ending.outcome === 'retry' ? ending.delaySeconds : null,
  }
}

/** As text of PostgreSQL, which knows no NUL and no half of a pair: what cannot be written down would be tried for ever. */
function storable(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  return String(text).toWellFormed().replaceAll('\0', '').slice(0, MOST_CHARACTERS).toWellFormed()
}

const MOST_CHARACTERS = 2000

const ENDINGS = `json_to_recordset($1::text::json) AS e (id uuid, number int, outcome text, state text, uncertain boolean,
  code text, reason text, reference text, delay_seconds float8)`

const END_ATTEMPTS = `
  UPDATE ${SCHEMA}.attempt SET ended_at = now(), outcome = e.outcome, code = e.code, reason = e.reason FROM ${ENDINGS}
  WHERE submission = e.id AND attempt.number = e.number AND ended_at IS NULL
  RETURNING e.id, e.number AS attempt`

// A success counts even when it comes late, from an attempt that was given up: the case exists.
const END_SUBMISSIONS = `
  UPDATE ${SCHEMA}.submission SET state = e.state, uncertain = e.uncertain, code = e.code, reason = e.reason,
    reference = COALESCE(e.reference, submission.reference), changed_at = now(),
    due_at = now() + e.delay_seconds * interval '1 second'
  FROM ${ENDINGS}
  WHERE submission.id = e.id
    AND (submission.state = 'waiting' OR (submission.state = 'dead' AND e.state = 'delivered'))
  RETURNING e.id, e.state`

const SLOT = Math.floor(Math.random() * 16)

const TALLY = `
  INSERT INTO ${SCHEMA}.tally (outcome, slot, count) VALUES ('delivered', $1, $2)
  ON CONFLICT (outcome, slot) DO UPDATE SET count = tally.count + excluded.count`

// An attempt that never ended was lost with its process. What that means is written down in the same statement, so that a
// second crash does not forget it.
const CLAIM = `
  WITH before AS (
    SELECT id, approved FROM ${SCHEMA}.submission WHERE id = ANY($1::uuid[]) AND state = 'waiting' ORDER BY id FOR UPDATE
  ), lost AS (
    UPDATE ${SCHEMA}.attempt SET ended_at = now(), outcome = 'lost', code = 'ERR_ATTEMPT_LOST'
    WHERE submission IN (SELECT id FROM before) AND ended_at IS NULL
    RETURNING submission, CASE $2 WHEN 'uncertain' THEN true WHEN 'uncertain-if-acting' THEN acting_at IS NOT NULL ELSE false END AS uncertain
  ), claimed AS (
    UPDATE ${SCHEMA}.submission SET attempts = attempts + 1, retries = retries + 1, due_at = NULL, approved = false,
      uncertain = submission.uncertain OR EXISTS (SELECT 1 FROM lost WHERE lost.submission = submission.id AND lost.uncertain)
    FROM before WHERE submission.id = before.id
    RETURNING submission.*, before.approved AS was_approved
  ), started AS (
    INSERT INTO ${SCHEMA}.attempt (submission, number) SELECT id, attempts FROM claimed
  )
  SELECT id, form, submission_id AS "submissionId", jwe, files, attempts AS attempt, retries, uncertain,
    was_approved AS approved, received_at AS "receivedAt", reference AS "previousReference", traceparent
  FROM claimed`
