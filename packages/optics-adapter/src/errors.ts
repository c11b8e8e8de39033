/** The error codes of Optics: what each means, and whether the attempt is repeated. */
import { AdapterError, type ErrorCode, UncertainError } from '@formbuilder/adapter-sdk'

/** Every code. `retry`: Optics created no case, so the attempt is repeated. `uncertain`: Optics may have created the case. */
export const OPTICS_ERRORS = {
  ERR_OPTICS_UNREACHABLE: {
    end: 'retry',
    meaning: 'No connection to Optics: refused, name not found, TLS failed, or timed out',
  },
  ERR_OPTICS_NOT_SENT: { end: 'retry', meaning: 'The attempt was cancelled before the request was sent' },
  ERR_OPTICS_TOKEN_REFUSED: { end: 'retry', meaning: 'Optics did not issue an access token' },
  ERR_OPTICS_UNAUTHORISED: { end: 'retry', meaning: 'Optics answered 401 or 403, even to a new token' },
  ERR_OPTICS_BUSY: { end: 'retry', meaning: 'Optics answered 429; the retry waits as `Retry-After` asks' },
  ERR_OPTICS_LOOKUP_FAILED: { end: 'retry', meaning: 'Optics did not say whether the case exists' },
  ERR_OPTICS_TIMEOUT: { end: 'uncertain', meaning: 'The request was sent, but Optics did not answer in time' },
  ERR_OPTICS_BROKEN_OFF: {
    end: 'uncertain',
    meaning: 'The request was sent, but the connection broke before the answer was complete',
  },
  ERR_OPTICS_REJECTED: {
    end: 'uncertain',
    meaning: 'Optics answered createcase with a 4xx, perhaps after creating the case',
  },
  ERR_OPTICS_FAILED: {
    end: 'uncertain',
    meaning: 'Optics answered createcase with a 5xx, perhaps after creating the case',
  },
  ERR_OPTICS_ANSWER_UNKNOWN: {
    end: 'uncertain',
    meaning: 'Optics answered createcase with a redirect, or with a 2xx that does not name one case',
  },
} as const satisfies Record<string, { end: 'retry' | 'uncertain'; meaning: string }>

/** One of the codes in {@link OPTICS_ERRORS}. */
export type OpticsErrorCode = keyof typeof OPTICS_ERRORS

/** What is known of a failed request, beside the message: operators, the log and Sentry get it as fields. */
export interface Details {
  /** HTTP status that Optics answered. */
  readonly status?: number | undefined
  /** Why there was no answer: it has the code of the system or of TLS. */
  readonly cause?: unknown
}

/** Optics created no case, so the attempt may be repeated. Operators see the message, so it must not contain answers. */
export class OpticsError extends AdapterError {
  override readonly name = 'OpticsError'
  /** How long Optics asks us to wait. */
  readonly retryAfterSeconds?: number
  /** HTTP status that Optics answered. Absent: it did not answer. */
  readonly status?: number

  constructor(
    code: CodeThat<'retry'>,
    message: string,
    options: { retryAfterSeconds?: number | undefined; status?: number | undefined; cause?: unknown } = {},
  ) {
    // The type of the SDK lists only its own codes, but it keeps any code that a handler's error has.
    super(code as string as ErrorCode, message, { retryable: true, ...causeOf(options) })
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds
    if (options.status !== undefined) this.status = options.status
  }
}

/** The error for an attempt after which the case may exist. `cases`: those that the answer names, for people to decide. */
export function uncertain(
  code: CodeThat<'uncertain'>,
  message: string,
  { cases = [], status, ...details }: Details & { readonly cases?: readonly string[] } = {},
): UncertainError {
  const reference = cases.length > 0 && { reference: cases.join(', ') }
  return new UncertainError(message, { code, status, ...reference, ...causeOf(details) })
}

function causeOf({ cause }: Details): { cause?: unknown } {
  return cause === undefined ? {} : { cause }
}

type CodeThat<End> = {
  [Code in OpticsErrorCode]: (typeof OPTICS_ERRORS)[Code]['end'] extends End ? Code : never
}[OpticsErrorCode]
