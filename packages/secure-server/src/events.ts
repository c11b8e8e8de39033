/** What happens, as typed records: the one source of logs, metrics and audit. No record holds a path, a query or a body. */

/** One thing that happened. `type` tells which; the other members are counts, codes, dates and addresses. */
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
      /** `remoteAddress|remotePort` of the socket: in `respond` mode the request that is refused comes on the same. */
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

/** Why a request was refused before, or instead of, the listener's answer. */
export type RefusalReason =
  | 'malformed'
  | 'framing'
  | 'host'
  | 'target'
  | 'duplicate-header'
  | 'method'
  | 'timeout'
  | 'headers-too-large'
  | 'body-too-large'
  | 'expectation'
  | 'rate'
  | 'busy'
  | 'proxy'
  | 'certificate-missing'
  | 'certificate-refused'
  | 'listener-failed'
