/** Sends submissions exactly as Form Builder does, and plain requests for everything that it would not send. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { encryptCompact } from '../protocol/jwe.ts'
import type { Key } from '../protocol/keyring.ts'
import type { AttachmentLink } from '../protocol/submission.ts'
import type { TestFileStore, Upload } from './file-server.ts'

export { senderRetrySeconds } from '../protocol/schedule.ts'

/** A submission as a test writes it. Missing parts are made up. */
export interface TestSubmission {
  /** Default: a new one in every call. */
  readonly submissionId?: string
  /** Default: `test-form`. */
  readonly serviceSlug?: string
  readonly submissionAnswers?: Readonly<{ [name: string]: unknown }>
  /** Files, served by the kit's file store with a fresh link in every delivery. */
  readonly uploads?: readonly Upload[]
  /** Ready-made links, instead of uploads. */
  readonly attachments?: readonly AttachmentLink[]
}

/** What the adapter answered. */
export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<{ [name: string]: string | string[] | undefined }>
  readonly text: string
  /** The parsed body of a JSON answer. */
  readonly body: { readonly [name: string]: unknown } | undefined
}

/** What the adapter answered to a submission. */
export interface SentAnswer extends TestAnswer {
  readonly submissionId: string
}

/** Where requests go. */
export interface Target {
  readonly port: number
  /** PEM of the certificate authority to trust. */
  readonly ca: string
}

/** Options of a plain request. */
export interface PlainRequest {
  readonly headers?: Readonly<{ [name: string]: string }>
  readonly body?: string | Uint8Array
}

/** Encrypts a submission as the sender does: with its order of members, fresh links and a new IV. */
export async function compose(
  submission: TestSubmission,
  key: Key,
  fileStore: TestFileStore,
): Promise<{ readonly submissionId: string; readonly jwe: string; readonly attachments: readonly AttachmentLink[] }> {
  const submissionId = submission.submissionId ?? randomUUID()
  const envelope = {
    serviceSlug: submission.serviceSlug ?? 'test-form',
    submissionId,
    submissionAnswers: submission.submissionAnswers ?? {},
    attachments: submission.attachments ?? (submission.uploads ?? []).map((upload) => fileStore.link(upload)),
  }
  return { submissionId, jwe: await encryptCompact(railsJson(envelope), key), attachments: envelope.attachments }
}

/** POSTs a body with exactly the headers of the sender's HTTP client, in its order. */
export async function postAsSender(target: Target, path: string, body: string): Promise<TestAnswer> {
  const headers = {
    Host: `localhost:${target.port}`,
    Accept: '*/*',
    'User-Agent': 'Typhoeus - https://github.com/typhoeus/typhoeus',
    'Content-Length': String(Buffer.byteLength(body)),
    // libcurl's default for a string body. It is wrong, and the adapter has to accept it.
    'Content-Type': 'application/x-www-form-urlencoded',
  }
  return await exchange(target, { method: 'POST', path, headers, setDefaultHeaders: false }, body)
}

/** Sends any request, with Node's usual headers. */
export async function ask(target: Target, method: string, path: string, plain: PlainRequest = {}): Promise<TestAnswer> {
  return await exchange(target, { method, path, headers: { ...plain.headers } }, plain.body)
}

/** JSON as Rails writes it: five characters are escaped that JSON.stringify leaves alone. */
function railsJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

async function exchange(target: Target, options: RequestOptions, body?: string | Uint8Array): Promise<TestAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const where = { host: '127.0.0.1', servername: 'localhost', port: target.port, ca: target.ca, agent: false }
    const sending = request({ ...where, ...options }, resolve)
    sending.on('error', reject)
    sending.end(body)
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer) // no encoding is set, so chunks are buffers
  const text = Buffer.concat(chunks).toString()
  const isJson = /\bjson\b/i.test(response.headers['content-type'] ?? '')
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: isJson ? (JSON.parse(text) as TestAnswer['body']) : undefined,
  }
}
