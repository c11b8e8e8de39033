/** The ways in which the stand-in can be told to fail, and what is still to come. */

/** What each kind of failure does. Unless it says otherwise, no case is made. */
export const FAILURES = {
  refuse: 'Stops listening for `seconds`, so that connections are refused',
  close: 'Closes the next connection, of whatever route, before reading from it',
  reset: 'Reads the whole request, then breaks the connection off',
  hang: 'Reads the whole request and never answers',
  status: 'Answers `status` (default 500) with an HTML page',
  redirect: 'Answers 302 to the same path on another host',
  html: 'Answers 200 with an HTML page',
  empty: 'Answers 200 with nothing',
  unauthorised: 'Answers 401, as to an expired token',
  forbidden: 'Answers 403, as to an address that is not allowed',
  'too-many-requests': 'Answers 429 with `Retry-After: seconds` (default 1)',
  slow: 'Waits for `seconds` (default 1), then does what was asked',
  documents: 'Makes the case, then answers 500 as if its documents could not be fetched',
  'case-then-status': 'Does what was asked, then answers `status` (default 500) with an HTML page',
  'case-then-reset': 'Does what was asked, then breaks the connection off',
  'case-then-hang': 'Does what was asked and never answers',
  'case-then-half': 'Does what was asked, sends half of the answer and breaks the connection off',
  'case-then-html': 'Does what was asked, then answers 200 with an HTML page',
  'case-then-empty': 'Does what was asked, then answers 200 with nothing',
} as const

/** A kind of failure. */
export type FailureKind = keyof typeof FAILURES

/** How often a failure happens, where, and how. */
export interface FailureOptions {
  /** How many requests fail. Default 1. */
  readonly times?: number
  /** Which requests fail. Default `createcase`. */
  readonly route?: Route
  /** HTTP status of `status` and `case-then-status`. */
  readonly status?: number
  /** Seconds of `refuse`, `slow` and `too-many-requests`. */
  readonly seconds?: number
}

/** The routes of Optics that can be made to fail. */
export const ROUTES = ['token', 'createcase', 'getcaseattribute', 'getcasedetails', 'getcasedocuments'] as const
/** One of them. */
export type Route = (typeof ROUTES)[number]

/** A failure that waits for its requests. */
export interface Failure extends FailureOptions {
  readonly kind: FailureKind
}

/** Failures to come, taken in the order in which they were asked for. */
export class Failures {
  #waiting: { failure: Failure; left: number }[] = []

  add(failure: Failure): void {
    this.#waiting.push({ failure, left: failure.times ?? 1 })
  }

  /** The next failure for a request of this route, or for a connection, and one less to come. */
  take(where: Route | 'connection'): Failure | undefined {
    const next = this.#waiting.find(({ failure }) => place(failure) === where)
    if (next === undefined) return undefined
    next.left -= 1
    if (next.left <= 0) this.#waiting = this.#waiting.filter((entry) => entry !== next)
    return next.failure
  }

  clear(): void {
    this.#waiting = []
  }
}

/** Whether a text names a kind of failure. */
export function isFailureKind(kind: unknown): kind is FailureKind {
  return typeof kind === 'string' && Object.hasOwn(FAILURES, kind)
}

function place({ kind, route }: Failure): Route | 'connection' {
  return kind === 'close' ? 'connection' : (route ?? 'createcase')
}
