/** What can go wrong with Optics, by code. README.md has the table; a test keeps the two equal. */
import { AdapterError, type ErrorCode, UncertainError } from '@formbuilder/adapter-sdk'

/** The closed list of codes, what each means and what follows from it. */
export const OPTICS_ERRORS = {
  ERR_OPTICS_UNREACHABLE: {
    end: 'retry',
    meaning: 'No connection to Optics: refused, no such name, TLS, or too slow',
  },
  ERR_OPTICS_NOT_SENT: { end: 'retry', meaning: 'The attempt was given up before the request was sent' },
  ERR_OPTICS_TOKEN_REFUSED: { end: 'retry', meaning: 'Optics gave no access token' },
  ERR_OPTICS_UNAUTHORISED: { end: 'retry', meaning: 'Optics answered 401 or 403, to a new token too' },
  ERR_OPTICS_BUSY: { end: 'retry', meaning: 'Optics answered 429; its `Retry-After` is heeded' },
  ERR_OPTICS_LOOKUP_FAILED: { end: 'retry', meaning: 'Optics could not be asked whether the case exists' },
  ERR_OPTICS_TIMEOUT: { end: 'uncertain', meaning: 'The request was sent; no answer came in time' },
  ERR_OPTICS_BROKEN_OFF: {
    end: 'uncertain',
    meaning: 'The request was sent; the connection broke before a whole answer',
  },
  ERR_OPTICS_REJECTED: {
    end: 'uncertain',
    meaning: 'Optics answered createcase with a 4xx, perhaps after making the case',
  },
  ERR_OPTICS_FAILED: {
    end: 'uncertain',
    meaning: 'Optics answered createcase with a 5xx, perhaps after making the case',
  },
  ERR_OPTICS_ANSWER_UNKNOWN: {
    end: 'uncertain',
    meaning: 'The answer to createcase is a page or a redirect, not an answer',
  },
} as const satisfies Record<string, { end: 'retry' | 'uncertain'; meaning: string }>

/** A code of {@link OPTICS_ERRORS}. */
export type OpticsErrorCode = keyof typeof OPTICS_ERRORS

/** Optics did nothing for us: the attempt may be repeated. The message is stored and shown, so it holds no values. */
export class OpticsError extends AdapterError {
  override readonly name = 'OpticsError'
  /** How long Optics wants to be left alone. */
  readonly retryAfterSeconds?: number

  constructor(code: CodeThat<'retry'>, message: string, options: { retryAfterSeconds?: number | undefined } = {}) {
    // The SDK closes its list of codes; in a handler's error it keeps whatever stable code it finds.
    super(code as string as ErrorCode, message, { retryable: true })
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** An end after which the case may exist. */
export function uncertain(code: CodeThat<'uncertain'>, message: string): UncertainError {
  return new UncertainError(message, { code })
}

type CodeThat<End> = {
  [Code in OpticsErrorCode]: (typeof OPTICS_ERRORS)[Code]['end'] extends End ? Code : never
}[OpticsErrorCode]
