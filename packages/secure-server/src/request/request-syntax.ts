/** Refuses requests that this server and a proxy in front of it could understand differently. */
import type { IncomingMessage } from 'node:http'
import { SecureServerError } from '../errors.ts'
import type { RefusalReason } from '../events.ts'
import type { ForwardedProto } from '../header-values.ts'

/** The answer to a request that is not served. The client sees the status; the reason goes into the event. */
export interface Refusal {
  readonly status: number
  readonly reason: RefusalReason
  readonly headers?: Readonly<Record<string, string>>
  /** What the peer said of the scheme, where that is why. */
  readonly forwardedProto?: ForwardedProto
}

/** The refusal of a parsed request, or undefined. llhttp has already refused invalid HTTP and most ambiguous framing. */
export function refusalOf(request: IncomingMessage, rules: SyntaxRules): Refusal | undefined {
  const { rawHeaders, headers, httpVersion, method = '', url = '' } = request
  // llhttp parses a request line with HTTP/0.9 or HTTP/2.0 as if it were HTTP/1.1.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return { status: 400, reason: 'malformed' }
  if (rawHeaders.length > rules.headerCount * 2) return { status: 431, reason: 'headers-too-large' }
  if (!rules.methods.includes(method)) return { status: 405, reason: 'method', headers: { Allow: rules.allow } }
  if (hasDuplicate(rawHeaders)) return { status: 400, reason: 'duplicate-header' }

  const { host } = headers
  // HTTP/1.0 needs no Host; HTTP/1.1 requires one.
  if (host === undefined ? httpVersion !== '1.0' : !HOST.test(host)) return { status: 400, reason: 'host' }
  // A valid client never sends a fragment: some readers would cut it off, others not.
  if (!(url.startsWith('/') || (url === '*' && method === 'OPTIONS')) || url.includes('#'))
    return { status: 400, reason: 'target' }

  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (httpVersion === '1.0' || 'content-length' in headers) return { status: 400, reason: 'framing' }
    if (coding.toLowerCase() !== 'chunked') return { status: 501, reason: 'framing' }
  }
  return undefined
}

/**
 * Replaces an absolute target, which a server must accept (RFC 9112 section 3.2.2), with its path and query. Its host must be
 * that of `Host`: readers disagree on which of two counts, so that any other absolute target is refused.
 */
export function toOriginForm(request: IncomingMessage): void {
  const { url = '', headers } = request
  if (url.startsWith('/')) return
  const [, host, path = ''] = /^https:\/\/([^/?#@]+)([/?][^#]*)?$/i.exec(url) ?? []
  if (host === undefined || host.toLowerCase() !== headers.host?.toLowerCase()) return
  request.url = path.startsWith('/') ? path : `/${path}`
}

/** The rules that a server's options set. */
export interface SyntaxRules {
  readonly headerCount: number
  readonly methods: readonly string[]
  /** The same methods as a header value. */
  readonly allow: string
}

/** Methods that reach the listener by default. TRACE and CONNECT cannot be added. */
export const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * The given methods, or the default.
 * @throws {SecureServerError} ERR_OPTIONS_INVALID: TRACE or CONNECT is among them.
 */
export function allowedMethods(given: readonly string[] = METHODS): readonly string[] {
  if (given.includes('TRACE') || given.includes('CONNECT'))
    throw new SecureServerError('ERR_OPTIONS_INVALID', 'methods may not name TRACE or CONNECT')
  return given
}

/** Headers that decide where a request goes, what its body is or who sent it. Readers disagree on which of two counts. */
const CRITICAL = [
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'authorization',
  'expect',
  'x-forwarded-proto',
  'x-forwarded-host',
] as const
const LENGTHS = new Set<number>(CRITICAL.map((name) => name.length))
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** Node joins or drops repeated headers, so only the raw list shows them. */
function hasDuplicate(rawHeaders: readonly string[]): boolean {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!LENGTHS.has(name.length)) continue
    const bit = 1 << (CRITICAL as readonly string[]).indexOf(name.toLowerCase())
    // An index of -1 shifts into the sign bit: the header is not critical.
    if (bit < 0) continue
    if ((seen & bit) !== 0) return true
    seen |= bit
  }
  return false
}
