/** Checks that the format of the request body and the requested format of the answer are supported. */
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bodyFormat, negotiateFormat } from '../fhir/format.ts'

/** `_format`, or otherwise Accept, names FHIR JSON or FHIR XML. */
export function answerFormatIsSupported(exchange: Exchange): void {
  const format = negotiateFormat(exchange, exchange.fhir)
  if (format === undefined) throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Accept or _format is not supported')
  exchange.format = format
}

/** Whether a method has a body. A Content-Type says nothing about a request without one. */
export function hasBody(method: string): boolean {
  return method !== 'GET' && method !== 'DELETE'
}

/** Content-Type names FHIR JSON or FHIR XML in UTF-8; a PATCH may be a JSON Patch (RFC 6902) too. */
export function contentTypeIsSupported({ headers, method, fhir }: Exchange): void {
  if (!hasBody(method)) return
  const contentType = headers['content-type']
  if (contentType !== undefined && bodyFormat(contentType, fhir) !== undefined) return
  if (method === 'PATCH' && /^application\/json-patch\+json\s*(;|$)/i.test(contentType ?? '')) return
  throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Type is missing or not supported')
}
