/** Sends one HTTP request to Optics, and says whether Optics may have received it. */
import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { TextDecoder } from 'node:util'
import type { AxiosInstance } from 'axios'

/** A request to Optics. */
export interface OpticsRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
  /** Longest wait for the connection, then for the headers of the answer, then for its body, in seconds. */
  readonly timeoutSeconds: number
}

/** Status and headers of an answer. The body is read only on request. */
export interface OpticsAnswer {
  readonly status: number
  readonly header: (name: string) => string
  /** @throws {ExchangeFailed} The body is incomplete, or longer than 64 KiB. */
  text(): Promise<string>
  /** Drops the body without reading it, and closes the connection. */
  discard(): void
}

/** There was no answer, or only part of one. */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed'
  /** Whether any of the request may have reached Optics: false only when the connection was never established. */
  readonly mayHaveArrived: boolean
  readonly reason: 'timeout' | 'aborted' | 'broken'
  /** Of the system or of TLS. */
  readonly code: string | undefined

  /** Keeps nothing of the error of axios, which holds the request. The message is the code. */
  constructor(mayHaveArrived: boolean, reason: ExchangeFailed['reason'], code: string | undefined) {
    super(code ?? 'no code')
    this.code = code
    this.mayHaveArrived = mayHaveArrived
    this.reason = reason
  }
}

/**
 * Sends one request and waits for the headers of the answer. Does not follow redirects and does not retry.
 * @throws {ExchangeFailed}
 */
export async function exchange(client: AxiosInstance, request: OpticsRequest): Promise<OpticsAnswer> {
  const { method, url, headers, body, signal } = request
  const connection = watchedConnection(request.timeoutSeconds * 1000)
  const failed = (error: unknown) => {
    const reason = connection.timedOut() ? 'timeout' : signal?.aborted ? 'aborted' : 'broken'
    return new ExchangeFailed(connection.isEstablished(), reason, systemCode(error))
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
      // Only on a direct connection can we see whether the request may have arrived.
      maxRedirects: 0,
      proxy: false,
      maxBodyLength: Number.POSITIVE_INFINITY,
      transport: connection.transport,
    })
    // A body that nobody reads can still emit an error, which would end the process.
    data.on('error', () => undefined)
    return {
      status,
      header: (name) => String(answered[name] ?? ''),
      text: () =>
        readText(data, String(answered['content-type'] ?? '')).catch((error: unknown) => Promise.reject(failed(error))),
      discard: () => void data.destroy(),
    }
  } catch (error) {
    throw failed(error)
  }
}

/**
 * A transport for axios that watches the connection being made. Node writes the request as soon as the connection is
 * established (for TLS: after the handshake and the certificate check). Before that moment the request cannot have
 * arrived; from then on it may have.
 */
function watchedConnection(timeoutMs: number) {
  let established = false
  let timedOut = false

  const request = (options: https.RequestOptions, onAnswer: (answer: http.IncomingMessage) => void) => {
    const secure = options.protocol === 'https:'
    // The other end may close a keep-alive connection while a request is on its way. That looks the same as a request
    // that was read, so by default each request gets its own connection.
    const direct = { ...options, agent: options.agent ?? false }
    const sent = secure ? https.request(direct, onAnswer) : http.request(direct, onAnswer)
    const timeOut = () => {
      timedOut = true
      sent.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
    }
    let timer = setTimeout(timeOut, timeoutMs)
    const restartTimer = () => {
      clearTimeout(timer)
      timer = setTimeout(timeOut, timeoutMs)
    }
    const establish = () => {
      established = true
      restartTimer()
    }
    sent.once('socket', (socket) => {
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', establish)
      else establish()
    })
    sent.once('response', restartTimer)
    sent.once('close', () => clearTimeout(timer))
    return sent
  }
  return { transport: { request }, isEstablished: () => established, timedOut: () => timedOut }
}

async function readText(body: Readable, contentType: string): Promise<string> {
  const chunks: Buffer[] = []
  let byteLength = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    byteLength += chunk.byteLength
    if (byteLength > ANSWER_LIMIT_BYTES)
      throw Object.assign(new Error('answer too long'), { code: 'ERR_ANSWER_TOO_LONG' })
    chunks.push(chunk)
  }
  return decoder(contentType).decode(Buffer.concat(chunks))
}

/** Also drops a byte order mark. A character set that is not known is read as UTF-8, which all of them share for ASCII. */
function decoder(contentType: string): TextDecoder {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([\w:.-]+)/i.exec(contentType) ?? []
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

const ANSWER_LIMIT_BYTES = 64 * 1024

/** The code of an error of Node or axios, if it is safe to log. The message of such an error may contain names and addresses. */
function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? code : undefined
}
