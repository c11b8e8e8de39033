/** One HTTP request to Optics, and whether it can have arrived. */
import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import type { AxiosInstance } from 'axios'

/** A request to Optics. */
export interface OpticsRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
  /** Longest wait for the connection, then for the head of the answer, then for its body; in seconds. */
  readonly timeoutSeconds: number
}

/** The head of an answer. The body is read only by who asks for it. */
export interface OpticsAnswer {
  readonly status: number
  readonly header: (name: string) => string
  /** @throws {ExchangeFailed} The body broke off, or is longer than 64 KiB. */
  text(): Promise<string>
  /** Drops the body unread, and the connection with it. */
  discard(): void
}

/** No answer, or no whole one. */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed'
  /** Whether any of the request can have reached Optics: false only when there never was a connection to write to. */
  readonly written: boolean
  readonly how: 'timeout' | 'aborted' | 'broken'

  /** `code` is the code of a system or TLS error. */
  constructor(written: boolean, how: ExchangeFailed['how'], code: string) {
    super(code)
    this.written = written
    this.how = how
  }
}

/**
 * Sends one request and waits for the head of the answer. Redirects are answers. Never repeated here.
 * @throws {ExchangeFailed}
 */
export async function exchange(client: AxiosInstance, request: OpticsRequest): Promise<OpticsAnswer> {
  const { method, url, headers, body, signal } = request
  const connection = watchedConnection(request.timeoutSeconds * 1000)
  const failed = (error: unknown) => {
    const how = connection.timedOut() ? 'timeout' : signal?.aborted ? 'aborted' : 'broken'
    return new ExchangeFailed(connection.isEstablished(), how, systemCode(error))
  }

  try {
    const {
      status,
      headers: answered,
      data,
    } = await client.request<Readable>({
      method,
      url,
      headers: { Accept: '*/*', ...headers },
      data: body,
      ...(signal && { signal }),
      responseType: 'stream',
      validateStatus: () => true,
      // Only a direct connection shows whether the request can have arrived.
      maxRedirects: 0,
      proxy: false,
      maxBodyLength: Number.POSITIVE_INFINITY,
      transport: connection.transport,
    })
    // A body that nobody reads may still break off.
    data.on('error', () => undefined)
    return {
      status,
      header: (name) => String(answered[name] ?? ''),
      text: () => readText(data).catch((error: unknown) => Promise.reject(failed(error))),
      discard: () => void data.destroy(),
    }
  } catch (error) {
    throw failed(error)
  }
}

/**
 * A transport for axios that sees the connection being made. A request is handed to the operating system the moment
 * its connection is established (for TLS: after the handshake, certificate checked), so that is the line between
 * "cannot have arrived" and "may have arrived".
 */
function watchedConnection(timeoutMs: number) {
  let established = false
  let timedOut = false

  const request = (options: https.RequestOptions, onAnswer: (answer: http.IncomingMessage) => void) => {
    const secure = options.protocol === 'https:'
    // A kept connection may be closed at the other end while a request is on its way, which cannot be told from a
    // request that was read: so by default each request gets a connection of its own.
    const direct = { ...options, agent: options.agent ?? false }
    const sent = secure ? https.request(direct, onAnswer) : http.request(direct, onAnswer)
    const giveUp = () => {
      timedOut = true
      sent.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
    }
    let patience = setTimeout(giveUp, timeoutMs)
    const waitAnew = () => {
      clearTimeout(patience)
      patience = setTimeout(giveUp, timeoutMs)
    }
    const establish = () => {
      established = true
      waitAnew()
    }
    sent.once('socket', (socket) => {
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', establish)
      else establish()
    })
    sent.once('response', waitAnew)
    sent.once('close', () => clearTimeout(patience))
    return sent
  }
  return { transport: { request }, isEstablished: () => established, timedOut: () => timedOut }
}

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let byteLength = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    byteLength += chunk.byteLength
    if (byteLength > ANSWER_LIMIT_BYTES)
      throw Object.assign(new Error('answer too long'), { code: 'ERR_ANSWER_TOO_LONG' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const ANSWER_LIMIT_BYTES = 64 * 1024

/** The code of a foreign error, if it has one that is safe to show. Its message may hold names and addresses. */
function systemCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? code : 'no code'
}
