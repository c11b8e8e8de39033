/** Content negotiation: JSON or XML, from `_format`, otherwise `Accept`, otherwise `Content-Type`, otherwise JSON. */

/** FHIR release of a service root: DSTU2 for 0.x, STU3 for 1.x. */
export type FhirRelease = 'DSTU2' | 'STU3'

/** The two wire formats. */
export type FhirFormat = 'json' | 'xml'

/** The Content-Type of an answer. */
export function mediaType(format: FhirFormat, release: FhirRelease): string {
  return `${MEDIA_TYPES[release][format]}; charset=utf-8`
}

/** The format of the answer to a request, or undefined if the requested one is not supported. */
export function negotiateFormat({ query, headers }: FormatRequest, release: FhirRelease): FhirFormat | undefined {
  const formats = formatParameters(query)
  if (formats.length > 0) return formats.length === 1 ? formatOf(formats[0] ?? '', release, true) : undefined

  const accept = headers.accept
  if (accept !== undefined && accept !== '') return acceptedFormat(accept, release)

  const contentType = headers['content-type']
  return (contentType === undefined ? undefined : formatOf(contentType, release)) ?? 'json'
}

/** The parts of a request that decide the format of its answer. */
interface FormatRequest {
  readonly query: string
  readonly headers: { readonly accept?: string; readonly 'content-type'?: string }
}

/** The format of a body from its Content-Type, or undefined for other media types or character sets. */
export function bodyFormat(contentType: string, release: FhirRelease): FhirFormat | undefined {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1]
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') return undefined
  return formatOf(contentType, release)
}

const MEDIA_TYPES: Readonly<Record<FhirRelease, Readonly<Record<FhirFormat, string>>>> = {
  STU3: { json: 'application/fhir+json', xml: 'application/fhir+xml' },
  DSTU2: { json: 'application/json+fhir', xml: 'application/xml+fhir' },
}

/** The format of one media type. In 0.x the names of 1.x are accepted too, because some consumers send them. */
function formatOf(text: string, release: FhirRelease, short = false): FhirFormat | undefined {
  const type = (text.split(';', 1)[0] ?? '').trim().toLowerCase()
  for (const format of ['json', 'xml'] as const) {
    if (type === MEDIA_TYPES.STU3[format] || type === MEDIA_TYPES[release][format]) return format
    if (short && type === format) return format
  }
  return undefined
}

/** The preferred format. With equal weights, one that is named comes before a wildcard, then JSON. Only `q` is used. */
function acceptedFormat(accept: string, release: FhirRelease): FhirFormat | undefined {
  const weights: Record<FhirFormat, number | undefined> = { json: undefined, xml: undefined }
  let wildcard: number | undefined
  for (const range of accept.split(',')) {
    const weight = weightOf(range)
    const format = formatOf(range, release)
    const type = (range.split(';', 1)[0] ?? '').trim()
    if (format !== undefined) weights[format] = Math.max(weights[format] ?? 0, weight)
    else if (type === '*/*' || type === 'application/*') wildcard = Math.max(wildcard ?? 0, weight)
  }
  const json = weights.json ?? wildcard ?? 0
  const xml = weights.xml ?? wildcard ?? 0
  if (json === 0 && xml === 0) return undefined
  if (json === xml) return weights.json === undefined && weights.xml !== undefined ? 'xml' : 'json'
  return json > xml ? 'json' : 'xml'
}

function weightOf(range: string): number {
  const weight = /;\s*q\s*=\s*([0-9.]+)/i.exec(range)?.[1]
  return weight === undefined ? 1 : Number(weight) || 0
}

/** Every `_format` of a query. A plus sign is not a space here, because many clients send `application/fhir+json` as is. */
function formatParameters(query: string): string[] {
  if (!query.includes('_format')) return []
  return query
    .split('&')
    .filter((pair) => pair.startsWith('_format='))
    .map((pair) => {
      try {
        return decodeURIComponent(pair.slice('_format='.length))
      } catch {
        return ''
      }
    })
}
