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

/** Content-Type names FHIR JSON or FHIR XML in UTF-8. It says nothing about a GET, which has no body. */
export function contentTypeIsSupported({ headers, method, fhir }: Exchange): void {
  if (method === 'GET') return
  const contentType = headers['content-type']
  if (contentType !== undefined && bodyFormat(contentType, fhir) !== undefined) return
  throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Type is missing or not supported')
}
