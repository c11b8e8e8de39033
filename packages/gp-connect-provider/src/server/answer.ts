/** Writes answers: resources in the negotiated format, compressed if the client accepts it. */
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Exchange } from '../exchange.ts'
import type { ProviderError } from '../failures.ts'
import { type FhirFormat, type FhirRelease, mediaType } from '../fhir/format.ts'
import { operationOutcome, type Resource, spineCode, statusOf } from '../fhir/operation-outcome.ts'
import { writeFhirXml } from '../fhir/xml.ts'
import { isObject } from '../strict-json.ts'
import type { Transaction } from '../transaction.ts'

/**
 * Prepares what a handler has put into `ctx.body`, so that nothing can fail after the record is stored: writes a resource in
 * the format of the request and any other object as JSON, and waits for the first bytes of a stream.
 */
export async function settleBody(ctx: Context, { format = 'json', fhir }: Exchange): Promise<void> {
  const { body } = ctx
  if (isResource(body)) {
    answerResource(ctx, body, format, fhir)
  } else if (isEmpty(ctx)) {
    ctx.body = ''
    ctx.remove('Content-Type')
  } else if (body instanceof Readable) {
    await firstBytes(body)
  } else if (typeof body === 'object' && body !== null && PLAIN.has(Object.getPrototypeOf(body))) {
    ctx.body = JSON.stringify(body)
  }
}

/** A resource as a transaction's consumer wants it: for an answer that is not written with Koa. */
export function formatResource(
  resource: Resource,
  { format, root }: Pick<Transaction, 'format'> & { readonly root: Pick<Transaction['root'], 'fhir'> },
): { readonly contentType: string; readonly body: string } {
  return { contentType: mediaType(format, root.fhir), body: serialise(resource, format) }
}

/** Answers with a FHIR resource as JSON or XML. */
export function answerResource(ctx: Context, resource: Resource, format: FhirFormat, release: FhirRelease): void {
  // Set before the body, because Koa would otherwise choose a media type.
  ctx.res.setHeader('Content-Type', mediaType(format, release))
  ctx.body = serialise(resource, format)
}

/** Whether there is a status but nothing to send. Koa would send the phrase of the status, as plain text. */
function isEmpty({ body, status }: Context): boolean {
  if (Buffer.isBuffer(body)) return body.byteLength === 0
  return (body === undefined || body === null) && status !== 204 && status < 300
}

/** Resolves when a stream has bytes or has ended. Rejects if it fails before. */
function firstBytes(stream: Readable): Promise<void> {
  if (stream.readableLength > 0 || stream.readableEnded) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const listeners = { readable: resolve, end: resolve, close: resolve, error: reject }
    const settle = (act: (error: Error) => void) => (error: Error) => {
      for (const [name, listener] of Object.entries(all)) stream.off(name, listener)
      act(error)
    }
    const all = Object.fromEntries(
      Object.entries(listeners).map(([name, act]) => [name, settle(act as (error: Error) => void)]),
    )
    for (const [name, listener] of Object.entries(all)) stream.on(name, listener)
  })
}

/** Koa writes such bodies as JSON itself, but only after the record; streams and bytes have other prototypes. */
const PLAIN: ReadonlySet<unknown> = new Set([Object.prototype, Array.prototype, Map.prototype, Set.prototype, null])

function serialise(resource: Resource, format: FhirFormat): string {
  return format === 'xml' ? writeFhirXml(resource) : JSON.stringify(resource)
}

/** The answer to a failure. */
export interface FailureAnswer {
  readonly status: number
  /** For the audit trail: the Spine error code, or one of ours that says more. */
  readonly errorCode: string
  readonly contentType: string
  readonly body: string
}

/** The answer to a failure: an OperationOutcome in the given format. */
export function failureAnswer(
  { code, diagnostics, bearer }: Pick<ProviderError, 'code' | 'diagnostics' | 'bearer'>,
  { rules, fhir }: Pick<Exchange, 'rules' | 'fhir'>,
  format: FhirFormat,
): FailureAnswer {
  return {
    status: statusOf(code, bearer, rules),
    // The specification has one code for every failure of a server. Of what lies behind the gateway, the trail has more.
    errorCode: code.startsWith('UPSTREAM_') ? code : spineCode(code, rules),
    contentType: mediaType(format, fhir),
    body: serialise(operationOutcome(code, diagnostics, fhir, rules), format),
  }
}

/** Whether a body is a FHIR resource, not a text, a stream or empty. */
export function isResource(body: unknown): body is Resource {
  return isObject(body) && typeof body['resourceType'] === 'string'
}

/** Compresses a text with gzip if Accept-Encoding allows it. */
export async function gzipIfAccepted(ctx: Context, { headers }: Exchange): Promise<void> {
  if (headers['accept-encoding'] === undefined || typeof ctx.body !== 'string' || ctx.body === '') return
  ctx.vary('Accept-Encoding')
  if (ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return
  const type = ctx.response.get('Content-Type')
  ctx.body = await compress(ctx.body)
  ctx.set('Content-Type', type)
  ctx.set('Content-Encoding', 'gzip')
}

const compress = promisify(gzip)
