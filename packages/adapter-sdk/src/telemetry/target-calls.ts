/** What a handler asks of other servers over HTTP, seen from Node's own diagnostics: whatever client the handler uses. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { About, AdapterEvent, Emit } from '../events.ts'
import { startCall } from './tracing.ts'

type Outcome = Extract<AdapterEvent, { event: 'target.called' }>['outcome']

/**
 * Tells of each HTTP request made inside `observe`, with node:http, axios or fetch: how long until it was answered, in a span
 * of its own. The request carries that span as `traceparent`, unless it carries one already.
 */
export class TargetCalls implements Disposable {
  readonly #emit: Emit
  readonly #handling = new AsyncLocalStorage<About>()
  readonly #calls = new WeakMap<object, Call>()
  readonly #channels: readonly [string, (message: unknown) => void][]

  constructor(emit: Emit) {
    this.#emit = emit
    this.#channels = [
      ['http.client.request.created', (message) => this.#created(message as HttpMessage)],
      ['http.client.response.finish', (message) => this.#ended(message as HttpMessage)],
      ['http.client.request.error', (message) => this.#ended(message as HttpMessage)],
      ['undici:request:create', (message) => this.#fetched(message as FetchMessage)],
      ['undici:request:headers', (message) => this.#ended(message as FetchMessage)],
      ['undici:request:error', (message) => this.#ended(message as FetchMessage)],
    ]
    for (const [channel, listener] of this.#channels) subscribe(channel, listener)
  }

  /** Runs a handler; what it calls is told as its own. */
  observe<T>(about: About, handle: () => T): T {
    return this.#handling.run(about, handle)
  }

  [Symbol.dispose](): void {
    for (const [channel, listener] of this.#channels) unsubscribe(channel, listener)
  }

  #created({ request }: HttpMessage): void {
    const { method } = request
    this.#begin(
      request,
      method,
      (traceparent) => {
        // Headers given as a list are written before anyone can add to them.
        if (!request.headersSent) request.setHeader('traceparent', traceparent)
      },
      request.hasHeader('traceparent'),
    )
  }

  #fetched({ request }: FetchMessage): void {
    const isTraced = String(request.headers).toLowerCase().includes('traceparent')
    this.#begin(request, request.method, (traceparent) => request.addHeader('traceparent', traceparent), isTraced)
  }

  #begin(request: object, method: string, carry: (traceparent: string) => void, isTraced: boolean): void {
    const about = this.#handling.getStore()
    if (about === undefined) return
    const started = performance.now()
    if (isTraced) return void this.#calls.set(request, { about, started, span: undefined })
    const { span, traceparent } = startCall({ 'http.request.method': method, 'formbuilder.form': about.form })
    this.#calls.set(request, { about, started, span })
    if (traceparent !== undefined) carry(traceparent)
  }

  #ended({ request, response }: HttpMessage | FetchMessage): void {
    const call = this.#calls.get(request)
    if (call === undefined) return
    this.#calls.delete(request)
    const { about, started, span } = call
    const status = response?.statusCode
    if (status !== undefined) span?.setAttribute('http.response.status_code', status)
    if (status === undefined || status >= 400) span?.setStatus({ code: SpanStatusCode.ERROR })
    span?.end()
    const milliseconds = Math.round(performance.now() - started)
    this.#emit({ event: 'target.called', ...about, milliseconds, outcome: outcomeOf(status) })
  }
}

interface Call {
  readonly about: About
  readonly started: number
  readonly span: Span | undefined
}

interface HttpMessage {
  readonly request: ClientRequest
  readonly response?: IncomingMessage
}

/** What undici tells, in so far as it is read here. */
interface FetchMessage {
  readonly request: { readonly method: string; readonly headers: unknown; addHeader(name: string, value: string): void }
  readonly response?: { readonly statusCode: number }
}

function outcomeOf(status: number | undefined): Outcome {
  const digit = Math.floor((status ?? 0) / 100)
  return digit >= 1 && digit <= 5 ? (`${digit}xx` as Outcome) : 'failed'
}
