/** An HTTPS client that sends raw bytes and reports everything about the answer. */
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import type { Credentials } from './pki.ts'

/** The answer, or how the connection ended without one. */
export interface Reply {
  /** Undefined if there was no answer. */
  readonly status: number | undefined
  /** Headers by lower-case name; repeated ones are joined. */
  readonly headers: Readonly<Record<string, string>>
  /** Decoded and decompressed. */
  readonly body: string
  /** Every byte received over HTTP. */
  readonly bytes: Buffer
  /** Whether the TLS handshake succeeded. */
  readonly handshaken: boolean
  readonly cipher: string | undefined
  /** Size of the ephemeral key in bits. */
  readonly ephemeralBits: number | undefined
  /** The TLS session, to resume it. */
  readonly session: Buffer | undefined
}

/** Where to connect, and with which certificate. */
export interface Target {
  readonly port: number
  readonly ca: string
  readonly credentials: Credentials | undefined
  readonly tls?: ConnectionOptions
}

/** Sends bytes over a TLS connection and reads until the server closes it. */
export function exchange(target: Target, request: string | Buffer): Promise<Reply> {
  return new Promise((resolve) => {
    let handshaken = false
    let session: Buffer | undefined
    let cipher: string | undefined
    let ephemeralBits: number | undefined
    const chunks: Buffer[] = []
    const socket = open(target, () => {
      handshaken = true
      cipher = socket.getCipher().name
      const info = socket.getEphemeralKeyInfo()
      ephemeralBits = info !== null && 'size' in info ? info.size : undefined
      socket.write(request)
    })
    socket.on('session', (given) => {
      session = given
    })
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve({ ...parse(Buffer.concat(chunks)), handshaken, cipher, ephemeralBits, session }))
  })
}

/** One connection for many requests, opened again after the server closes it. Answers must have a Content-Length. */
export class KeptConnection implements Disposable {
  readonly #target: Target
  #socket: TLSSocket | undefined

  constructor(target: Target) {
    this.#target = target
  }

  /** Sends one request and resolves to its answer. Set `withoutBody` for HEAD. */
  send(request: Buffer, withoutBody = false): Promise<Reply> {
    return new Promise((resolve) => {
      const socket = this.#opened()
      const chunks: Buffer[] = []
      const finish = (): void => {
        socket.removeAllListeners('data').removeAllListeners('close')
        if (socket.destroyed) this.#socket = undefined
        const reply = parse(Buffer.concat(chunks))
        if (reply.headers['connection'] === 'close') this[Symbol.dispose]()
        resolve({ ...reply, handshaken: true, cipher: undefined, ephemeralBits: undefined, session: undefined })
      }
      socket.on('data', (chunk) => {
        chunks.push(chunk)
        if (isWhole(Buffer.concat(chunks), withoutBody)) finish()
      })
      socket.on('close', finish)
      socket.write(request)
    })
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #opened(): TLSSocket {
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = open(this.#target, () => {})
      this.#socket.on('error', () => {})
      this.#socket.on('end', () => this[Symbol.dispose]())
    }
    return this.#socket
  }
}

function isWhole(bytes: Buffer, withoutBody: boolean): boolean {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.subarray(0, end).toString('latin1'))?.[1]
  return withoutBody || bytes.byteLength >= end + 4 + Number(length ?? 0)
}

/** Opens a TLS connection to a test server. */
export function open({ port, ca, credentials, tls }: Target, onSecure: () => void): TLSSocket {
  return connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ...credentials, ...tls }, onSecure)
}

/** Connects without TLS, sends bytes, and resolves to everything received until the server closes. */
export function plain(port: number, bytes: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

/** The bytes of a request. A header with several values is sent several times. */
export function requestBytes(
  method: string,
  path: string,
  headers: readonly (readonly [string, string])[],
  body: string | Buffer = '',
  connection: 'close' | 'keep-alive' = 'close',
): Buffer {
  const content = Buffer.from(body)
  const all = [
    ['Host', 'localhost'],
    ['Connection', connection],
    ...headers,
    ...(content.byteLength > 0 ? [['Content-Length', String(content.byteLength)]] : []),
  ]
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), content])
}

/** Parses the last answer on a connection that was then closed. */
export function parse(bytes: Buffer): Pick<Reply, 'status' | 'headers' | 'body' | 'bytes'> {
  const end = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
  if (status === undefined) return { status: undefined, headers: {}, body: '', bytes }
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  const rest = bytes.subarray(end + 4)
  const content = headers['transfer-encoding'] === 'chunked' ? dechunk(rest) : rest
  const body = headers['content-encoding'] === 'gzip' ? gunzipSync(content) : content
  return { status: Number(status), headers, body: body.toString(), bytes }
}

function dechunk(bytes: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, end).toString(), 16)
    if (end === -1 || !(size > 0)) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
