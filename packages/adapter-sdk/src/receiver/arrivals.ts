/** Writes arriving submissions to the store, many in one commit, and answers what it already holds. */
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import type { StoredFile } from '../files/capture.ts'
import { SCHEMA } from '../store/database.ts'
import { groupCommit } from '../store/group-commit.ts'
import { SLOT } from '../store/hours.ts'
import type { QueueStore } from '../store/pg-boss.ts'
import { type Accepted, type Incoming, rowId } from '../store/submission.ts'
import { storableTraceparent } from '../store/text.ts'

/** Stores submissions durably. A stored submission stays until it is delivered or a person ends it. */
export class Arrivals {
  readonly #store: QueueStore
  readonly #emit: Emit
  readonly #mostWaiting: number
  readonly #commit

  /** `mostWaiting`: how many requests may wait for their commit before `accept` refuses more. */
  constructor(store: QueueStore, emit: Emit, mostWaiting = 1000) {
    this.#store = store
    this.#emit = emit
    this.#mostWaiting = mostWaiting
    this.#commit = groupCommit((items: readonly Incoming[]) => this.#write(items), 256)
  }

  /** Requests that wait for their commit. */
  get waiting(): number {
    return this.#commit.waiting
  }

  /**
   * Resolves when the submission is stored durably.
   * @throws {AdapterError} ERR_STORE_FULL, ERR_STORE_UNAVAILABLE: treat it as not stored; the sender must keep it.
   */
  async accept(incoming: Incoming): Promise<Accepted> {
    if (this.#commit.waiting >= this.#mostWaiting) {
      throw new AdapterError('ERR_STORE_FULL', `${this.#mostWaiting} submissions are waiting to be stored`, {
        retryable: true,
      })
    }
    return await this.#commit.add(incoming)
  }

  /** Whether `accept` would answer `duplicate`. Saves fetching the files of a repeated submission again. */
  async isHeld(form: string, submissionId: string): Promise<boolean> {
    const rows = await this.#guard('look up', () =>
      this.#store.database.query(`SELECT 1 FROM ${SCHEMA}.submission WHERE id = $1 AND NOT (${REPLACEABLE})`, [
        rowId(form, submissionId),
      ]),
    )
    return rows.length > 0
  }

  /** Counts a delivery whose files could not be captured, and returns the count so far. */
  async countDelivery(form: string, submissionId: string): Promise<number> {
    const [row] = await this.#guard('count', () =>
      this.#store.database.query<{ deliveries: number }>(
        `INSERT INTO ${SCHEMA}.delivery (id) VALUES ($1)
         ON CONFLICT (id) DO UPDATE SET deliveries = delivery.deliveries + 1, changed_at = now() RETURNING deliveries`,
        [rowId(form, submissionId)],
      ),
    )
    return row?.deliveries ?? 1
  }

  /** Resolves when the store can be written to. @throws {AdapterError} ERR_STORE_UNAVAILABLE */
  async check(): Promise<void> {
    await this.#guard('check', () => this.#store.database.query(`UPDATE ${SCHEMA}.version SET version = version`))
  }

  async #write(items: readonly Incoming[]): Promise<Accepted[]> {
    const started = performance.now()
    const ids = items.map((item) => rowId(item.form, item.submissionId))
    // If one batch has several copies of a submission, the first is stored and the others are duplicates.
    const rows = new Map<string, Row>()
    for (const [index, item] of items.entries()) {
      const id = ids[index] as string
      if (!rows.has(id)) rows.set(id, row(id, item))
    }
    const results = await this.#guard('accept', () => this.#insert([...rows.values()]))
    this.#emit({ event: 'store.committed', submissions: items.length, milliseconds: performance.now() - started })
    return ids.map((id) => {
      const result = results.get(id) ?? 'duplicate'
      results.delete(id)
      return result
    })
  }

  async #insert(rows: readonly Row[]): Promise<Map<string, Accepted>> {
    const results = new Map<string, Accepted>()
    for (const [form, each] of Map.groupBy(rows, (row) => row.form)) {
      const written = await this.#store.database.query<{ id: string; outcome: Accepted }>(
        `SELECT id, outcome FROM ${this.#store.functions(form).accept}($1, $2, $3)`,
        [JSON.stringify(each), each.length, SLOT],
      )
      for (const { id, outcome } of written) results.set(id, outcome)
    }
    return results
  }

  async #guard<T>(during: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      this.#emit({ event: 'store.failed', during, code: errorName(cause) })
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the store is unavailable', { cause, retryable: true })
    }
  }
}

const REPLACEABLE = "state = 'dead' AND NOT uncertain"

interface Row {
  readonly id: string
  readonly form: string
  readonly submission_id: string
  readonly service_slug: string
  readonly jwe: string
  readonly files: readonly StoredFile[]
  readonly traceparent: string | null
  readonly code: string | null
  readonly reason: string | null
}

// W3C Trace Context, section 3.2. Any other text could contain personal data, so it is not stored.
function row(id: string, incoming: Incoming): Row {
  const missing = incoming.files.flatMap((file) => ('missing' in file ? [`${file.message} (${file.missing})`] : []))
  return {
    id,
    form: incoming.form,
    submission_id: incoming.submissionId,
    // JSON allows a lone surrogate, PostgreSQL text does not: one such name would make its whole batch fail.
    service_slug: incoming.serviceSlug.toWellFormed(),
    jwe: incoming.jwe,
    files: incoming.files,
    traceparent: storableTraceparent(incoming.traceparent),
    code: missing.length > 0 ? 'ERR_ATTACHMENT_MISSING' : null,
    reason: missing.length > 0 ? missing.join('; ') : null,
  }
}
