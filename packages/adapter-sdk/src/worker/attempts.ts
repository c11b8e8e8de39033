/** The queue as the worker sees it: endings that wait to be recorded, and the fence before an attempt acts. */
import { AdapterError } from '../errors.ts'
import type { Claim, Ending } from '../store/claim.ts'
import { groupCommit } from '../store/group-commit.ts'
import type { Delivering, Settled, Wanted } from '../store/store.ts'

/** How long a claim holds without being renewed, in seconds. */
export const LEASE_SECONDS = 30

/** Claims submissions for attempts, and records how those ended: what ended and what is wanted share a round trip. */
export class Attempts {
  /** How long a claim holds without being renewed, in seconds. */
  readonly leaseSeconds: number
  readonly #store: Delivering
  readonly #monotonic: () => number
  readonly #acting
  #endings: { readonly settled: Settled; readonly resolve: () => void }[] = []

  /** `monotonic`: milliseconds of a clock that never jumps. */
  constructor(store: Delivering, leaseSeconds = LEASE_SECONDS, monotonic = () => performance.now()) {
    this.#store = store
    this.leaseSeconds = leaseSeconds
    this.#monotonic = monotonic
    this.#acting = groupCommit((claims: readonly Claim[]) => this.#store.acting(claims), 256)
  }

  /** Whether endings wait to be recorded. */
  get hasEndings(): boolean {
    return this.#endings.length > 0
  }

  /** Resolves when the ending is recorded, which happens in the next turn. */
  settle({ id, attempt }: Claim, ending: Ending): Promise<void> {
    return new Promise((resolve) => {
      this.#endings.push({ settled: { claim: { id, attempt }, ending }, resolve })
    })
  }

  /** Records what has ended and claims what is wanted. If it rejects, the endings wait for the next turn. */
  async turn(wanted: readonly Wanted[]): Promise<Claim[]> {
    const batch = this.#endings.splice(0, MOST_ENDINGS)
    try {
      const settle = batch.map(({ settled }) => settled)
      const claims = await this.#store.turn({ settle, claim: wanted, leaseSeconds: this.leaseSeconds })
      for (const { resolve } of batch) resolve()
      return claims
    } catch (error) {
      this.#endings = [...batch, ...this.#endings]
      throw error
    }
  }

  /**
   * Records, durably, that the case system may act from here on.
   * @throws {AdapterError} ERR_ATTEMPT_LOST: the attempt is no longer ours; nothing may be sent. ERR_STORE_UNAVAILABLE: it
   * cannot be recorded; nothing may be sent either.
   */
  async acting(claim: Claim): Promise<void> {
    const asked = { monotonic: this.#monotonic(), wall: Date.now() }
    const wasOurs = await this.#acting.add(claim).catch((cause: unknown) => {
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the store is unavailable', { cause, retryable: true })
    })
    // The process may have been stopped before it could read the answer, and another one have ended the attempt since.
    const milliseconds = Math.max(this.#monotonic() - asked.monotonic, Date.now() - asked.wall)
    if (!wasOurs || milliseconds >= this.leaseSeconds * 1000)
      throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
  }
}

const MOST_ENDINGS = 256
