/** The guard: checks, answers and audits requests. It stores the record before the first byte of an answer is sent. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { entryOfExchange } from '../audit/entry.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { Check } from '../checks/checks.ts'
import { readRefusedBody } from '../checks/request-body.ts'
import { createExchange, type Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { negotiateFormat } from '../fhir/format.ts'
import { statusOf } from '../fhir/operation-outcome.ts'
import type { AdmittedRequests } from './admitted-requests.ts'
import { failureAnswer } from './answer.ts'
import { type HeaderValue, sendWhole } from './encoding.ts'
import type { GuardEvent } from './events.ts'
import { eventOf, type Result } from './guard-events.ts'
import { isSent, release } from './intercepted-response.ts'

/** The parts that a guard uses. */
export interface GuardParts {
  readonly checks: readonly Check[]
  /** Largest body, which is also read of a refused request. */
  readonly maxBodyBytes: number
  readonly audit: AuditTrail
  /** Requests with a record. secure-server and the guard can both answer the same request, but only one may record it. */
  readonly recorded: WeakSet<IncomingMessage>
  /** Requests of clients whose certificate the provider's own server has accepted. No others are answered. */
  readonly admitted: AdmittedRequests
  /** Requests that are not answered yet. A provider that stops records those whose handlers never end. */
  readonly unanswered: Map<IncomingMessage, Exchange>
  readonly onEvent: (event: GuardEvent) => void
}

/** The guard of one provider. It knows Node's requests and responses only; what a framework needs stands on top of it. */
export class Guard {
  readonly #parts: GuardParts

  constructor(parts: GuardParts) {
    this.#parts = parts
  }

  /**
   * Runs every check. Resolves to the exchange of a request that has passed them all. Any other request has been answered and
   * recorded: nothing may be written to its response.
   */
  async admit(request: IncomingMessage, response: ServerResponse): Promise<Exchange | 'refused'> {
    const { admitted, unanswered, checks, audit, maxBodyBytes } = this.#parts
    const exchange = createExchange(request, Date.now())
    if (!admitted.has(request)) return this.#refusePeer(exchange, request)
    unanswered.set(request, exchange)
    let running: string | undefined
    try {
      for (const check of checks) {
        running = check.name
        const pending = check.run(exchange, request)
        if (pending !== undefined) await pending
      }
      running = undefined
      // The trail could not record what a handler does, so no handler may run.
      if (audit.failing) throw new ProviderError('AUDIT_UNAVAILABLE')
      return exchange
    } catch (error) {
      if (running !== undefined) await readRefusedBody(exchange, request, maxBodyBytes)
      await this.fail(exchange, request, response, error, running)
      return 'refused'
    }
  }

  /** Whether secure-server has answered a request that the guard has admitted, for example because its body is too long. */
  isAnsweredByServer(exchange: Exchange, request: IncomingMessage): boolean {
    return exchange.recorded !== true && this.#parts.recorded.has(request)
  }

  /**
   * Stores the record of a request, unless it has one. Resolves to `stored`, or, if it cannot be stored, after it has answered
   * with that failure itself.
   */
  async record(
    exchange: Exchange,
    request: IncomingMessage,
    response: ServerResponse,
    { status, errorCode }: { readonly status: number; readonly errorCode: string | null },
  ): Promise<'stored' | 'refused'> {
    const lost = await this.#store(exchange, request, status, errorCode)
    this.#parts.unanswered.delete(request)
    if (lost !== undefined) {
      await this.#answer(exchange, request, response, describe(exchange, lost))
      return 'refused'
    }
    release(response)
    this.#parts.onEvent(eventOf(exchange, status, { errorCode }))
    this.#watch(exchange, response, status)
    return 'stored'
  }

  /** Answers an error with an OperationOutcome, after its record. Of an unexpected error the consumer gets a correlation id. */
  async fail(
    exchange: Exchange,
    request: IncomingMessage,
    response: ServerResponse,
    thrown: unknown,
    check?: string,
  ): Promise<void> {
    const described = describe(exchange, thrown, check)
    const { status, errorCode } = described.answer
    const lost = await this.#store(exchange, request, status, errorCode)
    this.#parts.unanswered.delete(request)
    await this.#answer(exchange, request, response, lost === undefined ? described : describe(exchange, lost))
  }

  async #answer(
    exchange: Exchange,
    request: IncomingMessage,
    response: ServerResponse,
    { answer, result }: Described,
  ): Promise<void> {
    this.#parts.onEvent(eventOf(exchange, answer.status, result))
    // secure-server may have answered already, for example a body that is too long.
    if (isSent(response)) return
    const headers = new Map<string, HeaderValue>([['content-type', answer.contentType]])
    if (result.failure?.bearer !== undefined) headers.set('www-authenticate', `Bearer error="${result.failure.bearer}"`)
    if (result.failure?.code === 'AUDIT_UNAVAILABLE') headers.set('connection', 'close')
    await sendWhole(request, response, { status: answer.status, headers, body: Buffer.from(answer.body) })
  }

  /** Records that the answer was not sent, or was not sent to its end. A record that says how it began may exist. */
  abandon(exchange: Exchange, request: IncomingMessage, errorCode: 'ANSWER_NOT_SENT' | 'ANSWER_CUT'): void {
    const { recorded, unanswered, audit } = this.#parts
    unanswered.delete(request)
    if (errorCode === 'ANSWER_NOT_SENT') {
      if (recorded.has(request)) return
      this.#reportCut(exchange, 0)
    }
    recorded.add(request)
    // The trail emits an event if it cannot store the record.
    audit.append(entryOfExchange(exchange, null, errorCode)).catch(() => {})
  }

  /** Resolves to a failure if the record could not be stored. */
  async #store(
    exchange: Exchange,
    request: IncomingMessage,
    status: number,
    errorCode: string | null,
  ): Promise<ProviderError | undefined> {
    const { recorded, audit } = this.#parts
    if (recorded.has(request)) return undefined
    recorded.add(request)
    exchange.recorded = true
    try {
      await audit.append(entryOfExchange(exchange, status, errorCode))
      return undefined
    } catch (error) {
      return new ProviderError('AUDIT_UNAVAILABLE', undefined, { cause: error })
    }
  }

  /** Reports an answer whose last byte is never sent. */
  #watch(exchange: Exchange, response: ServerResponse, status: number): void {
    const report = (): void => {
      if (!response.writableFinished) this.#reportCut(exchange, status)
    }
    // The client may have left while the record was being stored.
    if (response.destroyed) report()
    else response.once('close', report)
  }

  #reportCut(exchange: Exchange, status: number): void {
    this.#parts.onEvent({ ...eventOf(exchange, status, { errorCode: null }), type: 'transaction.cut' })
  }

  /**
   * Closes the connection of a client that has not proved to be the proxy, and records its request. It gets no answer: only the
   * certificate of the connection itself counts, because headers that name one can be spoofed.
   */
  async #refusePeer(exchange: Exchange, request: IncomingMessage): Promise<'refused'> {
    request.socket.destroy()
    const { audit, onEvent } = this.#parts
    const refused = { type: 'transaction.refused', code: PEER_REFUSED, check: 'peer' } as const
    onEvent({ ...eventOf(exchange, 0, { errorCode: PEER_REFUSED }), ...refused })
    // The trail emits an event if it cannot store the record.
    await audit.append({ ...entryOfExchange(exchange, null, PEER_REFUSED), outcome: 'refused' }).catch(() => {})
    return 'refused'
  }
}

const PEER_REFUSED = 'PEER_NOT_AUTHENTICATED'

/** The answer to an error, and what the operational log learns. */
interface Described {
  readonly answer: ReturnType<typeof failureAnswer>
  readonly result: Result
}

function describe(exchange: Exchange, thrown: unknown, check?: string): Described {
  const expected = thrown instanceof ProviderError
  const failure = expected ? thrown : new ProviderError('INTERNAL_SERVER_ERROR')
  const { bearer, code } = failure
  const status = statusOf(code, bearer, exchange.rules)
  const isForOperators = status === 500 || (status > 500 && failure.cause !== undefined)
  const correlationId = isForOperators ? randomUUID() : undefined
  const diagnostics =
    correlationId === undefined ? failure.diagnostics : `${failure.diagnostics}; correlation id ${correlationId}`
  const format = exchange.format ?? negotiateFormat(exchange, exchange.fhir) ?? 'json'
  const answer = failureAnswer({ code, bearer, diagnostics }, exchange, format)
  return {
    answer,
    result: {
      errorCode: answer.errorCode,
      failure,
      check,
      ...(correlationId !== undefined && { correlationId, cause: expected ? failure.cause : thrown }),
    },
  }
}
