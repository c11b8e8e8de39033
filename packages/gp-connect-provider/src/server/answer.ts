/** Answers: a resource becomes text in the negotiated format, compressed where that was asked for. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Exchange } from '../exchange.ts'
import { type FhirFormat, mediaType } from '../fhir/format.ts'
import type { Resource } from '../fhir/operation-outcome.ts'
import { writeFhirXml } from '../fhir/xml.ts'
import type { FhirRelease } from '../roots/interactions.ts'
import { isObject } from '../strict-json.ts'

/** Answers with a FHIR resource as JSON or XML. */
export function answerResource(ctx: Context, resource: Resource, format: FhirFormat, release: FhirRelease): void {
  // Before the body: Koa would look for a media type of its own.
  ctx.res.setHeader('Content-Type', mediaType(format, release))
  ctx.body = format === 'xml' ? writeFhirXml(resource) : JSON.stringify(resource)
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
