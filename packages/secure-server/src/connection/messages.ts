/** Node's request and answer classes, with body limits and security headers. */
import {
  IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  type ServerResponse as Response,
  ServerResponse,
} from 'node:http'

/** Set on every answer, whatever the listener has set. */
export const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
} as const

/** A request that counts its body as it arrives, before anything can read it. */
export class CountedRequest extends IncomingMessage {
  /** Bytes of body that may still arrive. */
  bodyBytesLeft = Number.POSITIVE_INFINITY
  /** Called once, when more arrive. */
  onExcess: (() => void) | undefined = undefined
  /** Called once, when the last byte of the request has arrived. */
  onComplete: (() => void) | undefined = undefined
  #dropped = false

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null) {
      const { onComplete } = this
      this.onComplete = undefined
      onComplete?.()
    } else if (chunk instanceof Uint8Array) {
      this.bodyBytesLeft -= chunk.byteLength
      if (this.bodyBytesLeft < 0) {
        const { onExcess } = this
        this.onExcess = undefined
        onExcess?.()
      }
    }
    // A reader must not mistake a part for the whole body: it gets no more bytes, and no end.
    return this.#dropped || super.push(chunk, encoding)
  }

  /** Ends the body for its reader with an error. The connection stays open for the answer. */
  abandon(): void {
    this.#dropped = true
    this.destroy(new Error('the request was refused'))
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Node's own method would destroy the connection too.
    if (!this.#dropped) return void super._destroy(error, callback)
    this.aborted = true
    this.emit('aborted')
    process.nextTick(callback, this.listenerCount('error') > 0 ? error : null)
  }
}

/**
 * An answer that sets the security headers when its head is written. This is late enough to override a handler, and to restore
 * what an error handler removed, and early enough for answers that Node writes itself.
 */
export class SecuredResponse extends ServerResponse<CountedRequest> {
  /** Whether the connection ends with this answer. Asked when its head is written. */
  endsConnection: () => boolean = () => false

  constructor(request: CountedRequest) {
    super(request)
    // A handler that keeps writing after a refusal causes an error that has no other listener.
    this.on('error', () => {})
  }

  override writeHead(statusCode: number, ...rest: unknown[]): this {
    const message = typeof rest[0] === 'string' ? rest[0] : undefined
    const given = rest[message === undefined && rest.length < 2 ? 0 : 1]
    applyHeaders(this, given as Parameters<typeof applyHeaders>[1])
    this.removeHeader('Server')
    this.removeHeader('X-Powered-By')
    for (const name in SECURITY_HEADERS) this.setHeader(name, SECURITY_HEADERS[name as keyof typeof SECURITY_HEADERS])
    if (this.endsConnection()) this.setHeader('Connection', 'close')
    return message === undefined ? super.writeHead(statusCode) : super.writeHead(statusCode, message)
  }
}

/** Node applies the headers given to `writeHead` last. Here they are set first, so that ours override them. */
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
