/** Answers: a resource becomes text in the negotiated format, compressed where that was asked for. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'koa'
import type { Exchange } from './exchange.ts'
import { mediaType } from './fhir-format.ts'
import { writeFhirXml } from './fhir-xml.ts'
import { isObject } from './strict-json.ts'

/** Writes a FHIR resource in `ctx.body` as JSON or XML, with its media type. Anything else is left as it is. */
export function writeResource(ctx: Context, exchange: Exchange): void {
  const resource: unknown = ctx.body
  if (!isObject(resource) || typeof resource['resourceType'] !== 'string') return
  const { format = 'json', root } = exchange
  ctx.body = format === 'xml' ? writeFhirXml(resource) : JSON.stringify(resource)
  ctx.set('Content-Type', mediaType(format, root?.fhir ?? 'STU3'))
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
