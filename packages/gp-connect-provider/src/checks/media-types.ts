/** Checks that the formats of the request and of its answer are supported. */
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bodyFormat, negotiateFormat } from '../fhir/format.ts'

/** Accept, or `_format` in its place, names FHIR JSON or FHIR XML. */
export function answerFormatIsSupported(exchange: Exchange): void {
  const format = negotiateFormat(exchange, exchange.fhir)
  if (format === undefined) throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Accept or _format is not supported')
  exchange.format = format
}

/** Content-Type, where there is one or a body needs one, names FHIR JSON or FHIR XML in UTF-8. */
export function contentTypeIsSupported({ headers, method, fhir }: Exchange): void {
  const contentType = headers['content-type']
  if (contentType === undefined ? method === 'GET' : bodyFormat(contentType, fhir) !== undefined) return
  throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Type is missing or not supported')
}
