/** A record of one request and its answer for a bug report: without key, token, answers, files and links. */
import { ClientRequest, type IncomingHttpHeaders } from 'node:http'
import { printable } from './answer.ts'

/** A header; the value is absent where it may be a secret. */
export type RecordedHeader = readonly [name: string, value?: string]

/** One request and its answer. Safe to show: it carries names, codes, sizes and times. */
export interface Exchange {
  /** When the request began, in ISO 8601. */
  readonly at: string
  /** Without the query. */
  readonly url: string
  /** `TLSv1.3`, `TLSv1.2`, or `none` for http and where no TLS came about. */
  readonly tls: string
  readonly requestHeaders: readonly RecordedHeader[]
  /** The protected header of the JWE, and the length of each of its five parts, in characters. */
  readonly jwe: { readonly header: string; readonly parts: readonly number[] }
  /** Absent: there was no answer. */
  readonly answer?: {
    readonly status: number
    readonly headers: readonly RecordedHeader[]
    /** Bytes of the body, of which at most 64 KiB are read. */
    readonly bytes: number
    /** The code of the adapter's problem, if the answer is one. */
    readonly problemCode?: string
  }
  /** Why there was no answer. */
  readonly failure?: string
  /** Milliseconds from the begin of the request. A step that was not reached is absent. */
  readonly milliseconds: Readonly<Partial<Record<Step, number>>>
}

/** What can be timed: the address was reached, TLS was agreed, the head of the answer came, it ended. */
export type Step = 'connected' | 'secured' | 'answered' | 'ended'

/** Notes the steps of one request. */
export class Recorder {
  readonly #began = performance.now()
  readonly #at = new Date().toISOString()
  readonly #milliseconds: Partial<Record<Step, number>> = {}
  #tls = 'none'

  step(step: Step): void {
    this.#milliseconds[step] = Math.round((performance.now() - this.#began) * 10) / 10
  }

  secured(protocol: string | null): void {
    this.#tls = protocol ?? 'none'
    this.step('secured')
  }

  /** The record at its end. */
  exchange(endpoint: URL, jwe: string, request: unknown, end: Pick<Exchange, 'answer' | 'failure'>): Exchange {
    this.step('ended')
    return {
      at: this.#at,
      url: `${endpoint.origin}${endpoint.pathname}`,
      tls: this.#tls,
      requestHeaders: request instanceof ClientRequest ? sentHeaders(request) : [],
      jwe: jweOf(jwe),
      milliseconds: this.#milliseconds,
      ...end,
    }
  }
}

/** The headers of an answer: the values only of those that carry nothing about a person and no secret. */
export function answeredHeaders(headers: IncomingHttpHeaders): RecordedHeader[] {
  return Object.entries(headers).map(([name, value]) =>
    HARMLESS.has(name) ? [name, printable(String(value))] : [printable(name)],
  )
}

const HARMLESS: ReadonlySet<string> = new Set(
  (
    'age allow cache-control connection content-encoding content-length content-type date keep-alive retry-after server ' +
    'strict-transport-security transfer-encoding vary via x-content-type-options'
  ).split(' '),
)

/** All of them are ours, and say the same in every request, but for host and length. */
function sentHeaders(request: ClientRequest): RecordedHeader[] {
  return request.getRawHeaderNames().map((name) => [name, printable(String(request.getHeader(name)))])
}

function jweOf(jwe: string): Exchange['jwe'] {
  const parts = jwe.split('.')
  return {
    header: printable(Buffer.from(parts[0] ?? '', 'base64url').toString()),
    parts: parts.map((part) => part.length),
  }
}
