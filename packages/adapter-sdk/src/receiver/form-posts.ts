/**
 * The short way for what nearly every request is: a POST to a form's path as the sender writes it. It takes one look-up, and makes
 * no Koa context, which nobody would read: a team's own middleware runs behind the forms.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Listener } from '@formbuilder/secure-server'
import type { ReportFailure } from '../telemetry/failures.ts'
import { isTraced } from '../telemetry/tracing.ts'
import { problemOf } from './problems.ts'
import { assertText, formsByPath, type ReceiverOptions, type ReceivingForm, receive } from './submissions.ts'

/** Answers POSTs to the forms' paths. Everything else, and while requests are traced everything, goes on to `next`. */
export function formPosts(options: ReceiverOptions, reportFailure: ReportFailure, next: Listener): Listener {
  const forms = formsByPath(options.forms)
  const { emit } = options

  async function answer(request: IncomingMessage, response: ServerResponse, form: ReceivingForm): Promise<void> {
    try {
      assertText(request.headers['content-type'], request.headers['content-encoding'])
      const jwe = await readBody(request)
      // The body broke off: either the sender has gone, or the server has answered and emitted the reason.
      if (jwe === undefined) return
      const { status, type, body } = await receive(form, request.url ?? '', jwe, options)
      send(response, status, { 'Content-Type': type }, body)
    } catch (error) {
      if (request.aborted) return
      const { status, headers, body } = problemOf(error, { form: form.name, emit, reportFailure })
      send(response, status, headers, body)
    }
  }

  return (request, response) => {
    const form = request.method === 'POST' && !isTraced() ? forms.get(request.url ?? '') : undefined
    return form === undefined ? next(request, response) : answer(request, response, form)
  }
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  // The client has left, or the server has refused the request since.
  if (response.headersSent || response.socket?.writable === false) return
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
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
