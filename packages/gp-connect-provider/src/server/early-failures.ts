/** What the server layer refuses before the guard sees it: answered as an OperationOutcome, and audited all the same. */
import type { IncomingMessage } from 'node:http'
import type { RefusalDescription, RenderedRefusal, ServerEvent } from '@formbuilder/secure-server'
import { entryOfConnection, entryOfExchange } from '../audit/entry.ts'
import type { AuditEntry } from '../audit/record.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { beginExchange, type Exchange } from '../exchange.ts'
import { FAILURES, type FailureCode, failureOfStatus } from '../failures.ts'
import { mediaType, negotiateFormat } from '../fhir/format.ts'
import { operationOutcome, spineCode } from '../fhir/operation-outcome.ts'
import { writeFhirXml } from '../fhir/xml.ts'
import type { ServiceRoots } from '../roots/service-root.ts'
import { DEFAULT_RULES } from '../rules.ts'

/**
 * How long the record of a refused connection waits for the request that it may belong to. In turns: a process that stood
 * still for longer than that still reads first what came meanwhile.
 */
const WAIT_TURNS = 10
const TURN_MILLISECONDS = 100
const REMEMBERED_MAX = 1000

interface RefusedConnection {
  readonly code: string
  readonly at: number
  waiting: NodeJS.Timeout | undefined
}

/** Writes refusals and their records. Keeping the record cannot be waited for here: the refusal stands either way. */
export class Refusals {
  readonly #roots: ServiceRoots
  readonly #audit: AuditTrail
  readonly #recorded: WeakSet<IncomingMessage>
  readonly #connections = new Map<string, RefusedConnection>()

  constructor(roots: ServiceRoots, audit: AuditTrail, recorded: WeakSet<IncomingMessage>) {
    this.#roots = roots
    this.#audit = audit
    this.#recorded = recorded
  }

  /** A client certificate is refused. Where the client may still be answered, its request completes the record. */
  connectionRefused(event: ServerEvent & { type: 'client.refused' }, mode: 'strict' | 'respond'): void {
    const refused: RefusedConnection = { code: event.code, at: Date.now(), waiting: undefined }
    if (mode === 'strict') {
      this.#record(entryOfConnection(refused.at, null, refused.code))
      return
    }
    for (const [peer, oldest] of this.#connections) {
      if (this.#connections.size < REMEMBERED_MAX) break
      this.#recordConnection(oldest)
      this.#connections.delete(peer)
    }
    this.#wait(refused, WAIT_TURNS)
    this.#connections.set(event.peer, refused)
  }

  /** Renders a refusal of the server layer. */
  render({ status, reason, request }: RefusalDescription): RenderedRefusal {
    const exchange = request && this.#exchangeOf(request)
    const { rules, fhir } = exchange?.root ?? { rules: DEFAULT_RULES, fhir: 'STU3' as const }
    const code = failureOfStatus(status)
    const ofCertificate = reason === 'certificate-missing' || reason === 'certificate-refused'
    if (request !== undefined && !this.#recorded.has(request)) {
      this.#recorded.add(request)
      const errorCode = ofCertificate ? this.#reasonOf(request, code) : spineCode(code, rules)
      this.#record(entryOfExchange(exchange ?? beginExchange(request, Date.now()), status, errorCode))
    } else if (request === undefined && !ofCertificate) {
      this.#record(entryOfConnection(Date.now(), status, spineCode(code, rules)))
    }
    const format = (exchange && negotiateFormat(exchange, fhir)) ?? 'json'
    const outcome = operationOutcome(code, FAILURES[code].diagnostics, fhir, rules)
    return {
      headers: { 'Content-Type': mediaType(format, fhir) },
      body: format === 'xml' ? writeFhirXml(outcome) : JSON.stringify(outcome),
    }
  }

  /** Records every refused connection that still waits for a request. */
  flush(): void {
    for (const refused of this.#connections.values()) this.#recordConnection(refused)
    this.#connections.clear()
  }

  #exchangeOf(request: IncomingMessage): Exchange {
    const exchange = beginExchange(request, Date.now())
    const found = this.#roots.find(exchange.path)
    return found === undefined ? exchange : Object.assign(exchange, { root: found.root, relative: found.relative })
  }

  /** Why the certificate of a request's connection was refused. */
  #reasonOf({ socket }: IncomingMessage, code: FailureCode): string {
    const peer = `${socket.remoteAddress}|${socket.remotePort}`
    const refused = this.#connections.get(peer)
    this.#connections.delete(peer)
    if (refused === undefined) return code
    clearTimeout(refused.waiting)
    return refused.code
  }

  #wait(refused: RefusedConnection, turns: number): void {
    refused.waiting = setTimeout(
      () => (turns > 1 ? this.#wait(refused, turns - 1) : this.#recordConnection(refused)),
      TURN_MILLISECONDS,
    )
  }

  #recordConnection(refused: RefusedConnection): void {
    if (refused.waiting === undefined) return
    clearTimeout(refused.waiting)
    refused.waiting = undefined
    this.#record(entryOfConnection(refused.at, null, refused.code))
  }

  #record(entry: AuditEntry): void {
    // A failing trail is an event of its own, and refuses whatever could still be served.
    this.#audit.append(entry).catch(() => {})
  }
}
