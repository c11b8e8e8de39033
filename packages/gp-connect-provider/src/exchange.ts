/** One request on its way through the guard: what was sent, and what the checks have found so far. */
import type { IncomingMessage } from 'node:http'
import type { FhirFormat, FhirRelease } from './fhir/format.ts'
import type { KnownInteraction, ServiceRoot, ServiceRoots } from './roots/service-root.ts'
import { DEFAULT_RULES, type Rules } from './rules.ts'
import type { Claims, TokenParts } from './token/bearer-token.ts'
import type { RequestedScope } from './token/scope.ts'

/** Headers the guard looks at, by lower-case name. All but `accept` and `accept-encoding` may be sent once only. */
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

/** Everything known about a request. The check of the same name fills an optional part. */
export interface Exchange {
  readonly method: string
  /** The request target as sent. */
  readonly target: string
  /** The part of the target before `?`, not decoded. */
  readonly path: string
  /** The part after it. */
  readonly query: string
  readonly headers: Readonly<Partial<Record<GuardedHeader, string>>>
  /** Headers that were sent more than once but may be sent once only. */
  readonly repeated: readonly GuardedHeader[]
  /** When it arrived, in milliseconds. */
  readonly receivedAt: number
  /** Of the service root; before it is known, the defaults. */
  rules: Rules
  /** Of the service root; before it is known, STU3. */
  fhir: FhirRelease
  root?: ServiceRoot
  /** The path below the root, without a leading slash. */
  relative?: string
  interaction?: KnownInteraction
  /** The `{id}` of the path. */
  id?: string
  format?: FhirFormat
  /** The bearer token at its dots. */
  token?: TokenParts
  /** Set as soon as the token decodes; its members are checked later. */
  claims?: Claims
  scope?: RequestedScope
  body?: unknown
  /** What the transaction was about, for the audit trail, if the path does not show it. */
  dataId?: string
}

/** Reads a request without trusting Node's merged headers: it joins repeated ones, and drops a second Authorization. */
export function beginExchange(request: IncomingMessage, receivedAt: number): Exchange {
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
      if (name !== 'accept' && name !== 'accept-encoding') repeated.push(name)
    }
  }
  return {
    method: request.method ?? '',
    target,
    path: question === -1 ? target : target.slice(0, question),
    query: question === -1 ? '' : target.slice(question + 1),
    headers,
    repeated,
    receivedAt,
    rules: DEFAULT_RULES,
    fhir: 'STU3',
  }
}

/** Finds the service root that the path lies below; from then on its rules and its release apply. False: there is none. */
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
]
const GUARDED: ReadonlyMap<string, GuardedHeader> = new Map(GUARDED_NAMES.map((name) => [name, name]))
