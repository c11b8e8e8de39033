/** Answers and audits what secure-server refuses before the guard runs. */
import type { IncomingMessage } from 'node:http'
import { peerOf, type RefusalDescription, type RenderedRefusal, type ServerEvent } from '@formbuilder/secure-server'
import { entryOfConnection, entryOfExchange } from '../audit/entry.ts'
import type { AuditEntry } from '../audit/record.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { createExchange, type Exchange, enterRoot } from '../exchange.ts'
import { type FailureCode, failureOfStatus, ProviderError } from '../failures.ts'
import { negotiateFormat } from '../fhir/format.ts'
import type { ServiceRoots } from '../roots/service-root.ts'
import { DEFAULT_RULES } from '../rules.ts'
import { failureAnswer } from './answer.ts'

/**
 * How long a refused connection waits for its request, so that one record can describe both. The wait is split into short
 * timers: after a pause of the whole process, Node reads requests that have arrived before the last timer fires.
 */
const WAIT_TURNS = 10
const TURN_MILLISECONDS = 100
const REMEMBERED_MAX = 1000

interface RefusedConnection {
  readonly code: string
  readonly address: string
  readonly at: number
  waiting: NodeJS.Timeout | undefined
}

/** Renders refusals of secure-server and appends their audit records. These answers do not wait for their records. */
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

  /** Records a refused client certificate: in `strict` mode at once, in `respond` mode with the client's first request. */
  connectionRefused(event: ServerEvent & { type: 'client.refused' }, mode: 'strict' | 'respond'): void {
    const { code, address } = event
    const refused: RefusedConnection = { code, address, at: Date.now(), waiting: undefined }
    if (mode === 'strict') {
      this.#record(entryOfConnection(refused.at, null, code, address))
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

  /** Drops the record of a client that has left without a certificate and without a request: it was a health probe. */
  connectionProbed({ peer }: ServerEvent & { type: 'connection.probed' }): void {
    const probe = this.#connections.get(peer)
    if (probe === undefined) return
    clearTimeout(probe.waiting)
    this.#connections.delete(peer)
  }

  /** Renders a refusal of secure-server as an OperationOutcome, and records it. */
  render({ status, reason, address, request }: RefusalDescription): RenderedRefusal {
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
      this.#record(entryOfConnection(Date.now(), status, errorCode, address))
    }
    return { headers: { 'Content-Type': contentType }, body }
  }

  /** Records every refused connection that still waits for a request. */
  flush(): void {
    for (const refused of this.#connections.values()) this.#recordConnection(refused)
    this.#connections.clear()
  }

  #exchangeOf(request: IncomingMessage): Exchange {
    const exchange = createExchange(request, Date.now())
    enterRoot(exchange, this.#roots)
    return exchange
  }

  /** The code with which the certificate of this request's connection was refused. */
  #reasonOf({ socket }: IncomingMessage, code: FailureCode): string {
    const peer = peerOf(socket)
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
    this.#record(entryOfConnection(refused.at, null, refused.code, refused.address))
  }

  #record(entry: AuditEntry): void {
    // The trail emits an event for the failure, and the guard then refuses all requests.
    this.#audit.append(entry).catch(() => {})
  }
}
