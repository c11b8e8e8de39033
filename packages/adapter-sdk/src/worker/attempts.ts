/** The queue as the worker sees it: claims, signs of life, and endings. */

import { AdapterError } from '../errors.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'
import { SCHEMA } from '../store/database.ts'
import { groupCommit } from '../store/group-commit.ts'
import { SLOT as HOUR_SLOT } from '../store/hours.ts'
import type { QueueStore } from '../store/pg-boss.ts'
import { storableOrNull } from '../store/text.ts'

/** Claims submissions for attempts, and records how those ended. Endings that arrive together share a transaction. */
export class Attempts {
  readonly #store: QueueStore
  readonly #settle
  readonly #acting

  constructor(store: QueueStore) {
    this.#store = store
    this.#settle = groupCommit((items: readonly Settled[]) => this.#end(items), 256)
    this.#acting = groupCommit((items: readonly Claim[]) => this.#mark(items), 256)
  }

  /** Hands out up to `most` waiting submissions of a form, each to one caller only. Recorded durably before it resolves. */
  async claim(form: string, most: number, loss: Loss): Promise<Claim[]> {
    return await this.#store.database.query<Claim>(`SELECT * FROM ${this.#store.functions(form).claim}($1, $2)`, [
      most,
      loss,
    ])
  }

  /**
   * Records, durably, that the case system may act from here on.
   * @throws {AdapterError} ERR_ATTEMPT_LOST: another process has the attempt by now; nothing may be sent.
   * ERR_STORE_UNAVAILABLE: it cannot be recorded; nothing may be sent either.
   */
  async acting(claim: Claim): Promise<void> {
    const isOurs = await this.#acting.add(claim).catch((cause: unknown) => {
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the store is unavailable', { cause, retryable: true })
    })
    if (!isOurs) throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
  }

  /** Records how an attempt ended. If another process has the submission by now, only a success is recorded. */
  async settle(claim: Claim, ending: Ending): Promise<void> {
    await this.#settle.add({ claim, ending })
  }

  /** Renews these claims. Returns those that another process has by now. */
  async heartbeat(claims: readonly Claim[]): Promise<Claim[]> {
    const open = await this.#store.database.query<Attempt>(
      `SELECT a.submission AS id, number AS attempt FROM ${SCHEMA}.attempt a JOIN ${SCHEMA}.submission s ON s.id = a.submission
         JOIN ${ATTEMPTS} ON a.submission = c.id AND number = c.attempt
       WHERE ended_at IS NULL AND state = 'waiting'`,
      [attempts(claims)],
    )
    const ours = new Set(open.map(keyOf))
    // Only the holder renews an entry: a renewal by another process would hide that the holder is dead.
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
   * For the embedded store, which has one process: puts back what is marked as running and is not in `running`. An earlier
   * process left it, or a claim that failed after its commit.
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

  /** Resolves when the batch of endings that is being written is recorded. */
  async settled(): Promise<void> {
    await this.#settle.batch()
  }

  async idle(): Promise<void> {
    await this.#settle.idle()
  }

  async #mark(claims: readonly Claim[]): Promise<boolean[]> {
    // The state of the submission counts too: a late success of an earlier attempt may have ended it.
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
    for (const [form, each] of Map.groupBy(items, ({ claim }) => claim.form)) {
      await this.#store.database.query(`SELECT ${this.#store.functions(form).settle}($1, $2, $3)`, [
        JSON.stringify(each.map(settledRow)),
        SLOT,
        HOUR_SLOT,
      ])
    }
    return items.map(() => undefined)
  }
}

interface Settled {
  readonly claim: Claim
  readonly ending: Ending
}

/** One attempt of one submission. There can be several at once, if one was given up and still runs. */
type Attempt = Pick<Claim, 'id' | 'attempt'>

const keyOf = ({ id, attempt }: Attempt) => `${id}/${attempt}`

const ATTEMPTS = 'json_to_recordset($1::text::json) AS c (id uuid, attempt int)'

function attempts(claims: readonly Attempt[]): string {
  return JSON.stringify(claims.map(({ id, attempt }) => ({ id, attempt })))
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
    reason: storableOrNull(failed?.reason),
    reference: storableOrNull(ending.reference),
    delay_seconds: ending.outcome === 'retry' ? ending.delaySeconds : null,
  }
}

const SLOT = Math.floor(Math.random() * 16)
