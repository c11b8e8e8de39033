/** Sends one JWE by POST, with the same bytes and headers as Form Builder, and reads the answer. */
import type { Readable } from 'node:stream'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import axios from 'axios'
import { agentsFor, type ConnectionOptions } from './connection.ts'
import { timedOut, unreachable } from './unreachable.ts'

export interface PostOptions extends Pick<ConnectionOptions, 'open'> {
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
  try {
    const { status, headers, data } = await axios.post<Readable>(endpoint.href, Buffer.from(jwe, 'latin1'), {
      headers: endpoint.protocol === 'http:' ? { ...HEADERS, ...AS_INGRESS } : HEADERS,
      ...agentsFor(endpoint, { ...options, signal }),
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
    const cause = error instanceof Error ? error.cause : undefined
    if (cause instanceof AdapterError) throw cause // of the check of the address
    throw deadline.aborted ? timedOut(options.timeoutSeconds) : unreachable(error, endpoint)
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
// An adapter without a certificate accepts only what an ingress in front says to have come by https.
const AS_INGRESS = { 'X-Forwarded-Proto': 'https' }
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
