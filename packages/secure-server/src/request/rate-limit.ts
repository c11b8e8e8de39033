/** Limits the requests of one address in a second. A window starts with the first request; there is no timer per address. */
export class RateLimit {
  readonly #limit: number
  readonly #windows = new Map<string, Window>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Counts one request. Returns 0 when it is within the limit, otherwise the seconds for `Retry-After`. */
  secondsToWait(key: string, now: number): number {
    const window = this.#windows.get(key)
    if (window === undefined || now - window.since >= WINDOW_MILLISECONDS) {
      // Deleting first keeps the map in order of age, which `sweep` relies on.
      this.#windows.delete(key)
      this.#windows.set(key, { since: now, count: 1 })
      return 0
    }
    window.count += 1
    return window.count <= this.#limit ? 0 : 1
  }

  /** Deletes windows that have ended. Called every second, so that only addresses of the last seconds use memory. */
  sweep(now: number): void {
    for (const [key, { since }] of this.#windows) {
      if (now - since < WINDOW_MILLISECONDS) return
      this.#windows.delete(key)
    }
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#windows.size
  }
}

interface Window {
  since: number
  count: number
}

const WINDOW_MILLISECONDS = 1000
