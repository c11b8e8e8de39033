/** The places of handlers in one process: how many may run, and how many more are claimed ahead. */

/** Gives places to attempts in the order in which they were claimed. */
export class Places {
  readonly #concurrency: number
  readonly #mayClaimAhead: boolean
  #handling = 0
  #unsettled = 0
  readonly #claimedAhead: (() => void)[] = []
  /** Smoothed milliseconds from the wish for more work until it is there, and in a handler. */
  #claimMilliseconds = 0
  #handlerMilliseconds = Number.POSITIVE_INFINITY

  /**
   * `mayClaimAhead`: false beside a form whose lost attempts are uncertain. A crash would leave the outcome of all that was
   * claimed ahead unknown, and that form would never find a free place.
   */
  constructor(concurrency: number, mayClaimAhead: boolean) {
    this.#concurrency = concurrency
    this.#mayClaimAhead = mayClaimAhead
  }

  /** Attempts in their handler, or waiting until their end is recorded. */
  get running(): number {
    return this.#unsettled - this.#claimedAhead.length
  }

  /** Whether as many attempts are unsettled as may be: what a crash would leave unknown stays bounded. */
  get isFull(): boolean {
    return this.#unsettled >= 2 * this.#concurrency
  }

  /**
   * How many to claim: as many as can start, and as many again while handlers are so quick that their places would stay
   * empty during a claim. None ahead of slow handlers, which another process may start sooner.
   */
  get left(): number {
    const isQuick = this.#handlerMilliseconds <= this.#claimMilliseconds * this.#concurrency
    const most = isQuick && this.#mayClaimAhead ? 2 * this.#concurrency : this.#concurrency
    return Math.min(most - this.#handling - this.#claimedAhead.length, 2 * this.#concurrency - this.#unsettled)
  }

  /** Resolves when there is a place for one more handler. */
  async takePlace(): Promise<void> {
    this.#unsettled += 1
    if (this.#handling < this.#concurrency) this.#handling += 1
    else await new Promise<void>((resolve) => this.#claimedAhead.push(resolve))
  }

  /** A handler has ended: what was claimed ahead takes its place. */
  freePlace(): void {
    const next = this.#claimedAhead.shift()
    if (next === undefined) this.#handling -= 1
    else next()
  }

  /** The end of an attempt is recorded. */
  settled(): void {
    this.#unsettled -= 1
  }

  /** Lets everything that was claimed ahead go on, because the process stops: each gives itself back. */
  releaseClaimedAhead(): void {
    for (const next of this.#claimedAhead.splice(0)) {
      this.#handling += 1
      next()
    }
  }

  claimTook(milliseconds: number): void {
    this.#claimMilliseconds = smoothed(this.#claimMilliseconds, milliseconds)
  }

  handlerTook(milliseconds: number): void {
    this.#handlerMilliseconds = smoothed(this.#handlerMilliseconds, milliseconds)
  }
}

function smoothed(before: number, now: number): number {
  return Number.isFinite(before) ? before + (now - before) / 8 : now
}
