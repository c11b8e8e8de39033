/**
 * The short way for what nearly every request is: a POST to a form's path as the sender writes it. It takes one look-up, and makes
 * no Koa context, which nobody would read: a team's own middleware runs behind the forms.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Emit } from '../events.ts'
import type { ReportFailure } from '../telemetry/failures.ts'
import { isTraced } from '../telemetry/tracing.ts'
import { problemOf } from './problems.ts'
import { assertText, formsByPath, type ReceiverOptions, type ReceivingForm, receive } from './submissions.ts'

/** What answers a request; what it returns is awaited by the server. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** Answers POSTs to the forms' paths. Everything else, and while requests are traced everything, goes on to `next`. */
export function formPosts(options: ReceiverOptions, reportFailure: ReportFailure, next: Listener): Listener {
  const forms = formsByPath(options.forms)
  return (request, response) => {
    const form = request.method === 'POST' && !isTraced() ? forms.get(request.url ?? '') : undefined
    return form === undefined ? next(request, response) : answer(request, response, form, options, reportFailure)
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  form: ReceivingForm,
  options: ReceiverOptions,
  reportFailure: ReportFailure,
): Promise<void> {
  try {
    assertText(request.headers['content-type'], request.headers['content-encoding'])
    const jwe = await readBody(request)
    // The body broke off: either the sender has gone, or the server has answered and emitted the reason.
    if (jwe === undefined) return
    const { status, type, body } = await receive(form, request.url ?? '', jwe, options)
    send(response, status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }, body)
  } catch (error) {
    refuse(request, response, form, error, options.emit, reportFailure)
  }
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  form: ReceivingForm,
  error: unknown,
  emit: Emit,
  reportFailure: ReportFailure,
): void {
  if (request.aborted) return
  const { status, headers, body } = problemOf(error, { form: form.name, emit, reportFailure })
  send(response, status, { ...headers, 'Content-Length': Buffer.byteLength(body) }, body)
}

function send(response: ServerResponse, status: number, headers: Record<string, string | number>, body: string): void {
  // The client has left, or the server has refused the request in the meantime.
  if (response.headersSent || response.socket?.writable === false) return
  response.writeHead(status, headers).end(body)
}

/** The whole body, byte for byte: a compact JWE is ASCII. Undefined if it broke off. The server bounds its size. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => resolve((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('latin1')))
    request.on('error', () => resolve(undefined))
    request.on('close', () => resolve(undefined))
  })
}
