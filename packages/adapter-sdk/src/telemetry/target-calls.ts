/** Observes the HTTP requests that a handler makes, through Node's diagnostics channels, whichever client it uses. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { About, AdapterEvent, Emit } from '../events.ts'
import { addCaller, type Caller, captureCaller, isAbort } from './callers.ts'
import { startCall, step } from './tracing.ts'

type Outcome = Extract<AdapterEvent, { event: 'target.called' }>['outcome']

/**
 * Emits `target.called` for each HTTP request made inside `observe` (with node:http, axios or fetch), and opens a span for it.
 * The request gets that span as its `traceparent`, unless it already has one. The error of a request that fails gets the lines
 * of the code that made it.
 */
export class TargetCalls implements Disposable {
  readonly #emit: Emit
  readonly #handling = new AsyncLocalStorage<Attempt>()
  readonly #calls = new WeakMap<object, Call>()
  /** Kept after the answer has begun: its body may break off. */
  readonly #callers = new WeakMap<object, Caller>()
  readonly #channels: readonly [string, (message: unknown) => void][]

  constructor(emit: Emit) {
    this.#emit = emit
    this.#channels = [
      ['http.client.request.created', (message) => this.#created(message as HttpMessage)],
      ['http.client.response.finish', (message) => this.#ended(message as HttpMessage)],
      ['http.client.request.error', (message) => this.#failed(message as HttpMessage)],
      ['undici:request:create', (message) => this.#fetched(message as FetchMessage)],
      ['undici:request:headers', (message) => this.#ended(message as FetchMessage)],
      ['undici:request:error', (message) => this.#failed(message as FetchMessage)],
    ]
    for (const [channel, listener] of this.#channels) subscribe(channel, listener)
  }

  /** Runs a handler in a span of this name. Its HTTP requests are emitted as requests of this submission. */
  observe<T>(name: 'handle' | 'confirm', submission: About, handle: () => Promise<T>): Promise<T> {
    const attempt: Attempt = { submission }
    const handling = async () => {
      try {
        return await handle()
      } catch (error) {
        // The signal of a request that is given up makes the error, and knows nothing about the request.
        if (isAbort(error)) addCaller(error, attempt.newest)
        throw error
      }
    }
    return step(name, () => this.#handling.run(attempt, handling), { 'formbuilder.form': submission.form })
  }

  [Symbol.dispose](): void {
    for (const [channel, listener] of this.#channels) unsubscribe(channel, listener)
  }

  #created({ request }: HttpMessage): void {
    const { method } = request
    this.#start(
      request,
      method,
      (traceparent) => {
        // Headers that were given as a list have already been written.
        if (!request.headersSent) request.setHeader('traceparent', traceparent)
      },
      request.hasHeader('traceparent'),
    )
  }

  #fetched({ request }: FetchMessage): void {
    const isTraced = String(request.headers).toLowerCase().includes('traceparent')
    this.#start(request, request.method, (traceparent) => request.addHeader('traceparent', traceparent), isTraced)
  }

  #start(request: object, method: string, addHeader: (traceparent: string) => void, isTraced: boolean): void {
    const attempt = this.#handling.getStore()
    if (attempt === undefined) return
    const { submission } = attempt
    attempt.newest = captureCaller()
    this.#callers.set(request, attempt.newest)
    const started = performance.now()
    if (isTraced) return void this.#calls.set(request, { submission, started, span: undefined })
    const { span, traceparent } = startCall({ 'http.request.method': method, 'formbuilder.form': submission.form })
    this.#calls.set(request, { submission, started, span })
    if (traceparent !== undefined) addHeader(traceparent)
  }

  #failed(message: HttpMessage | FetchMessage): void {
    addCaller(message.error, this.#callers.get(message.request))
    this.#ended(message)
  }

  #ended({ request, response }: HttpMessage | FetchMessage): void {
    const call = this.#calls.get(request)
    if (call === undefined) return
    this.#calls.delete(request)
    const { submission, started, span } = call
    const status = response?.statusCode
    if (status !== undefined) span?.setAttribute('http.response.status_code', status)
    if (status === undefined || status >= 400) span?.setStatus({ code: SpanStatusCode.ERROR })
    span?.end()
    const milliseconds = Math.round(performance.now() - started)
    this.#emit({ event: 'target.called', ...submission, milliseconds, outcome: outcomeOf(status) })
  }
}

interface Attempt {
  readonly submission: About
  /** Of its newest request. */
  newest?: Caller
}

interface Call {
  readonly submission: About
  readonly started: number
  readonly span: Span | undefined
}

interface HttpMessage {
  readonly request: ClientRequest
  readonly response?: IncomingMessage
  readonly error?: unknown
}

/** The part of undici's messages that is read here. */
interface FetchMessage {
  readonly request: { readonly method: string; readonly headers: unknown; addHeader(name: string, value: string): void }
  readonly response?: { readonly statusCode: number }
  readonly error?: unknown
}

function outcomeOf(status: number | undefined): Outcome {
  const digit = Math.floor((status ?? 0) / 100)
  return digit >= 1 && digit <= 5 ? (`${digit}xx` as Outcome) : 'failed'
}
