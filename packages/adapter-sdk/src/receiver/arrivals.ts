/** Writes arriving submissions to the store, many in one commit, and answers what it already holds. */
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import { groupCommit } from '../store/group-commit.ts'
import type { Accepting, FailedDeliveries, FailedDelivery, Store } from '../store/store.ts'
import { type Accepted, type Incoming, rowId } from '../store/submission.ts'

/** Stores submissions durably. A stored submission stays until it is delivered or a person ends it. */
export class Arrivals {
  readonly #store: Accepting & Pick<Store, 'check'>
  readonly #emit: Emit
  readonly #mostWaiting: number
  readonly #commit

  /** `mostWaiting`: how many requests may wait for their commit before `accept` refuses more. */
  constructor(store: Accepting & Pick<Store, 'check'>, emit: Emit, mostWaiting = 1000) {
    this.#store = store
    this.#emit = emit
    this.#mostWaiting = mostWaiting
    this.#commit = groupCommit((items: readonly Incoming[]) => this.#write(items), 256, BATCHES)
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
    return await this.#guard('look up', () => this.#store.isHeld(rowId(form, submissionId)))
  }

  /** Counts a delivery whose files could not be captured, and returns how many there are so far, and since when. */
  async countDelivery(failed: FailedDelivery): Promise<FailedDeliveries> {
    return await this.#guard('count', () => this.#store.countFailedDelivery(failed))
  }

  /** Resolves when the store can be written to. @throws {AdapterError} ERR_STORE_UNAVAILABLE */
  async check(): Promise<void> {
    await this.#guard('check', () => this.#store.check())
  }

  async #write(items: readonly Incoming[]): Promise<readonly Accepted[]> {
    const started = performance.now()
    const results = await this.#guard('accept', () => this.#store.accept(items))
    this.#emit({ event: 'store.committed', submissions: items.length, milliseconds: performance.now() - started })
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

/** While the store writes one, the next is at its hand: neither of both threads waits for the other. */
const BATCHES = 2
