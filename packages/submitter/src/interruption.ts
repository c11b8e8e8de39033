/** Turns Ctrl-C, and a request of the system to stop, into a signal that work can end by. */

/** Aborts at the first SIGINT, SIGTERM or SIGHUP until it is disposed. A second one ends the process at once. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController()
  readonly #abort = () => this.#controller.abort()

  constructor() {
    for (const name of SIGNALS) process.once(name, this.#abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#abort)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
