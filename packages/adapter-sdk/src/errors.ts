/** Everything that can go wrong, by code. README.md has the table; a test keeps the two equal. */

/** An error of this package. `code` identifies it; `message` names fields, counts and positions, never a value. */
export class AdapterError extends Error {
  override readonly name: string = 'AdapterError'
  readonly code: ErrorCode
  /** Whether trying the same again may help. Errors of ours are permanent unless they say so. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/**
 * Thrown by a handler: retrying cannot help. The submission becomes a dead letter at once.
 * The message is stored and shown to operators: name fields, never what a citizen wrote.
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
  /** Groups dead letters: upper case letters, digits and underscores. Default `ERR_HANDLER_PERMANENT`. */
  readonly code: string
  /** The case system's id of what was made so far. A later attempt gets it as `context.previousReference`. */
  readonly reference: string | undefined
  /** HTTP status that the target answered, 100 to 599. Anything else is left out. */
  readonly status: number | undefined

  constructor(
    message: string,
    options: { cause?: unknown; code?: string; reference?: string; status?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = stableCode(options.code, 'ERR_HANDLER_PERMANENT')
    this.reference = options.reference
    this.status = httpStatus(options.status)
  }
}

/**
 * Thrown by a handler: the case system may or may not have acted. The form's `confirm` decides; without one the
 * submission becomes an uncertain dead letter. It is never repeated blindly, unless the form has `repeatable: true`: then it is
 * repeated, and stays uncertain until it is delivered.
 * The message is stored and shown to operators: name fields, never what a citizen wrote.
 */
export class UncertainError extends Error {
  override readonly name = 'UncertainError'
  /** Groups dead letters: upper case letters, digits and underscores. Default `ERR_OUTCOME_UNCERTAIN`. */
  readonly code: string
  /** The case system's id of what was made so far. A later attempt gets it as `context.previousReference`. */
  readonly reference: string | undefined
  /** HTTP status that the target answered, 100 to 599. Anything else is left out. */
  readonly status: number | undefined

  constructor(
    message: string,
    options: { cause?: unknown; code?: string; reference?: string; status?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = stableCode(options.code, 'ERR_OUTCOME_UNCERTAIN')
    this.reference = options.reference
    this.status = httpStatus(options.status)
  }
}

/**
 * Thrown by a handler: nothing was made, and the same may succeed later, no sooner than the target asks.
 * The message is stored and shown to operators: name fields, never what a citizen wrote.
 */
export class RetryError extends Error {
  override readonly name = 'RetryError'
  /** Groups failures: upper case letters, digits and underscores. Default `ERR_HANDLER_RETRY`. */
  readonly code: string
  /**
   * The next attempt comes no sooner than this, nor than the ordinary delay, in seconds: more than 0, at most 31536000 (a longer
   * time counts as that). Absent, not a number, 0 or less: the ordinary delay. The longest wait is `RETRY_DELAY_MAX_SECONDS`.
   */
  readonly retryAfterSeconds: number | undefined
  /** HTTP status that the target answered, 100 to 599. Anything else is left out. */
  readonly status: number | undefined

  constructor(
    message: string,
    options: {
      cause?: unknown
      code?: string
      retryAfterSeconds?: number | undefined
      status?: number | undefined
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    const { code, retryAfterSeconds: seconds, status } = options
    this.code = stableCode(code, 'ERR_HANDLER_RETRY')
    this.retryAfterSeconds = typeof seconds === 'number' && seconds > 0 ? Math.min(seconds, YEAR_SECONDS) : undefined
    this.status = httpStatus(status)
  }
}

const YEAR_SECONDS = 31_536_000

/** Keeps the codes in the type, and leaves out of it what the table says of each. */
const meanings = <Code extends string>(
  table: Readonly<Record<Code, { readonly meaning: string; readonly status?: number }>>,
) => table

/** The closed list of codes. `status` is the HTTP status of an answer that carries it; the others never reach HTTP. */
export const ERRORS = meanings({
  ERR_CONFIG_INVALID: { meaning: 'A setting is missing or wrong; the message names every one' },
  ERR_KEY_INVALID: { meaning: 'A shared key is not 16 or 32 ASCII characters' },
  ERR_FORM_INVALID: { meaning: 'A form has a wrong path, name, schema or handler' },
  ERR_PORT_UNAVAILABLE: {
    meaning:
      'The port or the address cannot be used: another process has the port, this process may not use it, or the machine lacks the address',
  },

  ERR_NOT_FOUND: { status: 404, meaning: 'No such path' },
  ERR_METHOD_NOT_ALLOWED: {
    status: 405,
    meaning: 'The path exists, but not for this method; `Allow` names the methods',
  },
  ERR_BODY_TOO_LARGE: { status: 413, meaning: 'The body is larger than `BODY_LIMIT_BYTES`' },
  ERR_PROXY_UNTRUSTED: {
    status: 421,
    meaning:
      'The request came from an address that is in no network of `TRUST_PROXY` (of the page: `ADMIN_TRUSTED_PROXIES`); the log has the address',
  },
  ERR_FORWARDED_PROTO_MISSING: {
    status: 421,
    meaning: 'The trusted proxy did not send `X-Forwarded-Proto: https` (of several entries the last counts)',
  },
  ERR_MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    meaning: 'The body is not sent as a compact JWE: wrong media type, or a content encoding',
  },
  ERR_JWE_INVALID: { status: 401, meaning: 'Not a compact JWE that the adapter accepts' },
  ERR_JWE_DECRYPTION_FAILED: { status: 401, meaning: 'No key of the keyring fits, or the token was changed' },
  ERR_SUBMISSION_INVALID: {
    status: 422,
    meaning: 'It decrypts, but is not a submission of this form; the message names the field',
  },
  ERR_STORE_UNAVAILABLE: {
    status: 503,
    meaning: 'The store cannot be reached or used now; the sender keeps the submission',
  },
  ERR_STORE_FULL: { status: 503, meaning: 'Too many requests are waiting to be stored; the sender keeps it' },
  ERR_STOPPING: { status: 503, meaning: 'The process is stopping; the sender keeps the submission' },
  ERR_INTERNAL: { status: 500, meaning: 'An unexpected error in the adapter' },

  ERR_ATTACHMENT_REFUSED: {
    status: 503,
    meaning: 'A file link is not https, its host is not allowed, or it points to a private address',
  },
  ERR_ATTACHMENT_UNREACHABLE: { status: 503, meaning: 'The connection to a file link failed or broke off' },
  ERR_ATTACHMENT_STATUS: { status: 503, meaning: 'A file link did not answer 200 (an expired link answers 403)' },
  ERR_ATTACHMENT_TIMEOUT: { status: 503, meaning: 'A file did not arrive in the time allowed' },
  ERR_ATTACHMENT_NOT_HEX: { status: 503, meaning: 'A file is not the hexadecimal text of whole AES blocks' },
  ERR_ATTACHMENT_TOO_LARGE: { status: 503, meaning: 'A file, or all files together, are larger than allowed' },
  ERR_ATTACHMENT_KEY_INVALID: { status: 503, meaning: 'A file key is not 32 bytes, or its IV not 16' },
  ERR_ATTACHMENT_CORRUPT: {
    status: 503,
    meaning: 'A file does not decrypt with its key, or a stored file has changed since its capture',
  },
  ERR_ATTACHMENT_NOT_FOUND: { status: 404, meaning: 'No such file, or the sweep has removed it' },
  ERR_ATTACHMENT_MISSING: {
    meaning:
      'A file could not be captured within `ATTACHMENT_PATIENCE_HOURS` and three deliveries; a person must decide',
  },

  ERR_ANSWERS_INVALID: { meaning: 'The answers do not fit the schema of the form; the message names the fields' },
  ERR_HANDLER_FAILED: { meaning: 'The handler threw; retried' },
  ERR_HANDLER_PERMANENT: { meaning: 'The handler threw `PermanentError`' },
  ERR_HANDLER_RETRY: { meaning: 'The handler threw `RetryError`; retried, no sooner than it asks' },
  ERR_ATTEMPT_TIMEOUT: { meaning: 'The handler did not finish in the time allowed' },
  ERR_ATTEMPT_LOST: {
    meaning: 'The process was lost during the attempt, or stopped before it started; after five losses a dead letter',
  },
  ERR_OUTCOME_UNCERTAIN: { meaning: 'The case system may or may not have acted; a person must decide' },
  ERR_RETRIES_EXHAUSTED: { meaning: 'Every retry failed; the reason of the last one is recorded' },

  ERR_SUBMISSION_NOT_FOUND: { status: 404, meaning: 'No submission has this id' },
  ERR_STATE_CONFLICT: { status: 409, meaning: 'The submission or the form is not in a state that allows this' },

  ERR_FILTER_UNKNOWN: {
    status: 422,
    meaning:
      'No adapter has this form, or no submission has or had this form or code; the message names the known ones',
  },
  ERR_REASON_INVALID: { status: 422, meaning: 'An action needs a reason, of at most 500 characters' },

  ERR_ENDPOINT_REFUSED: { meaning: 'Submitter: a submission may not be sent to this endpoint' },
  ERR_ENDPOINT_UNPROVEN: { meaning: 'Submitter: the endpoint did not prove that it holds the key' },
  ERR_RECEIVER_REFUSED: { meaning: 'Submitter: the receiver answered, but not that it has the submission' },
  ERR_RECEIVER_UNREACHABLE: { meaning: 'Submitter: no answer from the receiver' },
  ERR_FILES_NOT_FETCHED: {
    meaning: 'Submitter: the receiver has the submission, and did not fetch every file while its link lived',
  },
  ERR_SENDING_STOPPED: {
    meaning: 'Submitter: stopped before the end; the message says what was sent and what was not',
  },
})

/** One of the codes in `ERRORS`. */
export type ErrorCode = keyof typeof ERRORS

/** A code that may become a label or a column: short, upper case, no user text. */
function stableCode(code: string | undefined, fallback: ErrorCode): string {
  return code !== undefined && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : fallback
}

function httpStatus(status: number | undefined): number | undefined {
  return Number.isInteger(status) && Number(status) >= 100 && Number(status) <= 599 ? status : undefined
}
