/** The ways in which the stand-in can fail, and the failures that wait for a request. */

/** What each kind of failure does. No case is created unless the text says so. */
export const FAILURES = {
  refuse: 'Stops listening for `seconds`, so that connections are refused',
  close: 'Closes the next connection before reading from it, whatever the route',
  reset: 'Reads the whole request, then closes the connection',
  hang: 'Reads the whole request and never answers',
  status: 'Answers `status` (default 500) with an HTML page',
  redirect: 'Answers 302 to the same path on another host',
  html: 'Answers 200 with an HTML page',
  empty: 'Answers 200 with an empty body',
  answer: 'Answers `status` (default 200) with `body`, `type` and `headers`, by default the text of a proxy',
  unauthorised: 'Answers 401, as for an expired token',
  forbidden: 'Answers 403, as for an IP address that is not allowed',
  'too-many-requests': 'Answers 429 with `Retry-After: seconds` (default 1)',
  slow: 'Waits for `seconds` (default 1), then handles the request',
  documents: 'Creates the case, then answers 500 as if its documents could not be fetched',
  'case-then-status': 'Handles the request, then answers `status` (default 500) with an HTML page',
  'case-then-reset': 'Handles the request, then closes the connection',
  'case-then-hang': 'Handles the request and never answers',
  'case-then-half': 'Handles the request, sends half of the answer and closes the connection',
  'case-then-html': 'Handles the request, then answers 200 with an HTML page',
  'case-then-empty': 'Handles the request, then answers 200 with an empty body',
  'case-then-answer': 'Handles the request, then answers as `answer` does; `{caseid}` in `body` is the case',
} as const

/** A kind of failure. */
export type FailureKind = keyof typeof FAILURES

/** How often a failure happens, on which route, and with which details. */
export interface FailureOptions {
  /** How many requests fail. Default 1. */
  readonly times?: number
  /** The route on which requests fail. Default `createcase`. */
  readonly route?: Route
  /** HTTP status for `status` and `answer`, also after the case. */
  readonly status?: number
  /** Body for `answer`. It is compressed as a `Content-Encoding` in `headers` says: `gzip`, `deflate` or `br`. */
  readonly body?: string
  /** Media type of `body`; "" sends none. Default `text/plain`. */
  readonly type?: string
  /** More headers for `answer`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds for `refuse`, `slow` and `too-many-requests`. */
  readonly seconds?: number
}

/** The routes of Optics that can be made to fail. */
export const ROUTES = ['token', 'createcase', 'getcaseattribute', 'getcasedetails', 'getcasedocuments'] as const
/** The name of one of these routes. */
export type Route = (typeof ROUTES)[number]

/** A failure that waits for requests. */
export interface Failure extends FailureOptions {
  readonly kind: FailureKind
}

/** A queue of failures. Each is used in the order in which it was added. */
export class Failures {
  #waiting: { failure: Failure; left: number }[] = []

  add(failure: Failure): void {
    this.#waiting.push({ failure, left: failure.times ?? 1 })
  }

  /** Removes and returns the next failure for this route, or for a new connection. */
  take(target: Route | 'connection'): Failure | undefined {
    const next = this.#waiting.find(({ failure }) => targetOf(failure) === target)
    if (next === undefined) return undefined
    next.left -= 1
    if (next.left <= 0) this.#waiting = this.#waiting.filter((entry) => entry !== next)
    return next.failure
  }

  clear(): void {
    this.#waiting = []
  }
}

/** Whether a value is a kind of failure. */
export function isFailureKind(kind: unknown): kind is FailureKind {
  return typeof kind === 'string' && Object.hasOwn(FAILURES, kind)
}

function targetOf({ kind, route }: Failure): Route | 'connection' {
  return kind === 'close' ? 'connection' : (route ?? 'createcase')
}
