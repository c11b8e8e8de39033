/** Writes refusals: as a response where there is one, as raw bytes where Node could not parse a request. */
import { type IncomingMessage, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Duplex } from 'node:stream'
import { type CountedRequest, SECURITY_HEADERS, type SecuredResponse } from '../connection/messages.ts'
import type { RefusalReason } from '../events.ts'
import type { ForwardedProto } from '../header-values.ts'
import type { Refusal } from './request-syntax.ts'

/** The input of a renderer. `request` is set when its headers could be parsed. */
export interface RefusalDescription {
  readonly status: number
  readonly reason: RefusalReason
  /** As in the event: the peer's, or that of the client that a load balancer names. */
  readonly address: string
  readonly request?: IncomingMessage
  /** What the peer said of the scheme; only with `proxy-untrusted` and `forwarded-proto`. */
  readonly forwardedProto?: ForwardedProto
}

/** The output of a renderer. Neither headers nor body may repeat what the client sent. */
export interface RenderedRefusal {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Writes a refusal in a format that the caller chooses. */
export type RenderRefusal = (refusal: RefusalDescription) => RenderedRefusal

/** The default: RFC 9457 with the status only, because a client must not learn which rule refused it. */
export const renderProblem: RenderRefusal = ({ status }) => ({
  headers: { 'Content-Type': 'application/problem+json' },
  body: JSON.stringify({ type: 'about:blank', title: phraseOf(status), status }),
})

/** Answers a parsed request. `keep` leaves the connection open for the next one. */
export function answerRefusal(
  request: CountedRequest,
  response: SecuredResponse,
  { headers, body }: RenderedRefusal,
  { status, headers: extra }: Refusal,
  keep: boolean,
): void {
  const all = { ...headers, ...extra, 'Content-Length': String(Buffer.byteLength(body)) }
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value)
  if (!keep) {
    response.setHeader('Connection', 'close')
    closeOnceComplete(request)
  }
  response.writeHead(status, phraseOf(status))
  response.end(body)
}

/** Answers bytes that could not be parsed as a request, and closes the connection. */
export function writeRefusal(
  stream: Duplex,
  { headers, body }: RenderedRefusal,
  status: number,
  extra: Readonly<Record<string, string>>,
): void {
  const all = {
    Date: new Date().toUTCString(),
    ...headers,
    ...extra,
    ...SECURITY_HEADERS,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  stream.end(`HTTP/1.1 ${status} ${phraseOf(status)}\r\n${lines.join('')}\r\n${body}`)
  stream.resume()
  destroyLater(stream, () => stream.destroy())
}

/** Runs a renderer. If it throws or returns invalid headers, the default problem document is used. */
export function rendered(render: RenderRefusal, refusal: RefusalDescription): RenderedRefusal {
  try {
    const { headers, body } = render(refusal)
    const own = Object.entries(headers).filter(([name]) => !OURS.has(name.toLowerCase()))
    for (const [name, value] of own) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    return { headers: Object.fromEntries(own), body: String(body) }
  } catch {
    return renderProblem(refusal)
  }
}

/** Headers that a renderer may not set: the server or Node sets them, or they are never sent. */
const OURS: ReadonlySet<string> = new Set([
  ...Object.keys(SECURITY_HEADERS).map((name) => name.toLowerCase()),
  ...['connection', 'content-length', 'date', 'server', 'transfer-encoding', 'x-powered-by'],
])

/**
 * Closing a socket while its peer still sends makes the kernel reset it, and the peer can lose our answer. So what the peer
 * sends is read and discarded for this long.
 */
const LINGER_MILLISECONDS = 2000

/** Delays the close that follows an answer with `Connection: close` until the whole request has arrived. */
function closeOnceComplete(request: CountedRequest): void {
  const { socket } = request
  // Of a client that has closed its sending side, nothing more arrives.
  if (request.complete || socket.readableEnded) return
  let complete = false
  let close: (() => void) | undefined
  request.watch = {
    arrived: () => true,
    exceeded: () => undefined,
    completed() {
      complete = true
      close?.()
    },
  }
  // Node calls this method once it has written the answer.
  socket.destroySoon = () => {
    close = () => Object.getPrototypeOf(socket).destroySoon.call(socket)
    if (complete) close()
    else destroyLater(socket, close)
  }
}

function destroyLater(stream: Duplex, destroy: () => void): void {
  const timer = setTimeout(destroy, LINGER_MILLISECONDS)
  stream.once('close', () => clearTimeout(timer))
}

function phraseOf(status: number): string {
  return STATUS_CODES[status] ?? (status === 496 ? 'SSL Certificate Required' : 'SSL Certificate Error')
}
