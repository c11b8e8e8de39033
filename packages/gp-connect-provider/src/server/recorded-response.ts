/** A response of any framework: nothing of an answer is sent before its record is stored. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Exchange } from '../exchange.ts'
import { type HeaderValue, sendHead, sendWhole } from './encoding.ts'
import type { Guard } from './guard.ts'
import { type Interceptor, intercept, read, type WritingMethod, write } from './intercepted-response.ts'
import { codeOfBody } from './outcome-code.ts'

/** How much of an answer waits for its end, so that the record has the code of an outcome. */
const HELD_BYTES = 65_536
/** How long the first part of a successful answer waits for more. Who streams does not want to wait for its end. */
const HELD_MILLISECONDS = 100

/**
 * - `open`: what is written is kept.
 * - `recording`: the record is being stored; more may be written, and is kept.
 * - `sent`: the record is stored, and the response writes again.
 * - `over`: the guard or the server has answered, or the client has left; what is still written is dropped.
 */
type State = 'open' | 'recording' | 'sent' | 'over'

type Done = (error?: Error | null) => void

interface Head {
  readonly status: number
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, HeaderValue>
}

interface Part {
  readonly bytes: Buffer
  readonly done: Done | undefined
}

/**
 * Keeps what is written to a response until the record is stored: the whole answer, or its first 64 KiB. Then sends it, and lets
 * the response write again. Meant for a request that has passed every check.
 */
export class RecordedResponse implements Interceptor {
  readonly #guard: Guard
  readonly #exchange: Exchange
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #state: State = 'open'
  /** What the head was when it was written: later changes do not count, as for any response. */
  #head: Head | undefined
  #parts: Part[] = []
  #keptBytes = 0
  #ended = false
  #onEnd: Done | undefined
  /** Whether `write` has asked to wait for `drain`. */
  #isAwaited = false
  /** Whether the answer broke off while its record was being stored. */
  #isBroken = false
  #isCut = false
  #timer: NodeJS.Timeout | undefined

  constructor(guard: Guard, exchange: Exchange, request: IncomingMessage, response: ServerResponse) {
    this.#guard = guard
    this.#exchange = exchange
    this.#request = request
    this.#response = response
    intercept(response, this)
    Object.defineProperties(response, STATES)
    Object.assign(response, { [RECORDED]: this })
    response.once('close', () => this.#closed())
  }

  get passes(): boolean {
    return this.#state === 'sent' || this.#guard.isAnsweredByServer(this.#exchange, this.#request)
  }

  /** Whether the head is written, as far as the writer of the answer can tell. */
  get isHeadWritten(): boolean {
    return this.passes ? read(this.#response, 'headersSent') : this.#head !== undefined || this.#state === 'over'
  }

  get isEnded(): boolean {
    return this.passes ? read(this.#response, 'writableEnded') : this.#ended || this.#state === 'over'
  }

  call(name: WritingMethod, given: readonly unknown[]): unknown {
    switch (name) {
      case 'writeHead':
        this.#writeHead(given)
        return this.#response
      case 'write':
        return this.#write(partOf(given))
      case 'end':
        this.#end(given)
        return this.#response
      case 'flushHeaders':
        this.#takeHead()
        return undefined
      default:
        // An interim answer would be sent before the record. The last argument of `writeEarlyHints` is a callback.
        for (const one of given) if (typeof one === 'function') process.nextTick(one as Done)
        return undefined
    }
  }

  /** Nothing: this class itself decides when the response writes again, because what it has kept comes first. */
  release(): void {}

  /**
   * Answers with a failure instead of what is kept. If the answer is on its way already and not at its end, cuts the connection,
   * so that nobody takes a part for the whole, and records that.
   */
  async fail(thrown: unknown): Promise<void> {
    if (this.#state === 'open') {
      this.#over()
      await this.#guard.fail(this.#exchange, this.#request, this.#response, thrown)
    } else if (this.#state === 'recording' && !this.#ended) {
      this.#isBroken = true
    } else if (this.#state === 'sent' && !read(this.#response, 'writableEnded')) {
      this.#response.destroy()
    }
  }

  #writeHead([status, ...rest]: readonly unknown[]): void {
    if (this.#state === 'over') return
    if (this.#head !== undefined) throw failure('ERR_HTTP_HEADERS_SENT', 'the head is written already')
    if (!isStatus(status)) throw new RangeError(STATUS_TEXT)
    setHeaders(this.#response, (typeof rest[0] === 'object' ? rest[0] : rest[1]) as object | undefined)
    this.#response.statusCode = status
    this.#takeHead()
  }

  #takeHead(): Head {
    const { statusCode: status } = this.#response
    this.#head ??= { status, headers: new Map(Object.entries(this.#response.getHeaders())) as Head['headers'] }
    return this.#head
  }

  #write(part: Part): boolean {
    if (this.#state === 'over' || this.#ended) {
      const { done } = part
      if (done !== undefined) process.nextTick(done, failure('ERR_STREAM_DESTROYED', 'the answer has ended'))
      return true
    }
    const { status } = this.#takeHead()
    this.#keep(part)
    if (this.#keptBytes > HELD_BYTES) this.#record()
    else if (status < 400) this.#timer ??= setTimeout(() => this.#record(), HELD_MILLISECONDS)
    this.#isAwaited = this.#keptBytes > HELD_BYTES
    return !this.#isAwaited
  }

  #end([chunk, encoding, done]: readonly unknown[]): void {
    if (this.#state === 'over' || this.#ended) return
    this.#takeHead()
    if (typeof chunk !== 'function' && chunk !== undefined && chunk !== null) this.#keep(partOf([chunk, encoding]))
    this.#onEnd = [chunk, encoding, done].find((one) => typeof one === 'function') as Done | undefined
    this.#ended = true
    this.#record()
  }

  #keep(part: Part): void {
    this.#parts.push(part)
    this.#keptBytes += part.bytes.byteLength
  }

  #record(): void {
    clearTimeout(this.#timer)
    if (this.#state !== 'open') return
    const head = this.#takeHead()
    if (!isStatus(head.status)) {
      void this.fail(new RangeError(STATUS_TEXT))
      return
    }
    this.#state = 'recording'
    // An error here is one of this code. The answer is then not sent, which nobody can take for a whole one.
    this.#recordThenSend(head).catch(() => {
      this.#response.destroy()
      this.#cut()
    })
  }

  async #recordThenSend({ status, headers }: Head): Promise<void> {
    const response = this.#response
    const { type = '', coding = '' } = { type: headers.get('content-type'), coding: headers.get('content-encoding') }
    const errorCode = this.#ended ? await codeOfBody(this.#kept(), String(type), String(coding)) : null
    const stored = await this.#guard.record(this.#exchange, this.#request, response, { status, errorCode })
    if (stored === 'refused') return this.#over()
    if (this.#isBroken) response.destroy()
    else if (this.#ended) await this.#sendWhole({ status, headers })
    else if (!response.destroyed) this.#sendStart({ status, headers })
    this.#state = 'sent'
    if (response.destroyed) this.#cut()
  }

  async #sendWhole({ status, headers }: Head): Promise<void> {
    const body = this.#kept()
    const parts = this.#takeParts()
    await sendWhole(this.#request, this.#response, { status, headers, body }, () => {
      for (const { done } of parts) done?.()
      this.#onEnd?.()
    })
  }

  #sendStart({ status, headers }: Head): void {
    sendHead(this.#response, status, headers)
    let flows = true
    for (const { bytes, done } of this.#takeParts()) flows = write(this.#response, 'write', [bytes, done]) === true
    if (this.#isAwaited && flows) process.nextTick(() => this.#response.emit('drain'))
  }

  #kept(): Buffer {
    const [first, ...rest] = this.#parts
    if (rest.length === 0) return first?.bytes ?? EMPTY
    return Buffer.concat(this.#parts.map(({ bytes }) => bytes))
  }

  #takeParts(): readonly Part[] {
    const parts = this.#parts
    this.#parts = []
    return parts
  }

  /** The connection has closed, with the last byte of the answer or before. */
  #closed(): void {
    if (this.#state === 'open') {
      this.#over()
      this.#guard.abandon(this.#exchange, this.#request, 'ANSWER_NOT_SENT')
    } else if (this.#state === 'sent' && !this.#response.writableFinished) {
      this.#cut()
    }
  }

  /** Records, once, that the answer did not reach its end. */
  #cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#guard.abandon(this.#exchange, this.#request, 'ANSWER_CUT')
    for (const { done } of this.#takeParts()) done?.(failure('ERR_STREAM_DESTROYED', 'the answer was not sent'))
  }

  #over(): void {
    clearTimeout(this.#timer)
    this.#state = 'over'
    for (const { done } of this.#takeParts()) done?.(failure('ERR_STREAM_DESTROYED', 'the answer was not sent'))
  }
}

const RECORDED = Symbol('recorded')

/** The interceptor of a response, if `RecordedResponse` has it. */
export function recordedOf(response: ServerResponse & { [RECORDED]?: RecordedResponse }): RecordedResponse | undefined {
  return response[RECORDED]
}

type Recorded = ServerResponse & { [RECORDED]: RecordedResponse }

/** What a framework asks a response. */
const STATES: PropertyDescriptorMap & ThisType<Recorded> = {
  headersSent: {
    get() {
      return this[RECORDED].isHeadWritten
    },
  },
  writableEnded: {
    get() {
      return this[RECORDED].isEnded
    },
  },
}

function partOf([chunk, encoding, done]: readonly unknown[]): Part {
  const callback = [encoding, done].find((one) => typeof one === 'function') as Done | undefined
  return { bytes: bytesOf(chunk, encoding), done: callback }
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, Buffer.isEncoding(String(encoding)) ? (encoding as BufferEncoding) : 'utf8')
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw Object.assign(new TypeError('only texts and bytes can be written'), { code: 'ERR_INVALID_ARG_TYPE' })
}

/** The headers that `writeHead` gets: an object, or a list of names and values. */
function setHeaders(response: ServerResponse, headers: object | undefined): void {
  if (headers === undefined || headers === null) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
    return
  }
  const flat: readonly string[] = headers.flat()
  for (let at = 0; at < flat.length; at += 2) response.removeHeader(String(flat[at]))
  for (let at = 0; at + 1 < flat.length; at += 2) response.appendHeader(String(flat[at]), String(flat[at + 1]))
}

function isStatus(status: unknown): status is number {
  return typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 999
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

const STATUS_TEXT = 'the status is not a whole number between 200 and 999'
const EMPTY = Buffer.alloc(0)
