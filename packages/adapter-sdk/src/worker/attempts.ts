/** The queue as the worker sees it: endings that wait to be recorded, and the fence before an attempt acts. */
import { AdapterError } from '../errors.ts'
import type { Claim, Ending } from '../store/claim.ts'
import { groupCommit } from '../store/group-commit.ts'
import type { Delivering, Settled, Wanted } from '../store/store.ts'

/** How long a claim holds without being renewed, in seconds. */
export const LEASE_SECONDS = 30

/** Claims submissions for attempts, and records how those ended: what ended and what is wanted share a round trip. */
export class Attempts {
  readonly #store: Delivering
  readonly #acting
  #endings: { readonly settled: Settled; readonly resolve: () => void }[] = []

  constructor(store: Delivering) {
    this.#store = store
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
      const claims = await this.#store.turn({ settle, claim: wanted, leaseSeconds: LEASE_SECONDS })
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
    const isOurs = await this.#acting.add(claim).catch((cause: unknown) => {
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the store is unavailable', { cause, retryable: true })
    })
    if (!isOurs) throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
  }
}

const MOST_ENDINGS = 256
