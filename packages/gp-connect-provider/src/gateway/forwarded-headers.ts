/** Which headers pass a gateway, in either direction. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** The header that carries the verified claims. No client can send it: names that begin like ours are removed. */
export const CLAIMS_HEADER = 'GP-Connect-Claims'

/**
 * The headers that the upstream gets, as a list of names and values. Without those of the connection, those that an upstream could
 * take for the word of a proxy, and those that change what was asked for: the guard has checked the method, the path and the token
 * of this request, and nothing else may count. `_` and other characters are not in names either, because many servers read `A_B` as
 * `A-B`.
 */
export function requestHeaders({ rawHeaders, headers }: IncomingMessage, hasBody: boolean): string[] {
  const ofConnection = wordsOf(headers.connection)
  const passed: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const lower = name.toLowerCase()
    if (!/^[a-z0-9-]+$/.test(lower) || REQUEST_ONLY.has(lower) || UNTRUSTED.test(lower)) continue
    if (HOP_BY_HOP.has(lower) || ofConnection.has(lower) || (!hasBody && OF_BODY.has(lower))) continue
    passed.push(name, rawHeaders[at + 1] ?? '')
  }
  return passed
}

/** The headers of an answer that the client gets. The server adds its own, such as `Cache-Control`. */
export function answerHeaders(headers: IncomingHttpHeaders): [name: string, value: string | string[]][] {
  const ofConnection = wordsOf(headers.connection)
  return Object.entries(headers).flatMap(([name, value]) => {
    const lower = name.toLowerCase()
    const isDropped = HOP_BY_HOP.has(lower) || ANSWER_ONLY.has(lower) || ofConnection.has(lower) || OURS.test(lower)
    return value === undefined || isDropped ? [] : [[name, value] as [string, string | string[]]]
  })
}

/** The names in a `Connection` header, which are of this connection only (RFC 9110 section 7.6.1). */
function wordsOf(connection: string | readonly string[] | undefined): ReadonlySet<string> {
  const words = [connection ?? []].flat().join(',').toLowerCase().split(',')
  // Node writes this header itself. What it names must not remove the length of a body.
  return new Set(words.map((word) => word.trim()).filter((word) => word !== 'content-length'))
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

const REQUEST_ONLY: ReadonlySet<string> = new Set([
  // The client is told and counted by the gateway itself.
  'host',
  'content-length',
  'expect',
  'max-forwards',
  // The claims take the place of the token.
  'authorization',
  'cookie',
  'cookie2',
  // Another method or path than those that were checked.
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-rewrite-url',
])

/** Ours, and what proxies say of a client. */
const UNTRUSTED =
  /^(gp-connect-|forwarded$|x-forwarded|x-real-ip$|x-client-|true-client-ip$|x-cluster-client-ip$|client-cert|ssl-|x-ssl-|x-arr-|x-original-|x-remote-|remote-|x-envoy-)/

const OURS = /^gp-connect-/

const OF_BODY: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language'])

const ANSWER_ONLY: ReadonlySet<string> = new Set([
  // The server sets these itself, or never sends them.
  'cache-control',
  'pragma',
  'expires',
  'age',
  'date',
  'server',
  'x-powered-by',
  'strict-transport-security',
  'x-content-type-options',
  // The client is a proxy for many systems: nothing is kept for later requests, and none go elsewhere.
  'set-cookie',
  'set-cookie2',
  'alt-svc',
  'clear-site-data',
])
