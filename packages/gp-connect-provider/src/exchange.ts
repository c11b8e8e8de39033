/** One request during its checks: what was sent, and what the checks have parsed from it so far. */
import type { IncomingMessage } from 'node:http'
import { clientAddressOf } from '@formbuilder/secure-server'
import type { FhirFormat, FhirRelease } from './fhir/format.ts'
import type { KnownInteraction, ServiceRoot, ServiceRoots } from './roots/service-root.ts'
import { DEFAULT_RULES, type Rules } from './rules.ts'
import type { Claims, TokenParts } from './token/bearer-token.ts'
import type { RequestedScope } from './token/scope.ts'

/** Headers that the guard uses, in lower case. All but those in `LISTS` may be sent only once. */
export type GuardedHeader =
  | 'ssp-traceid'
  | 'ssp-from'
  | 'ssp-to'
  | 'ssp-interactionid'
  | 'authorization'
  | 'accept'
  | 'accept-encoding'
  | 'content-type'
  | 'content-encoding'
  | 'host'
  | 'forwarded'
  | 'prefer'

/** What is known about a request. The checks set the optional members. */
export interface Exchange {
  readonly method: string
  /** The request target as sent. */
  readonly target: string
  /** The part of the target before `?`, not decoded. */
  readonly path: string
  /** The part of the target after `?`, not decoded. */
  readonly query: string
  readonly headers: Readonly<Partial<Record<GuardedHeader, string>>>
  /** Headers that were sent more than once, which is not allowed. */
  readonly repeated: readonly GuardedHeader[]
  /** The address of the client: the peer, or the one that a load balancer names in its PROXY header. */
  readonly address: string | undefined
  /** When the request arrived, in milliseconds since 1970. */
  readonly receivedAt: number
  /** The rules of the service root; the defaults until it is known. */
  rules: Rules
  /** The FHIR release of the service root; STU3 until it is known. */
  fhir: FhirRelease
  root?: ServiceRoot
  /** The path below the root, without a leading slash. */
  relative?: string
  interaction?: KnownInteraction
  /** The `{id}` of the path. */
  id?: string
  format?: FhirFormat
  /** The bearer token, split at its dots. */
  token?: TokenParts
  /** Set when the token is decoded. Its members are checked later. */
  claims?: Claims
  scope?: RequestedScope
  body?: unknown
  /** The bytes of a body that was accepted, in the coding in which they were sent. */
  sentBody?: Buffer
  /** Whether the bytes of the body are being read, or were read. */
  bodyTaken?: boolean
  /** Whether the guard has begun to store its record. */
  recorded?: boolean
  /** The record to name in the audit trail, if the path does not show it. */
  dataId?: string
}

/** Creates an exchange from the raw headers, because Node joins repeated headers and drops a second Authorization. */
export function createExchange(request: IncomingMessage, receivedAt: number): Exchange {
  const target = request.url ?? ''
  const question = target.indexOf('?')
  const headers: Partial<Record<GuardedHeader, string>> = {}
  const repeated: GuardedHeader[] = []
  const raw = request.rawHeaders
  for (let at = 0; at < raw.length; at += 2) {
    const name = GUARDED.get(raw[at]?.toLowerCase() ?? '')
    if (name === undefined) continue
    const value = raw[at + 1] ?? ''
    const earlier = headers[name]
    if (earlier === undefined) {
      headers[name] = value
    } else {
      headers[name] = `${earlier}, ${value}`
      if (!LISTS.has(name)) repeated.push(name)
    }
  }
  return {
    method: request.method ?? '',
    target,
    path: question === -1 ? target : target.slice(0, question),
    query: question === -1 ? '' : target.slice(question + 1),
    headers,
    repeated,
    address: clientAddressOf(request.socket),
    receivedAt,
    rules: DEFAULT_RULES,
    fhir: 'STU3',
  }
}

/** Sets the service root of the path, with its rules and FHIR release. Returns false if there is none. */
export function enterRoot(exchange: Exchange, roots: ServiceRoots): boolean {
  const found = roots.find(exchange.path)
  if (found === undefined) return false
  const { root, relative } = found
  Object.assign(exchange, { root, relative, rules: root.rules, fhir: root.fhir } satisfies Partial<Exchange>)
  return true
}

const GUARDED_NAMES: readonly GuardedHeader[] = [
  'ssp-traceid',
  'ssp-from',
  'ssp-to',
  'ssp-interactionid',
  'authorization',
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'host',
  'forwarded',
  'prefer',
]
const GUARDED: ReadonlyMap<string, GuardedHeader> = new Map(GUARDED_NAMES.map((name) => [name, name]))
/** Headers whose values are lists, so that two are the same as one longer one. */
const LISTS: ReadonlySet<GuardedHeader> = new Set(['accept', 'accept-encoding', 'forwarded', 'prefer'])
