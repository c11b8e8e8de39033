/** Reads the bytes of a request's body, with a limit on their number, also when decompressed. */
import type { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'
import { holdBytes } from '@formbuilder/secure-server'
import { ProviderError } from '../failures.ts'

/** Whether the headers of a request announce a body. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** A body, and the same bytes as they were sent. */
export interface ReadBody {
  readonly bytes: Buffer
  readonly sent: Buffer
}

/**
 * Reads the whole body. `encoding` is that of its Content-Encoding.
 * @throws {ProviderError} BODY_TOO_LARGE, or BAD_REQUEST: it ends early, or cannot be decompressed.
 */
export function readBody(
  request: IncomingMessage,
  encoding: 'identity' | 'gzip',
  limitBytes: number,
): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
    request.resume()
    return Promise.reject(new ProviderError('BODY_TOO_LARGE'))
  }
  return new Promise((resolve, reject) => {
    const source = encoding === 'gzip' ? request.pipe(createGunzip()) : request
    const chunks: Buffer[] = []
    const sent: Buffer[] = source === request ? chunks : []
    if (source !== request) request.on('data', (chunk: Buffer) => sent.push(chunk))
    let size = 0
    const settle = (error: ProviderError | undefined): void => {
      source.off('data', take).off('end', end).off('error', fail)
      request.off('aborted', fail).off('error', fail).off('close', fail)
      // An error that comes later must not end the process.
      source.on('error', () => {})
      if (error === undefined) {
        const bytes = Buffer.concat(chunks)
        resolve({ bytes, sent: source === request ? bytes : Buffer.concat(sent) })
        return
      }
      // Discard the rest of the body, or the next request on this connection would wait for it. The server limits its size.
      request.unpipe()
      request.resume()
      if (source !== request) source.destroy()
      reject(error)
    }
    const take = (chunk: Buffer): void => {
      size += chunk.byteLength
      if (size > limitBytes) settle(new ProviderError('BODY_TOO_LARGE'))
      // What arrived is counted by the server; what becomes of it by decompressing is not.
      else if (source !== request && !holdBytes(request, chunk.byteLength)) settle(new ProviderError('OVERLOADED'))
      else chunks.push(chunk)
    }
    const end = (): void => settle(undefined)
    const fail = (cause?: Error): void =>
      // A request closes after its last byte too; then only the decompression is not complete yet.
      cause === undefined && request.complete ? undefined : settle(unreadable(cause))
    source.on('data', take).on('end', end).on('error', fail)
    request.on('aborted', fail).on('error', fail).on('close', fail)
  })
}

function unreadable(cause: Error | undefined): ProviderError {
  return new ProviderError('BAD_REQUEST', 'The body could not be read', { cause })
}
