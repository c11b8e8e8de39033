/** Passes the answer of the system behind a gateway on, as it comes. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { type FailureCode, ProviderError } from '../failures.ts'
import { answerHeaders } from './forwarded-headers.ts'

/** One request to the upstream, and its answer. */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse
  readonly #fail: (error: ProviderError) => void
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false

  /** `fail` answers instead of the upstream, or cuts what has begun. */
  constructor(response: ServerResponse, headersSeconds: number, fail: (error: ProviderError) => void) {
    this.#response = response
    this.#fail = fail
    this.#timer = setTimeout(() => this.#late(), headersSeconds * 1000)
    // The client has left, or the server has answered itself. At the end of a whole answer nothing is left to abort.
    response.once('close', () => this.#stop())
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Its turn has come too late.
    if (this.#isOver) controller.abort(new Error('the request is over'))
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // Interim answers are between this connection and the gateway.
    if (this.#isOver || status < 200) return
    clearTimeout(this.#timer)
    try {
      if (status > 599) throw new RangeError('the status is none')
      for (const [name, value] of answerHeaders(headers)) this.#response.setHeader(name, value)
      this.#response.writeHead(status)
    } catch (error) {
      this.#break('UPSTREAM_INVALID', error)
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver || this.#response.write(chunk)) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#response.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#break(codeOf(error), error)
  }

  #late(): void {
    this.#break('UPSTREAM_TIMEOUT', Object.assign(new Error('no head in time'), { code: 'ERR_UPSTREAM_TIMEOUT' }))
  }

  /** The upstream has failed. */
  #break(code: FailureCode, cause: unknown): void {
    if (this.#isOver) return
    this.#stop()
    this.#fail(new ProviderError(code, undefined, { cause }))
  }

  /** Nothing more is passed on, and the upstream need not go on. */
  #stop(): void {
    clearTimeout(this.#timer)
    if (this.#isOver) return
    this.#isOver = true
    this.#controller?.abort(new Error('the request is over'))
  }
}

function codeOf({ name, message, code = '' }: Error & { readonly code?: unknown }): FailureCode {
  if (/TIMEOUT|ETIMEDOUT/.test(String(code))) return 'UPSTREAM_TIMEOUT'
  const isInvalid = name === 'HTTPParserError' || INVALID.test(String(code)) || INVALID_MESSAGE.test(message)
  return isInvalid ? 'UPSTREAM_INVALID' : 'UPSTREAM_UNAVAILABLE'
}

/** What undici says of bytes that are no answer to a request. */
const INVALID = /^UND_ERR_(HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH)$/
const INVALID_MESSAGE = /^bad (response|upgrade)$/
