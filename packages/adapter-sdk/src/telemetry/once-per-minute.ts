/** Lets one event of each kind through in a minute, and counts those it leaves out. */

/** Keeps a place for each kind, so the number of kinds must be bounded. */
export class OncePerMinute {
  readonly #now: () => number
  readonly #kinds = new Map<string, { last: number; leftOut: number }>()

  /** `now`: milliseconds of a clock that is never put back. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** How many of the kind were left out since the last that passed; undefined: this one is left out, too. */
  pass(kind: string): number | undefined {
    const now = this.#now()
    const state = this.#kinds.get(kind)
    if (state !== undefined && now - state.last < MINUTE_MILLISECONDS) {
      state.leftOut += 1
      return undefined
    }
    this.#kinds.set(kind, { last: now, leftOut: 0 })
    return state?.leftOut ?? 0
  }
}

const MINUTE_MILLISECONDS = 60_000
