/** Sends whole answers, compressed if the client accepts it. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import accepts from 'accepts'
import { originalOf, write } from './intercepted-response.ts'

/** What is sent: the head, without the headers that are set here, and the body. */
export interface Answer {
  readonly status: number
  /** By their names in lower case. The length of the body and its coding are added, and `Cache-Control`. */
  readonly headers: ReadonlyMap<string, HeaderValue>
  readonly body: Buffer
}

/** A value of a header, or one for each time that it is sent. */
export type HeaderValue = number | string | readonly string[]

/**
 * Sends an answer with these headers and no others, whatever intercepts the response. Nothing that runs beside it can change
 * the answer, because its head is set and written in one go.
 */
export async function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
  done?: () => void,
): Promise<void> {
  const all = new Map(headers)
  const bodiless = isBodiless(request, status)
  let content = body
  if (body.byteLength > 0 && !bodiless) {
    const { varies, compresses } = codingFor(request, all)
    if (varies) all.set('vary', withAcceptEncoding(all.get('vary')))
    if (compresses) {
      content = await compress(body)
      all.set('content-encoding', 'gzip')
    }
  }
  all.set('cache-control', 'no-store')
  // A handler may have counted wrong. What HEAD is told is the length of the body that it does not get.
  if (!bodiless) {
    all.delete('transfer-encoding')
    all.set('content-length', content.byteLength)
  }
  if (response.destroyed) return
  sendHead(response, status, all)
  write(response, 'end', [content, done])
}

/** Writes the head with these headers and no others; their names are in lower case. */
export function sendHead(response: ServerResponse, status: number, headers: ReadonlyMap<string, HeaderValue>): void {
  const { setHeader, removeHeader } = originalOf(response)
  for (const name of response.getHeaderNames()) if (!headers.has(name)) removeHeader.call(response, name)
  // Most of them are there already, and checking a header again costs more than looking.
  for (const [name, value] of headers) if (response.getHeader(name) !== value) setHeader.call(response, name, value)
  // The phrase of the status, not one that a handler has set: it could not be sent, or split the answer.
  write(response, 'writeHead', [status, STATUS_CODES[status] ?? ''])
}

/** Whether an answer has no body: by its status, or because only its head was asked for. */
export function isBodiless({ method }: IncomingMessage, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/**
 * Whether the body of an answer is to be compressed: its media type is a text, it has no coding yet, and the client prefers
 * gzip. It varies if the client could have asked for either.
 */
function codingFor(request: IncomingMessage, headers: Answer['headers']): { varies: boolean; compresses: boolean } {
  const isPlainText = /json|xml|^text\//i.test(String(headers.get('content-type') ?? ''))
  if (request.headers['accept-encoding'] === undefined || headers.has('content-encoding') || !isPlainText)
    return { varies: false, compresses: false }
  return { varies: true, compresses: accepts(request).encoding(['gzip', 'identity']) === 'gzip' }
}

function withAcceptEncoding(vary: HeaderValue | undefined): string {
  const named = [vary ?? []].flat().join(', ')
  if (named === '') return 'Accept-Encoding'
  return /(^|[,\s])(accept-encoding|\*)($|[,\s])/i.test(named) ? named : `${named}, Accept-Encoding`
}

const compress = promisify(gzip)
