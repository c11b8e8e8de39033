/** Decides from its headers whether a request is served. */
import type { IncomingMessage } from 'node:http'
import { addressKey, type TrustedProxies } from '../address.ts'
import type { Connection } from '../connection/connection.ts'
import { forwardedProtoOf } from '../header-values.ts'
import type { Limits } from '../limits.ts'
import type { RateLimit } from './rate-limit.ts'
import { type Refusal, refusalOf, type SyntaxRules } from './request-syntax.ts'

/** The limits and options that decide about the requests of one server. */
export interface ServerRules extends SyntaxRules {
  readonly limits: Limits
  readonly rate: RateLimit
  /** Set when an ingress terminates TLS. */
  readonly proxies: TrustedProxies | undefined
  /** Paths that are also served without the ingress. */
  readonly plainPaths: Pick<ReadonlySet<string>, 'has'>
}

/** Applies the rules of one server in a fixed order. */
export class RequestRules {
  readonly #rules: ServerRules

  constructor(rules: ServerRules) {
    this.#rules = rules
  }

  /** The refusal of a method that is not served. */
  get methodRefusal(): Refusal {
    return { status: 405, reason: 'method', headers: { Allow: this.#rules.allow } }
  }

  /** The refusal of a request, or undefined to serve it. It counts towards the rate limit of `client`, as `clientOf` says. */
  refusalOf(
    connection: Connection,
    request: IncomingMessage,
    client: string,
    now: number,
    unanswered: number,
  ): Refusal | undefined {
    const { limits, rate } = this.#rules
    const certificate = certificateRefusal(connection)
    if (certificate !== undefined) return certificate
    const wait = rate.secondsToWait(client, now)
    if (wait > 0) return { status: 429, reason: 'rate', headers: { 'Retry-After': String(wait) } }
    const unclean = refusalOf(request, this.#rules) ?? this.#proxyRefusal(connection, request)
    if (unclean !== undefined) return unclean
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes)
      return { status: 413, reason: 'body-too-large' }
    if (unanswered >= limits.concurrentRequests || connection.unanswered >= limits.pipelinedRequests)
      return { status: 503, reason: 'busy', headers: { 'Retry-After': '1' } }
    return undefined
  }

  /** The address that the limits count. Only a trusted proxy may name one other than its own. */
  clientOf(connection: Connection, request: IncomingMessage): string {
    if (!connection.isProxy) return connection.address
    const forwarded = request.headers['x-forwarded-for']
    const client = this.#rules.proxies?.clientOf(typeof forwarded === 'string' ? forwarded : undefined)
    return client === undefined ? connection.address : addressKey(client)
  }

  #proxyRefusal(connection: Connection, { headers, url = '' }: IncomingMessage): Refusal | undefined {
    const { proxies, plainPaths } = this.#rules
    if (proxies === undefined) return undefined
    const forwardedProto = forwardedProtoOf(headers)
    if (connection.isProxy && forwardedProto === 'https') return undefined
    const query = url.indexOf('?')
    if (plainPaths.has(query < 0 ? url : url.slice(0, query))) return undefined
    return { status: 421, reason: connection.isProxy ? 'forwarded-proto' : 'proxy-untrusted', forwardedProto }
  }
}

/** The refusal of every request of a client whose certificate is refused in `respond` mode. */
export function certificateRefusal({ refusal }: Connection): Refusal | undefined {
  if (refusal === undefined) return undefined
  return { status: refusal === 'certificate-missing' ? 496 : 495, reason: refusal }
}
