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

/** Optics created no case, so the attempt may be repeated. Operators see the message, so it must not contain answers. */
export class OpticsError extends AdapterError {
  override readonly name = 'OpticsError'
  /** How long Optics asks us to wait. */
  readonly retryAfterSeconds?: number

  constructor(code: CodeThat<'retry'>, message: string, options: { retryAfterSeconds?: number | undefined } = {}) {
    // The type of the SDK lists only its own codes, but it keeps any code that a handler's error has.
    super(code as string as ErrorCode, message, { retryable: true })
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** The error for an attempt after which the case may exist. `cases`: those that the answer names, for whoever decides. */
export function uncertain(code: CodeThat<'uncertain'>, message: string, cases: readonly string[] = []): UncertainError {
  return new UncertainError(message, { code, ...(cases.length > 0 && { reference: cases.join(', ') }) })
}

type CodeThat<End> = {
  [Code in OpticsErrorCode]: (typeof OPTICS_ERRORS)[Code]['end'] extends End ? Code : never
}[OpticsErrorCode]
