/** Node's request and response classes, extended to count bodies and to set the security headers. */
import {
  IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  type ServerResponse as Response,
  ServerResponse,
} from 'node:http'

/** The headers of every answer. They replace what the listener set. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
} as const

/** Follows the body of a request as it arrives. */
export interface BodyWatch {
  /** So many bytes are kept for this request. False: the request has been refused. */
  arrived(bytes: number): boolean
  /** The body has more bytes than it may. */
  exceeded(): void
  /** The last byte of the request has arrived. */
  completed(): void
}

/** A request whose body is counted as it arrives, before anything can read it. */
export class CountedRequest extends IncomingMessage {
  /** Bytes of body that may still arrive. */
  bodyBytesLeft = Number.POSITIVE_INFINITY
  watch: BodyWatch | undefined = undefined
  #dropped = false

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null) this.watch?.completed()
    else if (chunk instanceof Uint8Array) {
      this.bodyBytesLeft -= chunk.byteLength
      if (this.bodyBytesLeft < 0) this.watch?.exceeded()
      else this.hold(chunk.byteLength)
    }
    // A reader must not mistake a part for the whole body: after `abandon` it gets no data and no end.
    return this.#dropped || super.push(chunk, encoding)
  }

  /** Counts bytes that are kept for this request. False: there was no room for them, and it has been refused. */
  hold(bytes: number): boolean {
    return this.#dropped || this.watch === undefined || this.watch.arrived(bytes)
  }

  /** Fails every reader of the body, but keeps the connection open so that an answer can be sent. */
  abandon(): void {
    this.#dropped = true
    this.destroy(new Error('the request was refused'))
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Node's own implementation would destroy the connection too.
    if (!this.#dropped) return void super._destroy(error, callback)
    this.aborted = true
    this.emit('aborted')
    process.nextTick(callback, this.listenerCount('error') > 0 ? error : null)
  }
}

/**
 * Counts bytes that a listener makes of a body beside those that arrived, such as by decompressing it, towards `heldBodyBytes`.
 * False: there is no room for them, and the request has been refused with 503.
 */
export function holdBytes(request: IncomingMessage, bytes: number): boolean {
  return !(request instanceof CountedRequest) || request.hold(bytes)
}

/** What an answer belongs to, once its request is served. */
export interface Served {
  /** Whether the connection closes after this answer. Read when the head of the answer is written. */
  readonly endsConnection: boolean
  /** The answer is sent, or its connection is closed. */
  closed(): void
}

/**
 * An answer that sets the security headers when its head is written. By then it overwrites what a handler set and restores
 * what an error handler removed; answers that Node writes itself pass here too.
 */
export class SecuredResponse extends ServerResponse<CountedRequest> {
  /** Its own property: some frameworks replace the prototypes of what they answer. */
  served: Served | undefined = undefined

  constructor(request: CountedRequest) {
    super(request)
    // A handler that keeps writing after a refusal causes an error that nothing else handles.
    this.on('error', ignore)
  }

  /** Called once, when the request is served. */
  serve(served: Served): void {
    this.served = served
    this.on('close', closed)
  }

  override writeHead(statusCode: number, ...rest: unknown[]): this {
    const message = typeof rest[0] === 'string' ? rest[0] : undefined
    const given = rest[message === undefined && rest.length < 2 ? 0 : 1]
    applyHeaders(this, given as Parameters<typeof applyHeaders>[1])
    this.removeHeader('Server')
    this.removeHeader('X-Powered-By')
    for (const name in SECURITY_HEADERS) this.setHeader(name, SECURITY_HEADERS[name as keyof typeof SECURITY_HEADERS])
    if (this.served?.endsConnection) this.setHeader('Connection', 'close')
    return message === undefined ? super.writeHead(statusCode) : super.writeHead(statusCode, message)
  }
}

/**
 * Sends `102 Processing`, unless the answer has begun, which finds out by itself whether its client is gone. A listener may hold
 * back what is written to its response, so neither its methods nor what it shows count here.
 */
export function writeInterim(response: Response): void {
  if (Reflect.get(ServerResponse.prototype, 'headersSent', response) === false)
    ServerResponse.prototype.writeProcessing.call(response)
}

/** Node applies the headers given to `writeHead` last. Setting them first allows ours to replace them. */
function applyHeaders(
  response: Response,
  headers: OutgoingHttpHeaders | readonly OutgoingHttpHeader[] | undefined | null,
): void {
  if (headers === undefined || headers === null) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders))
      if (value !== undefined) response.setHeader(name, value)
    return
  }
  const flat: OutgoingHttpHeader[] = headers.flat() as OutgoingHttpHeader[]
  for (let i = 0; i < flat.length; i += 2) response.removeHeader(String(flat[i]))
  for (let i = 0; i + 1 < flat.length; i += 2) response.appendHeader(String(flat[i]), flat[i + 1] as string | string[])
}

function ignore(): void {}

function closed(this: SecuredResponse): void {
  this.served?.closed()
}
