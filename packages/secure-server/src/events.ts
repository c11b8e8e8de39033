/** Events as typed records: the only source of logs, metrics and audit. No event contains a path, a query or a body. */

/** One event. `type` names it; the other members are counts, codes, dates and addresses. */
export type ServerEvent =
  | { readonly type: 'listening'; readonly port: number; readonly tls: boolean }
  | {
      readonly type: 'certificate.loaded'
      readonly notAfter: Date
      readonly daysLeft: number
      readonly fingerprint256: string
    }
  | { readonly type: 'certificate.refused'; readonly files: readonly string[]; readonly reason: string }
  | { readonly type: 'certificate.expiring'; readonly notAfter: Date; readonly daysLeft: number }
  | { readonly type: 'trust.loaded'; readonly authorities: number; readonly crls: number }
  | { readonly type: 'trust.refused'; readonly files: readonly string[]; readonly reason: string }
  | { readonly type: 'crl.missing'; readonly issuer: string }
  | {
      readonly type: 'crl.expiring'
      readonly issuer: string
      readonly nextUpdate: Date
      readonly daysLeft: number
    }
  | { readonly type: 'crl.stale'; readonly issuer: string; readonly nextUpdate: Date }
  | {
      readonly type: 'client.refused'
      readonly code: string
      readonly address: string
      /** `remoteAddress|remotePort` of the socket: in `respond` mode the refused request arrives on the same socket. */
      readonly peer: string
      readonly certificate?: ClientCertificateSummary
    }
  | {
      readonly type: 'connection.refused'
      readonly reason: ConnectionRefusal
      readonly address: string
      readonly code?: string
    }
  | { readonly type: 'request.refused'; readonly status: number; readonly reason: RefusalReason }
  | { readonly type: 'listener.failed'; readonly name: string; readonly code?: string }
  | { readonly type: 'stopping'; readonly graceSeconds: number }
  | { readonly type: 'stopped'; readonly cutConnections: number }

/** Every type of event with its meaning. README.md has the table; a test keeps the two equal. */
export const EVENTS = {
  listening: 'Connections are accepted',
  'certificate.loaded': 'A certificate is served from now on, at the start and after each change of its files',
  'certificate.refused': 'New certificate or key files are bad; the old ones keep serving',
  'certificate.expiring': 'The certificate ends within 30 days, or has ended; once a day',
  'trust.loaded': 'CA and CRL files are in use from now on, at the start and after each change',
  'trust.refused': 'New CA or CRL files are bad; the old ones stay in use',
  'crl.missing': 'An authority has no CRL, so its clients are refused; once a day',
  'crl.expiring': 'A CRL ends within `crlWarningDays`; once a day',
  'crl.stale': 'A CRL is past its nextUpdate, so clients are refused; once a day',
  'client.refused': 'A client certificate is refused, at the handshake or later; `code` says why',
  'connection.refused': 'A connection is refused or closed before its time; `reason` says why',
  'request.refused': 'A request is answered by the server instead of the listener; `reason` says why',
  'listener.failed': 'The listener threw or rejected; the client got 500',
  stopping: '`stop` was called',
  stopped: 'Every connection is closed; `cutConnections` had a request that was not answered',
} as const satisfies Record<ServerEvent['type'], string>

/** Which certificate was refused: enough to find it again, bounded and free of control characters. */
export interface ClientCertificateSummary {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  readonly fingerprint256: string
  readonly notAfter: Date
}

/**
 * Why a connection was not kept: `total` and `address` are the bounds on connections (`evicted`: closed to make room for a
 * newer one), `handshake` a failed or timed-out TLS handshake, `stalled` no byte for too long, `accept` the system could not open
 * one (too many open files).
 */
export type ConnectionRefusal = 'total' | 'address' | 'evicted' | 'handshake' | 'stalled' | 'accept'

/** Why a request was refused before, or instead of, the listener's answer. README.md has the table. */
export const REFUSAL_REASONS = {
  malformed: { status: 400, meaning: 'It is not HTTP/1.1' },
  framing: { status: 400, meaning: 'Its length is ambiguous or impossible; an unknown transfer coding is a 501' },
  host: { status: 400, meaning: '`Host` is missing or not a host name' },
  target: { status: 400, meaning: 'Its target is not a path' },
  'duplicate-header': { status: 400, meaning: 'A header that may appear once appeared twice' },
  method: { status: 405, meaning: 'Its method is not served; `Allow` names the methods that are' },
  timeout: { status: 408, meaning: 'It was not complete in time' },
  'body-too-large': { status: 413, meaning: 'Its body is longer than `bodyBytes`' },
  expectation: { status: 417, meaning: '`Expect` is not `100-continue`' },
  proxy: { status: 421, meaning: 'It did not arrive over https through the ingress' },
  rate: { status: 429, meaning: 'Its address sent more than `requestsPerSecondPerAddress`; see `Retry-After`' },
  'headers-too-large': { status: 431, meaning: 'Its headers are larger than `headerBytes` or more than `headerCount`' },
  'certificate-refused': { status: 495, meaning: 'The client certificate is refused (`respond` only)' },
  'certificate-missing': { status: 496, meaning: 'There is no client certificate (`respond` only)' },
  'listener-failed': { status: 500, meaning: 'The listener threw or rejected' },
  busy: { status: 503, meaning: '`concurrentRequests` or `pipelinedRequests` are being answered; see `Retry-After`' },
} as const

/** See `REFUSAL_REASONS`. */
export type RefusalReason = keyof typeof REFUSAL_REASONS
