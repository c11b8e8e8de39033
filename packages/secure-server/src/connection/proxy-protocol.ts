/** Reads the PROXY protocol header of a connection, and leaves the bytes after it for TLS. */
import type { Socket } from 'node:net'
import type { ProxyRefusal } from '../events.ts'
import { isProxyHeader, parseProxyHeader } from './proxy-header.ts'

/** The client that a header names, undefined if it names none; or why the connection is to be refused. */
export type ProxyResult = { readonly client: string | undefined } | { readonly refusal: ProxyRefusal }

/**
 * Reads until it is decided whether the connection starts as it must: with a header if it `isExpected`, without one otherwise.
 * Never calls back if the client leaves before, and holds no more than the longest header and what arrives with its end.
 */
export function readProxyHeader(socket: Socket, isExpected: boolean, decide: (result: ProxyResult) => void): void {
  let bytes: Buffer = EMPTY
  socket.on('readable', read)
  // Nobody else reads yet, so that nobody else would notice.
  socket.once('end', () => socket.destroy())

  function read(): void {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) bytes = Buffer.concat([bytes, chunk])
    const result = bytes.length === 0 ? undefined : resultOf(bytes, isExpected)
    if (result === undefined) return
    socket.off('readable', read)
    // TLS takes what the stream holds before what arrives later.
    if ('length' in result && bytes.length > result.length) socket.unshift(bytes.subarray(result.length))
    decide(result)
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

/** Undefined until enough bytes have arrived. */
function resultOf(bytes: Buffer, isExpected: boolean): (ProxyResult & { readonly length?: number }) | undefined {
  const header = parseProxyHeader(bytes)
  if (!isExpected) {
    if (header.found === 'absent') return { length: 0, client: undefined }
    return isProxyHeader(bytes) ? { refusal: 'proxy-untrusted' } : undefined
  }
  switch (header.found) {
    case 'header':
      return header
    case 'incomplete':
      return undefined
    case 'absent':
      return { refusal: 'proxy-missing' }
    case 'malformed':
      return { refusal: 'proxy-malformed' }
    case 'oversized':
      return { refusal: 'proxy-oversized' }
  }
}
