/** HTTP written by hand, over TLS, to an adapter under test. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { TestAdapter } from '@formbuilder/adapter-sdk/testing'

export interface WireAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A connection on which nothing was said. `localAddress`: who it comes from. */
export async function wire(adapter: TestAdapter, localAddress = '127.0.0.1'): Promise<TLSSocket> {
  const to = { host: '127.0.0.1', port: adapter.running.port, localAddress }
  const socket = connect({ ...to, servername: 'localhost', ca: adapter.certificate.cert })
  socket.on('error', () => undefined) // a reset is a way of closing
  // Closed before: refused, as a flood may be.
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
  return socket
}

/** Writes bytes as they are; returns all that came back until the adapter closed, as bytes in latin1. */
export function exchange(adapter: TestAdapter, ...parts: readonly string[]): Promise<string> {
  return exchangeFrom('127.0.0.1', adapter, ...parts)
}

/** The same from another address of this machine. */
export async function exchangeFrom(
  localAddress: string,
  adapter: TestAdapter,
  ...parts: readonly string[]
): Promise<string> {
  const socket = await wire(adapter, localAddress)
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  for (const part of parts) socket.write(Buffer.from(part, 'latin1'))
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return received
}

/** The answers in what came back, each of which says how long it is. */
export function answersIn(received: string): WireAnswer[] {
  const answers: WireAnswer[] = []
  for (let rest = received; rest.startsWith('HTTP/1.1 '); ) {
    const end = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers['content-length'] ?? 0)
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body: rest.slice(end + 4, end + 4 + length) })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}

/** A POST of a body with these header lines instead of the usual ones. */
export function post(path: string, headers: readonly string[], body = ''): string {
  return [`POST ${path} HTTP/1.1`, ...headers, '', body].join('\r\n')
}
