/** Starts a server under test with its own PKI, and opens well-behaved and misbehaving connections to it. */
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { type RunningServer, type ServerEvent, type ServerOptions, startServer, type TlsOptions } from '../src/index.ts'
import type { Listener } from '../src/request/requests.ts'
import { Authority, type Credentials, PemFolder } from './pki.ts'

/** Options of a test server. Certificate and key are generated; `tls` adds to them. */
export type TestOptions = Omit<Partial<ServerOptions>, 'tls'> & {
  readonly listener?: Listener
  readonly tls?: Partial<TlsOptions>
  readonly key?: 'rsa' | 'ec'
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A running server, on plain HTTP if `trustProxy` is given. */
export class TestServer implements AsyncDisposable {
  readonly running: RunningServer
  readonly events: ServerEvent[]
  readonly folder: PemFolder
  readonly authority: Authority
  readonly plain: boolean

  static async start({ listener, tls, key, ...options }: TestOptions = {}): Promise<TestServer> {
    const folder = await PemFolder.create()
    const authority = await serverAuthority()
    const { cert, key: privateKey } = await serverCredentials(key)
    const events: ServerEvent[] = []
    const files = {
      certFile: await folder.write('cert.pem', cert),
      keyFile: await folder.write('key.pem', privateKey),
    }
    try {
      const running = await startServer(listener ?? ((_request, response) => void response.end('hello')), {
        port: 0,
        ...(options.trustProxy === undefined && { tls: { ...files, ...tls } }),
        onEvent: (event) => void events.push(event),
        ...options,
      })
      return new TestServer(running, events, folder, authority, options.trustProxy !== undefined)
    } catch (error) {
      await folder[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(
    running: RunningServer,
    events: ServerEvent[],
    folder: PemFolder,
    authority: Authority,
    plain: boolean,
  ) {
    this.running = running
    this.events = events
    this.folder = folder
    this.authority = authority
    this.plain = plain
  }

  get port(): number {
    return this.running.port
  }

  /** Sends one valid request, on a new connection unless an agent is given. */
  async send(path = '/', options: RequestOptions & { body?: string | Buffer } = {}): Promise<Answer> {
    const request = this.plain ? httpRequest : httpsRequest
    const { body, ...rest } = options
    const sent = request({ host: 'localhost', port: this.port, path, ca: this.authority.cert, agent: false, ...rest })
    // Node's client can still emit an error after its answer, when the server closes the connection.
    sent.on('error', () => {})
    sent.end(body)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }
  }

  /** A TLS connection after its handshake. */
  async tls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connectTls({
      host: 'localhost',
      port: this.port,
      servername: 'localhost',
      ca: this.authority.cert,
      ...options,
    })
    await once(socket, 'secureConnect')
    return socket
  }

  /** A TCP connection that has sent nothing. */
  async tcp(options: { readonly localAddress?: string } = {}): Promise<Socket> {
    const socket = connectTcp({ host: '127.0.0.1', port: this.port, ...options })
    await once(socket, 'connect')
    return socket
  }

  /** A connection for raw HTTP bytes, with or without TLS like the server. */
  connection(): Promise<Socket> {
    return this.plain ? this.tcp() : this.tls()
  }

  /** Sends raw bytes and returns everything received until the server closes. */
  async exchange(...bytes: readonly (string | Buffer)[]): Promise<string> {
    const socket = await this.connection()
    for (const part of bytes) socket.write(part)
    return received(socket)
  }

  /** Events of one type. */
  of<Type extends ServerEvent['type']>(type: Type): Extract<ServerEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<ServerEvent, { type: Type }> => event.type === type)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.stop({ graceSeconds: 0 })
    await this.folder[Symbol.asyncDispose]()
  }
}

/** Everything a socket receives until it is closed or reset. */
export async function received(socket: Socket): Promise<string> {
  let bytes = ''
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.resume()
  // events.once would reject on a reset, but a reset closes the socket too.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return bytes
}

/** The first chunk that a socket receives, or an empty string if it closes first. */
export async function firstBytes(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')))
    socket.once('error', () => resolve(''))
    socket.once('close', () => resolve(''))
  })
}

/** Status and headers of a raw answer; header names in lower case. */
export function parseAnswer(bytes: string): { readonly status: number; readonly headers: Record<string, string> } {
  const [head = ''] = bytes.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    if (name in headers) throw new Error(`header ${name} occurs twice`)
    headers[name] = line.slice(colon + 1).trim()
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers }
}

/** The headers that every answer must have, written out. */
export const SECURITY = {
  'cache-control': 'no-store',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
} as const

/** Expects a promise to be rejected with a code. */
export async function expectRejection(promise: Promise<unknown>, code: string): Promise<Error> {
  const error = await promise.then(
    () => new Error('resolved'),
    (reason: unknown) => reason,
  )
  expect(error).to.be.an('error').with.property('code', code)
  return error as Error
}

/** Waits for a condition, not for a time. */
export async function until(condition: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('timed out waiting for a condition')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A certificate for `localhost`. Generated once per run, because keys, above all RSA, are slow to generate. */
export function serverCredentials(key: 'rsa' | 'ec' = 'ec'): Promise<Credentials> {
  shared[key] ??= serverAuthority().then((authority) => authority.issue({ names: ['localhost'], key }))
  return shared[key]
}

function serverAuthority(): Promise<Authority> {
  shared.authority ??= Authority.root('Server CA')
  return shared.authority
}

const shared: { authority?: Promise<Authority>; rsa?: Promise<Credentials>; ec?: Promise<Credentials> } = {}
