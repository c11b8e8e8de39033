/** The events of a server: the one source of its logs, metrics and audit. No event holds a path, a query or a body. */

import type { ForwardedProto } from './header-values.ts'

/** One event. Apart from `type`, its members are counts, codes, dates, names and addresses. */
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
  | { readonly type: 'crl.fetched'; readonly host: string; readonly thisUpdate: Date; readonly nextUpdate: Date }
  | {
      readonly type: 'crl.refused'
      readonly reason: CrlRefusal
      /** Missing if the file is the reason. */
      readonly host?: string
      readonly code?: string
    }
  | {
      readonly type: 'client.refused'
      readonly code: string
      readonly address: string
      /** `peerOf` the socket. In `respond` mode the refused request arrives on the same socket. */
      readonly peer: string
      readonly certificate?: ClientCertificateSummary
    }
  | {
      readonly type: 'connection.refused'
      readonly reason: ConnectionRefusal
      readonly address: string
      readonly code?: string
    }
  | {
      readonly type: 'connection.probed'
      readonly address: string
      /** `peerOf` the socket. */
      readonly peer: string
    }
  | {
      readonly type: 'request.refused'
      readonly status: number
      readonly reason: RefusalReason
      /** The peer's: behind an ingress, that of the ingress; behind a load balancer, the client that its PROXY header names. */
      readonly address: string
      /** What the peer said of the scheme; only with `proxy-untrusted` and `forwarded-proto`. */
      readonly forwardedProto?: ForwardedProto
    }
  | { readonly type: 'listener.failed'; readonly name: string; readonly code?: string }
  | { readonly type: 'stopping'; readonly graceSeconds: number }
  | { readonly type: 'stopped'; readonly cutConnections: number }

/** Every type of event with its meaning. README.md has the same table. */
export const EVENTS = {
  listening: 'Connections are accepted',
  'certificate.loaded': 'The server certificate is loaded, at the start or after a change of its files',
  'certificate.refused': 'New certificate or key files are invalid; the old ones stay in use',
  'certificate.expiring': 'The certificate expires within 30 days, or has expired; once a day',
  'trust.loaded': 'CA and CRL files are loaded, at the start or after a change',
  'trust.refused': 'New CA or CRL files are invalid; the old ones stay in use',
  'crl.missing': 'An authority has no CRL, so its clients are refused; once a day',
  'crl.expiring': 'A CRL expires within `crlWarningDays`; once a day',
  'crl.stale': 'A CRL is past its nextUpdate, so its clients are refused unless `staleCrl` allows them; once a day',
  'crl.fetched': 'A CRL was fetched from its distribution point and is kept',
  'crl.refused': 'A CRL could not be fetched, checked or kept, and the one before stays in use; see `reason`',
  'client.refused': 'A client certificate is refused, at the handshake or later; `code` gives the reason',
  'connection.refused': 'A connection is refused or closed early; see `reason`',
  'connection.probed': 'A client opened TCP or TLS and left without a request, as health probes do',
  'request.refused': 'The server refuses a request instead of passing it to the listener; see `reason`',
  'listener.failed': 'The listener threw or rejected; the client gets 500',
  stopping: '`stop` was called',
  stopped: 'Every connection is closed; `cutConnections` of them had an unanswered request',
} as const satisfies Record<ServerEvent['type'], string>

/** Identifies a refused certificate. Names are cut to a fixed length and have no control characters. */
export interface ClientCertificateSummary {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  readonly fingerprint256: string
  readonly notAfter: Date
}

/**
 * Why a connection was refused or closed: `total` and `address` are the limits on connections, `evicted` means closed to make
 * room for a newer one, `handshake` a failed or timed-out TLS handshake, `stalled` no byte for too long, `accept` that the
 * system could not open one (too many open files). The others are of the PROXY header: not sent by one of `proxyProtocol`, sent
 * by anybody else, not valid, too long, or not complete within `handshakeSeconds`.
 */
export type ConnectionRefusal = 'total' | 'address' | 'evicted' | 'handshake' | 'stalled' | 'accept' | ProxyRefusal

/** Why a connection was refused for its PROXY header. */
export type ProxyRefusal = 'proxy-missing' | 'proxy-untrusted' | 'proxy-malformed' | 'proxy-oversized' | 'proxy-timeout'

/**
 * Why a CRL was not fetched: its `address` is private and not allowed, the `status` is not 200, the content has an `encoding`, the
 * `size` is more than `maxBytes`, the `timeout` is over, or nobody answers (`unreachable`). Why it was not kept: `form` is not
 * exactly one CRL, `extension` one with a critical extension that the server does not know (delta CRLs), `issuer` not of an
 * authority by name and signature, `older` than the one kept, `early` before its thisUpdate. `file`: the file, or that of an
 * authority, cannot be read or written.
 */
export type CrlRefusal =
  | 'address'
  | 'status'
  | 'encoding'
  | 'size'
  | 'timeout'
  | 'unreachable'
  | 'form'
  | 'extension'
  | 'issuer'
  | 'older'
  | 'early'
  | 'file'

/** Why the server refused a request itself, with the status it answered. README.md has the same table. */
export const REFUSAL_REASONS = {
  malformed: { status: 400, meaning: 'The request is not valid HTTP/1.1' },
  framing: {
    status: 400,
    meaning: 'The length of the body is ambiguous or invalid; 501 for an unknown transfer coding',
  },
  host: { status: 400, meaning: '`Host` is missing or not a host name' },
  target: { status: 400, meaning: 'The request target is not a path' },
  'duplicate-header': { status: 400, meaning: 'A header that is allowed once was sent twice' },
  method: { status: 405, meaning: 'The method is not served; `Allow` lists those that are' },
  timeout: { status: 408, meaning: 'The request was not complete in time' },
  'body-too-large': { status: 413, meaning: 'The body is longer than `bodyBytes`' },
  expectation: { status: 417, meaning: '`Expect` is not `100-continue`' },
  'proxy-untrusted': { status: 421, meaning: 'The peer is none of `trustProxy`' },
  'forwarded-proto': {
    status: 421,
    meaning: 'The last entry of the `X-Forwarded-Proto` of a trusted proxy is not `https`; see `forwardedProto`',
  },
  rate: { status: 429, meaning: 'The address exceeds `requestsPerSecondPerAddress`; see `Retry-After`' },
  'headers-too-large': { status: 431, meaning: 'The headers exceed `headerBytes` or `headerCount`' },
  'certificate-refused': { status: 495, meaning: 'The client certificate is refused (`respond` only)' },
  'certificate-missing': { status: 496, meaning: 'There is no client certificate (`respond` only)' },
  'listener-failed': { status: 500, meaning: 'The listener threw or rejected' },
  bodies: {
    status: 503,
    meaning:
      '`heldBodyBytes` is reached, and the address of this unfinished body holds most of them; see `Retry-After`',
  },
  busy: { status: 503, meaning: '`concurrentRequests` or `pipelinedRequests` is reached; see `Retry-After`' },
} as const

/** See `REFUSAL_REASONS`. */
export type RefusalReason = keyof typeof REFUSAL_REASONS
