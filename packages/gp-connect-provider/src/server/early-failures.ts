/** Failures that the HTTPS server answers before the guard sees the request: as an OperationOutcome, and audited too. */
import type { IncomingMessage } from 'node:http'
import type { RefusalDescription, RenderedRefusal, ServerEvent } from '@formbuilder/secure-server'
import { entryOfConnection, entryOfExchange } from '../audit/entry.ts'
import type { AuditEntry } from '../audit/record.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { beginExchange, type Exchange, enterRoot } from '../exchange.ts'
import { type FailureCode, failureOfStatus, ProviderError } from '../failures.ts'
import { negotiateFormat } from '../fhir/format.ts'
import type { ServiceRoots } from '../roots/service-root.ts'
import { DEFAULT_RULES } from '../rules.ts'
import { failureAnswer } from './answer.ts'

/**
 * How long the record of a refused connection waits for the request that may belong to it. Counted in turns: a process that
 * was stopped for longer first reads the requests that arrived in the meantime.
 */
const WAIT_TURNS = 10
const TURN_MILLISECONDS = 100
const REMEMBERED_MAX = 1000

interface RefusedConnection {
  readonly code: string
  readonly at: number
  waiting: NodeJS.Timeout | undefined
}

/** Answers and records them. The answer cannot wait for its record here: nothing was served either way. */
export class EarlyFailures {
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
    const code = failureOfStatus(status)
    const format = (exchange && negotiateFormat(exchange, exchange.fhir)) ?? 'json'
    const root = exchange ?? { rules: DEFAULT_RULES, fhir: 'STU3' as const }
    const { contentType, body, errorCode } = failureAnswer(new ProviderError(code), root, format)
    const ofCertificate = reason === 'certificate-missing' || reason === 'certificate-refused'
    if (exchange !== undefined && request !== undefined && !this.#recorded.has(request)) {
      this.#recorded.add(request)
      this.#record(entryOfExchange(exchange, status, ofCertificate ? this.#reasonOf(request, code) : errorCode))
    } else if (request === undefined && !ofCertificate) {
      this.#record(entryOfConnection(Date.now(), status, errorCode))
    }
    return { headers: { 'Content-Type': contentType }, body }
  }

  /** Records every refused connection that still waits for a request. */
  flush(): void {
    for (const refused of this.#connections.values()) this.#recordConnection(refused)
    this.#connections.clear()
  }

  #exchangeOf(request: IncomingMessage): Exchange {
    const exchange = beginExchange(request, Date.now())
    enterRoot(exchange, this.#roots)
    return exchange
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
