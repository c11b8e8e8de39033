/** Shows submissions to operators, without answers, names or files, and redrives or discards them. */
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Counts, DetailedEntry, Entry, Filter } from '../store/entry.ts'
import type { Chosen, Moved, Operating } from '../store/store.ts'

/** What operators see of the store, and do with it. */
export class Ledger {
  readonly #store: Operating
  readonly #emit: Emit

  constructor(store: Operating, emit: Emit) {
    this.#store = store
    this.#emit = emit
  }

  /** Newest first. */
  async list(filter: Filter = {}): Promise<Entry[]> {
    const limit = Math.min(Math.max(filter.limit ?? 50, 1), 1000)
    return await this.#store.list(filter, { limit, offset: Math.max(Math.trunc(filter.offset ?? 0), 0) })
  }

  /** @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND */
  async show(id: string): Promise<DetailedEntry> {
    const [entry] = await this.list({ id, limit: 1 })
    if (entry === undefined) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    return { ...entry, timeline: await this.#store.history(entry.id) }
  }

  /** How many submissions are in each state now. */
  async counts(): Promise<Counts> {
    return await this.#store.counts()
  }

  /**
   * Puts dead letters back into the queue with all their retries, and returns how many. An uncertain one is confirmed
   * first; if the form cannot confirm, redriving is the person's decision to handle it again.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   */
  async redrive(filter: Filter, by: string, reason?: string): Promise<number> {
    return await this.#act(filter, 'redriven', by, (chosen) => this.#store.redrive(chosen, by, reason ?? null))
  }

  /**
   * Ends dead letters, with a reason on record. They are never handled again; a repeat by the sender is a duplicate.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   */
  async discard(filter: Filter, by: string, reason: string): Promise<number> {
    return await this.#act(filter, 'discarded', by, (chosen) => this.#store.discard(chosen, by, reason))
  }

  async #act(
    filter: Filter,
    action: 'redriven' | 'discarded',
    by: string,
    move: (chosen: Chosen) => Promise<Moved[]>,
  ): Promise<number> {
    if (filter.id !== undefined) await this.#assertDead(filter)
    const seen = new Set<string>()
    let count = 0
    // In batches, so that nothing waits long for a person. What was moved is no longer in the list; what could not be, is.
    for (let offset = 0; ; ) {
      const found = await this.#store.list({ ...filter, state: 'dead' }, { limit: BATCH, offset })
      // A dead letter that fails again while the others are moved is not moved twice.
      const chosen = found.filter(({ id }) => !seen.has(id))
      for (const { id } of chosen) seen.add(id)
      const moved = chosen.length === 0 ? [] : await move(chosen.map(({ id, revision }) => ({ id, revision })))
      for (const { form, submissionId } of moved) this.#emit({ event: `submission.${action}`, form, submissionId, by })
      count += moved.length
      offset += found.length - moved.length
      if (found.length < BATCH) return count
    }
  }

  async #assertDead({ id, form }: Filter): Promise<void> {
    const found = await this.list({ id, form })
    if (found.length === 0) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    if (found.some(({ state }) => state === 'dead')) return
    throw new AdapterError('ERR_STATE_CONFLICT', `the submission is ${found[0]?.state}, not a dead letter`)
  }
}

const BATCH = 500
