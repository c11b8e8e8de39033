/** Writes answers: a resource in the negotiated format, compressed if the request asks for it. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Exchange } from '../exchange.ts'
import type { ProviderError } from '../failures.ts'
import type { FhirRelease } from '../fhir/format.ts'
import { type FhirFormat, mediaType } from '../fhir/format.ts'
import { operationOutcome, type Resource, spineCode, statusOf } from '../fhir/operation-outcome.ts'
import { writeFhirXml } from '../fhir/xml.ts'
import { isObject } from '../strict-json.ts'

/** Answers with a FHIR resource as JSON or XML. */
export function answerResource(ctx: Context, resource: Resource, format: FhirFormat, release: FhirRelease): void {
  // Before the body: Koa would look for a media type of its own.
  ctx.res.setHeader('Content-Type', mediaType(format, release))
  ctx.body = written(resource, format)
}

function written(resource: Resource, format: FhirFormat): string {
  return format === 'xml' ? writeFhirXml(resource) : JSON.stringify(resource)
}

/** A failure as it is answered. */
export interface FailureAnswer {
  readonly status: number
  /** As the audit trail keeps it. */
  readonly errorCode: string
  readonly contentType: string
  readonly body: string
}

/** The OperationOutcome of a failure, in the format that the request asks for. */
export function failureAnswer(
  { code, diagnostics, bearer }: Pick<ProviderError, 'code' | 'diagnostics' | 'bearer'>,
  { rules, fhir }: Pick<Exchange, 'rules' | 'fhir'>,
  format: FhirFormat,
): FailureAnswer {
  return {
    status: statusOf(code, bearer, rules),
    errorCode: spineCode(code, rules),
    contentType: mediaType(format, fhir),
    body: written(operationOutcome(code, diagnostics, fhir, rules), format),
  }
}

/** A FHIR resource, as opposed to a text, a stream or nothing. */
export function isResource(body: unknown): body is Resource {
  return isObject(body) && typeof body['resourceType'] === 'string'
}

/** Compresses a text with gzip when Accept-Encoding names it. */
export async function gzipWhereAsked(ctx: Context, { headers }: Exchange): Promise<void> {
  const encodings = headers['accept-encoding']
  if (encodings === undefined || typeof ctx.body !== 'string' || ctx.body === '') return
  ctx.vary('Accept-Encoding')
  if (ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return
  const type = ctx.response.get('Content-Type')
  ctx.body = await compress(ctx.body)
  ctx.set('Content-Type', type)
  ctx.set('Content-Encoding', 'gzip')
}

const compress = promisify(gzip)
