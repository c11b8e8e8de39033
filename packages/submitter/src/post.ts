/** Sends one JWE by POST, with the same bytes and headers as Form Builder, and reads the answer. */
import type { Readable } from 'node:stream'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import axios from 'axios'
import { type Answer, problemCode } from './answer.ts'
import { agentsFor, type ConnectionOptions } from './connection.ts'
import { answeredHeaders, type Exchange, Recorder } from './exchange.ts'
import { timedOut, unreachable } from './unreachable.ts'

export interface PostOptions extends Pick<ConnectionOptions, 'open'> {
  /** Time for the request and its answer, in seconds (1 to 600). */
  readonly timeoutSeconds: number
  readonly signal?: AbortSignal | undefined
  /** Certificate authorities in PEM to trust instead of Node's. Used for endpoints on this machine only. */
  readonly ca?: string | undefined
  /** Called at the end with a record that is safe to show. */
  readonly onExchange?: ((exchange: Exchange) => void) | undefined
}

/**
 * Posts a compact JWE. Follows no redirect and uses no proxy. Any status is an answer.
 * @throws {AdapterError} ERR_RECEIVER_UNREACHABLE: there was no answer. `retryable` unless the certificate is the reason.
 */
export async function post(endpoint: URL, jwe: string, options: PostOptions): Promise<Answer> {
  const deadline = AbortSignal.timeout(options.timeoutSeconds * 1000)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const recorder = new Recorder()
  try {
    const { status, headers, data, request } = await axios.post<Readable>(endpoint.href, Buffer.from(jwe, 'latin1'), {
      headers: endpoint.protocol === 'http:' ? { ...HEADERS, ...AS_INGRESS } : HEADERS,
      ...agentsFor(endpoint, {
        ...options,
        signal,
        onConnected: () => recorder.step('connected'),
        onSecured: (protocol) => recorder.secured(protocol),
      }),
      signal,
      proxy: false,
      maxRedirects: 0,
      maxBodyLength: Number.POSITIVE_INFINITY,
      decompress: false,
      responseType: 'stream',
      validateStatus: () => true,
    })
    recorder.step('answered')
    const { text: body, bytes } = await readStart(data)
    const answer = { status, contentType: text(headers['content-type']), retryAfter: headers['retry-after'], body }
    const code = problemCode(answer)
    const recorded = { status, headers: answeredHeaders(headers as never), bytes, ...(code && { problemCode: code }) }
    options.onExchange?.(recorder.exchange(endpoint, jwe, request, { answer: recorded }))
    return answer
  } catch (error) {
    const { failure, request } = failed(error, endpoint, deadline.aborted ? options.timeoutSeconds : undefined)
    const why = options.signal?.aborted ? 'stopped' : failure.message
    options.onExchange?.(recorder.exchange(endpoint, jwe, request, { failure: why }))
    options.signal?.throwIfAborted()
    throw failure
  }
}

function failed(error: unknown, endpoint: URL, timeoutSeconds: number | undefined) {
  const { cause, request } = error as { cause?: unknown; request?: unknown }
  // An error of ours comes from the check of the address.
  if (cause instanceof AdapterError) return { failure: cause, request }
  return { failure: timeoutSeconds === undefined ? unreachable(error, endpoint) : timedOut(timeoutSeconds), request }
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

async function readStart(stream: Readable): Promise<{ text: string; bytes: number }> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= BODY_LIMIT_BYTES) break
  }
  return { text: Buffer.concat(chunks).subarray(0, BODY_LIMIT_BYTES).toString(), bytes }
}

function text(header: unknown): string {
  return typeof header === 'string' ? header : ''
}
