/** Writes answers: resources in the negotiated format, compressed if the client accepts it. */
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
  // Set before the body, because Koa would otherwise choose a media type.
  ctx.res.setHeader('Content-Type', mediaType(format, release))
  ctx.body = serialise(resource, format)
}

function serialise(resource: Resource, format: FhirFormat): string {
  return format === 'xml' ? writeFhirXml(resource) : JSON.stringify(resource)
}

/** The answer to a failure. */
export interface FailureAnswer {
  readonly status: number
  /** The Spine error code, for the audit trail. */
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
    errorCode: spineCode(code, rules),
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
