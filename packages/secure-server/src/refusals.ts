/** How a refusal is said: through an answer where there is one, as raw bytes where Node could not parse a request. */
import { type IncomingMessage, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RefusalReason } from './events.ts'
import { SECURITY_HEADERS, type SecuredResponse } from './messages.ts'

/** What a renderer is told. `request` is there when its headers could be parsed. */
export interface RefusalDescription {
  readonly status: number
  readonly reason: RefusalReason
  readonly request?: IncomingMessage
}

/** A refusal in a format of one's own. Neither headers nor body may repeat what the client sent. */
export interface RenderedRefusal {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type RenderRefusal = (refusal: RefusalDescription) => RenderedRefusal

/** RFC 9457, with nothing but the status: which rule it was stays with us. */
export const renderProblem: RenderRefusal = ({ status }) => ({
  headers: { 'Content-Type': 'application/problem+json' },
  body: JSON.stringify({ type: 'about:blank', title: phraseOf(status), status }),
})

/** Answers a parsed request. `keep` leaves the connection open for the next one. */
export function answerRefusal(
  response: SecuredResponse,
  { headers, body }: RenderedRefusal,
  status: number,
  extra: Readonly<Record<string, string>> | undefined,
  keep: boolean,
): void {
  const all = { ...headers, ...extra, 'Content-Length': String(Buffer.byteLength(body)) }
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value)
  if (!keep) {
    response.setHeader('Connection', 'close')
    if (response.socket) lingerOnClose(response.socket)
  }
  response.writeHead(status, phraseOf(status))
  response.end(body)
}

/** Answers bytes that are no request, and ends the connection. */
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
  lingerOnClose(stream)
  stream.write(`HTTP/1.1 ${status} ${phraseOf(status)}\r\n${lines.join('')}\r\n${body}`)
  destroySoon(stream)
}

/** Runs a renderer that is not ours: what it may not return, or throws, becomes the plain problem document. */
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

/** Set by us or by Node whatever a renderer says, or never sent. */
const OURS: ReadonlySet<string> = new Set([
  ...Object.keys(SECURITY_HEADERS).map((name) => name.toLowerCase()),
  ...['connection', 'content-length', 'date', 'server', 'transfer-encoding', 'x-powered-by'],
])

const LINGER_MILLISECONDS = 2000

/**
 * Closing a socket whose peer still sends makes the kernel reset it, and the reset can overtake our answer. So say that
 * nothing more comes, read on for a moment, and only then close.
 */
function lingerOnClose(stream: Duplex): void {
  if (!('destroySoon' in stream)) return
  // Node calls destroySoon on the socket after an answer with `Connection: close`.
  stream.destroySoon = () => {
    stream.end()
    stream.resume()
    const timer = setTimeout(() => stream.destroy(), LINGER_MILLISECONDS)
    stream.once('close', () => clearTimeout(timer))
  }
}

function destroySoon(stream: Duplex): void {
  if ('destroySoon' in stream && typeof stream.destroySoon === 'function') stream.destroySoon()
  else stream.destroy()
}

function phraseOf(status: number): string {
  return STATUS_CODES[status] ?? (status === 496 ? 'SSL Certificate Required' : 'SSL Certificate Error')
}
