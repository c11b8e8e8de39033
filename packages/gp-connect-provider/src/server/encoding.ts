/** Sends whole answers, compressed if the client accepts it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import accepts from 'accepts'

/**
 * Whether the body of an answer is to be compressed: its media type is a text, it has no coding yet, and the client prefers
 * gzip. Adds `Vary` if the client could have asked for either.
 */
export function shouldCompress(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers['accept-encoding'] === undefined || response.hasHeader('Content-Encoding')) return false
  if (!/json|xml|^text\//i.test(String(response.getHeader('Content-Type') ?? ''))) return false
  response.appendHeader('Vary', 'Accept-Encoding')
  return accepts(request).encoding(['gzip', 'identity']) === 'gzip'
}

/** Sends the head that the response has, and this body. */
export async function sendWhole(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  let content = body
  if (body.byteLength > 0 && shouldCompress(request, response)) {
    content = await compress(body)
    response.setHeader('Content-Encoding', 'gzip')
  }
  response.setHeader('Cache-Control', 'no-store')
  if (!BODILESS.has(response.statusCode)) response.setHeader('Content-Length', content.byteLength)
  response.writeHead(response.statusCode)
  response.end(content)
}

/** Statuses whose answers have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 304])

const compress = promisify(gzip)
