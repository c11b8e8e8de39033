/** Sends one JWE by POST, with the same bytes and headers as Form Builder, and reads the answer. */
import { Agent } from 'node:https'
import type { Readable } from 'node:stream'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import axios from 'axios'
import { isLocal } from './endpoint.ts'

export interface PostOptions {
  /** Time for the request and its answer, in seconds (1 to 600). */
  readonly timeoutSeconds: number
  readonly signal?: AbortSignal | undefined
  /** Certificate authorities in PEM to trust instead of Node's. Used for endpoints on this machine only. */
  readonly ca?: string | undefined
}

/** The answer of the receiver. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | undefined
  /** The first 64 KiB of the body. */
  readonly body: string
}

/**
 * Posts a compact JWE. Follows no redirect and uses no proxy. Any status is an answer.
 * @throws {AdapterError} ERR_RECEIVER_UNREACHABLE: there was no answer. `retryable` unless the certificate is the reason.
 */
export async function post(endpoint: URL, jwe: string, options: PostOptions): Promise<Answer> {
  const deadline = AbortSignal.timeout(options.timeoutSeconds * 1000)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  // `rejectUnauthorized` is set explicitly, so that no environment variable can turn it off.
  const ca = isLocal(endpoint) && options.ca !== undefined ? { ca: options.ca } : {}
  const httpsAgent = new Agent({ keepAlive: false, minVersion: 'TLSv1.2', rejectUnauthorized: true, ...ca })
  try {
    const { status, headers, data } = await axios.post<Readable>(endpoint.href, Buffer.from(jwe, 'latin1'), {
      headers: HEADERS,
      httpsAgent,
      signal,
      proxy: false,
      maxRedirects: 0,
      maxBodyLength: Number.POSITIVE_INFINITY,
      decompress: false,
      responseType: 'stream',
      validateStatus: () => true,
    })
    const body = await readStart(data)
    return { status, contentType: text(headers['content-type']), retryAfter: headers['retry-after'], body }
  } catch (error) {
    options.signal?.throwIfAborted()
    throw unreachable(error, deadline.aborted, options.timeoutSeconds)
  }
}

// The headers of libcurl in Form Builder: it declares a form although the body is a token, and does not ask for compression.
// `false` stops axios from adding Accept-Encoding.
const HEADERS = {
  Accept: '*/*',
  'Accept-Encoding': false,
  'Content-Type': 'application/x-www-form-urlencoded',
  'User-Agent': 'formbuilder-submitter',
}
const BODY_LIMIT_BYTES = 64 * 1024

async function readStart(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= BODY_LIMIT_BYTES) break
  }
  return Buffer.concat(chunks).subarray(0, BODY_LIMIT_BYTES).toString()
}

function text(header: unknown): string {
  return typeof header === 'string' ? header : ''
}

/** Keeps only the code of the original error, because the error itself contains the whole request. */
function unreachable(error: unknown, timedOut: boolean, timeoutSeconds: number): AdapterError {
  if (timedOut)
    return new AdapterError('ERR_RECEIVER_UNREACHABLE', `no answer within ${timeoutSeconds} s`, {
      retryable: true,
    })
  const original = error instanceof Error && 'code' in error ? String(error.code) : ''
  const code = /^[A-Z][A-Z0-9_]{2,63}$/.test(original) ? original : 'unknown reason'
  const untrusted = /CERT|ISSUER|ALTNAME|SIGNATURE/.test(code)
  return new AdapterError(
    'ERR_RECEIVER_UNREACHABLE',
    untrusted ? `the certificate of the receiver is not trusted (${code})` : `no answer from the receiver (${code})`,
    { retryable: !untrusted },
  )
}
