/** Passes requests to the listener, and answers with a refusal those that are not served. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Connection } from '../connection/connection.ts'
import type { Connections } from '../connection/connections.ts'
import type { CountedRequest, SecuredResponse } from '../connection/messages.ts'
import type { RefusalReason, ServerEvent } from '../events.ts'
import type { Limits } from '../limits.ts'
import { BodyBudget } from './body-budget.ts'
import { OpenRequest, type Serving } from './open-request.ts'
import { answerRefusal, type RenderRefusal, rendered, writeRefusal } from './refusals.ts'
import { type Refusal, toOriginForm } from './request-syntax.ts'
import { certificateRefusal, type RequestRules } from './rules.ts'

/** What answers requests: a Koa application's `callback()`, or a plain function. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** The limits, the renderer and the event listener that requests use. */
export interface AnswerRules {
  readonly limits: Limits
  readonly render: RenderRefusal
  readonly onEvent: (event: ServerEvent) => void
}

/** The requests of one server. */
export class Requests {
  readonly #listener: Listener
  readonly #requestRules: RequestRules
  readonly #rules: AnswerRules
  readonly #connections: Connections
  readonly #connectionOf: (stream: Duplex) => Connection | undefined
  readonly #bodies: BodyBudget
  readonly #serving: Serving
  #unanswered = 0

  constructor(
    listener: Listener,
    requestRules: RequestRules,
    rules: AnswerRules,
    connections: Connections,
    connectionOf: (stream: Duplex) => Connection | undefined,
  ) {
    this.#listener = listener
    this.#requestRules = requestRules
    this.#rules = rules
    this.#bodies = new BodyBudget(rules.limits.heldBodyBytes)
    this.#connections = connections
    this.#connectionOf = connectionOf
    this.#serving = {
      connections,
      bodies: this.#bodies,
      refuse: ({ connection, request, response }, refusal) => this.refuse(connection, request, response, refusal),
      onAnswered: () => {
        this.#unanswered -= 1
      },
    }
  }

  /** Requests of all connections that are not answered yet. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Bytes of bodies that have arrived and are not answered yet. */
  get heldBodyBytes(): number {
    return this.#bodies.bytes
  }

  /** Serves or refuses one request whose headers have arrived. */
  receive(request: CountedRequest, response: SecuredResponse, expectsContinue: boolean): void {
    const connection = this.#connectionOf(request.socket)
    // A request after the last answer of a connection would get no answer, so it must have no effect either.
    if (connection === undefined || connection.isOver) return
    // The last request of this connection is running; `Connection: close` in its answer says that this one is not served.
    if (connection.requests >= this.#rules.limits.requestsPerConnection) return
    const now = Date.now()
    toOriginForm(request)
    const address = this.#requestRules.clientOf(connection, request)
    const refusal = this.#requestRules.refusalOf(connection, request, address, now, this.#unanswered)
    if (refusal !== undefined) {
      this.refuse(connection, request, response, refusal)
      return
    }
    this.#start(connection, request, response, now, address)
    if (expectsContinue) response.writeContinue()
    try {
      // Koa's callback returns a promise, though the type Listener does not say so.
      const result: unknown = this.#listener(request, response)
      if (result instanceof Promise) result.catch((error) => this.#failed(connection, request, response, error))
    } catch (error) {
      this.#failed(connection, request, response, error)
    }
  }

  /** Answers with a refusal, or closes the connection if the listener has already sent headers. */
  refuse(connection: Connection, request: CountedRequest, response: SecuredResponse, refusal: Refusal): void {
    const { reason } = refusal
    this.#note(connection, refusal)
    if (response.headersSent) {
      connection.destroy()
      return
    }
    const keep = KEEPING.has(reason) && (request.complete || !hasBody(request))
    if (!keep) {
      connection.stopReading()
    }
    answerRefusal(
      request,
      response,
      rendered(this.#rules.render, { ...descriptionOf(connection, refusal), request }),
      refusal,
      keep,
    )
    if (!keep) request.abandon()
  }

  /** Refuses an `Expect` other than `100-continue`. */
  refuseExpectation(request: CountedRequest, response: SecuredResponse): void {
    const connection = this.#connectionOf(request.socket)
    if (connection === undefined || connection.isOver) return
    const refusal = certificateRefusal(connection) ?? { status: 417, reason: 'expectation' as const }
    this.refuse(connection, request, response, refusal)
  }

  /** Refuses CONNECT, for which Node makes no response object. */
  refuseConnect(request: IncomingMessage, stream: Duplex): void {
    const connection = this.#connectionOf(stream)
    if (connection === undefined || connection.isOver || connection.unanswered > 0) return void stream.destroy()
    const refusal = certificateRefusal(connection) ?? this.#requestRules.methodRefusal
    this.#writeRefusal(connection, stream, refusal, request)
  }

  /** Answers a request that Node could not parse, or that was not complete in time. */
  refuseUnparsed(stream: Duplex, error: NodeJS.ErrnoException): void {
    const connection = this.#connectionOf(stream)
    const code = error.code ?? ''
    // Bytes after a refusal are discarded anyway; a parse error in them needs no event.
    if (connection?.isOver && code.startsWith('HPE_')) return
    const refusal = UNPARSED.find(({ codes }) => codes.test(code))
    if (connection === undefined || refusal === undefined || connection.isOver || !stream.writable) {
      stream.destroy()
      return
    }
    const { answer } = connection
    if (answer !== undefined && !answer.req.complete && connection.unanswered > 1) {
      // Its turn comes after the answers to the requests before it.
      this.refuse(connection, answer.req, answer, refusal)
      return
    }
    if (answer?.req.complete) {
      // The client would take a refusal for the answer to the request before these bytes, so only that answer is sent.
      connection.stopReading()
      this.#note(connection, refusal)
      return
    }
    if (answer?.headersSent) {
      stream.destroy()
      return
    }
    this.#writeRefusal(connection, stream, certificateRefusal(connection) ?? refusal, connection.answer?.req)
  }

  #writeRefusal(connection: Connection, stream: Duplex, refusal: Refusal, request: IncomingMessage | undefined): void {
    connection.stopReading()
    this.#note(connection, refusal)
    const content = rendered(this.#rules.render, { ...descriptionOf(connection, refusal), ...(request && { request }) })
    writeRefusal(stream, content, refusal.status, refusal.headers ?? {})
  }

  #start(
    connection: Connection,
    request: CountedRequest,
    response: SecuredResponse,
    now: number,
    address: string,
  ): void {
    const { limits } = this.#rules
    this.#unanswered += 1
    connection.startRequest(response)
    const old = now - connection.openedAt > limits.connectionSeconds * 1000
    if (old || connection.requests >= limits.requestsPerConnection) connection.endWithNextAnswer()
    if (connection.unanswered === 1) this.#connections.move(connection, 'receiving')
    const open = new OpenRequest(this.#serving, connection, request, response, address)
    request.bodyBytesLeft = limits.bodyBytes
    request.watch = open
    response.serve(open)
  }

  #failed(connection: Connection, request: CountedRequest, response: SecuredResponse, error: unknown): void {
    const name = error instanceof Error ? error.name : typeof error
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
    this.#rules.onEvent({ type: 'listener.failed', name, ...(code !== undefined && { code }) })
    if (response.writableEnded) return
    this.refuse(connection, request, response, { status: 500, reason: 'listener-failed' })
  }

  #note(connection: Connection, refusal: Refusal): void {
    connection.use()
    this.#rules.onEvent({ type: 'request.refused', ...descriptionOf(connection, refusal) })
  }
}

/** Refusals that keep the connection open for an honest client, provided that no part of the request is left to read. */
const KEEPING = new Set<RefusalReason>([
  'rate',
  'busy',
  'method',
  'proxy-untrusted',
  'forwarded-proto',
  'listener-failed',
])

const UNPARSED: readonly { codes: RegExp; status: number; reason: RefusalReason }[] = [
  { codes: /^ERR_HTTP_REQUEST_TIMEOUT$/, status: 408, reason: 'timeout' },
  { codes: /^HPE_HEADER_OVERFLOW$/, status: 431, reason: 'headers-too-large' },
  { codes: /^HPE_CHUNK_EXTENSIONS_OVERFLOW$/, status: 413, reason: 'body-too-large' },
  { codes: /CONTENT_LENGTH|TRANSFER_ENCODING|CHUNK/, status: 400, reason: 'framing' },
  { codes: /^HPE_/, status: 400, reason: 'malformed' },
]

/** What the event and the renderer get to know about a refusal. */
function descriptionOf({ clientAddress: address }: Connection, { status, reason, forwardedProto }: Refusal) {
  return { status, reason, address, ...(forwardedProto !== undefined && { forwardedProto }) }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) !== 0
}
