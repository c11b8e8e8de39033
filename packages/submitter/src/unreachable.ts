/** The error for a request without an answer: which kind of failure, its code in Node, and whether it may be tried again. */
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'

/** What went wrong. Each kind needs something else to be done. */
export type Unreachable =
  | 'no-answer'
  | 'refused'
  | 'unknown-host'
  | 'no-http'
  | 'no-tls'
  | 'untrusted'
  | 'expired'
  | 'not-yet-valid'
  | 'other-name'
  | 'client-certificate'

/** There was no answer. The receiver may have the submission if the kind is `no-answer` or `no-http`. */
export class UnreachableError extends AdapterError {
  override readonly name = 'UnreachableError'
  readonly kind: Unreachable

  constructor(kind: Unreachable, message: string) {
    super('ERR_RECEIVER_UNREACHABLE', message, { retryable: RETRYABLE.has(kind) })
    this.kind = kind
  }
}

/** The time for an attempt is over. */
export function timedOut(timeoutSeconds: number): UnreachableError {
  return new UnreachableError('no-answer', `no answer within ${timeoutSeconds} s`)
}

/** Keeps only the code of the original error, because the error itself contains the whole request. */
export function unreachable(error: unknown, endpoint: URL): UnreachableError {
  const reason = reasonOf(error)
  const kind = reason === 'ECONNRESET' && endpoint.protocol === 'http:' ? 'no-http' : kindOf(reason)
  return new UnreachableError(kind, `${MESSAGES[kind] ?? NO_ANSWER} (${reason})`)
}

const RETRYABLE: ReadonlySet<Unreachable> = new Set(['no-answer', 'refused', 'unknown-host', 'no-http'])
const NO_ANSWER = 'no answer from the receiver'
const NOT_TRUSTED = 'the certificate of the receiver is not trusted'
const MESSAGES: Partial<Record<Unreachable, string>> = {
  'no-tls': 'the receiver does not speak TLS 1.2 or newer at this port',
  untrusted: NOT_TRUSTED,
  expired: NOT_TRUSTED,
  'not-yet-valid': NOT_TRUSTED,
  'other-name': NOT_TRUSTED,
  'client-certificate': 'the receiver ended the handshake, as one does that wants a client certificate',
}

// The first that fits. An alert comes from the receiver and speaks of our certificate, not of its own.
const KINDS: readonly (readonly [RegExp, Unreachable])[] = [
  [/^ECONNREFUSED$/, 'refused'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'unknown-host'],
  [/^HPE_/, 'no-http'],
  [/^CERT_HAS_EXPIRED$/, 'expired'],
  [/^CERT_NOT_YET_VALID$/, 'not-yet-valid'],
  [/^ERR_TLS_CERT_ALTNAME_/, 'other-name'],
  [/ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/, 'client-certificate'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|UNEXPECTED_MESSAGE/, 'no-tls'],
  [/CERT|ISSUER|SIGNATURE|INVALID_CA|INVALID_PURPOSE|CRL|_KEY_TOO_SMALL|_MD_TOO_WEAK|PATH_LENGTH/, 'untrusted'],
]

function kindOf(reason: string): Unreachable {
  return KINDS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'no-answer'
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error && 'code' in error)) return 'unknown reason'
  // Node says EPROTO for every failure in a handshake; which one it was stands only in OpenSSL's own words.
  const [, words] = (error.code === 'EPROTO' && /:SSL routines:[^:]*:([\w /]{3,60}):/.exec(error.message)) || []
  const code = words === undefined ? String(error.code) : `ERR_SSL_${words.toUpperCase().replaceAll(' ', '_')}`
  return /^[A-Z][A-Z0-9_/]{2,79}$/.test(code) ? code : 'unknown reason'
}
