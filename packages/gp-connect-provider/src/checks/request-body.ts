/** Reads the body of a request as strict JSON or XML, with limits on its depth and its size, also when decompressed. */
import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bodyFormat, type FhirFormat } from '../fhir/format.ts'
import { parseFhirXml } from '../fhir/xml.ts'
import { BODY_DEPTH, decodeUtf8, isObject, parseStrictJson } from '../strict-json.ts'
import { hasBody } from './media-types.ts'
import { announcesBody, readBody } from './read-body.ts'

/** Reads the body and sets `exchange.body`; a GET or DELETE has none. */
export function bodyIsWellFormed(
  limitBytes: number,
): (exchange: Exchange, request: IncomingMessage) => Promise<void> | undefined {
  return (exchange, request) => (hasBody(exchange.method) ? parse(exchange, request, limitBytes) : undefined)
}

/**
 * Reads the body of a request that an earlier check has refused, as far as it can be read, so that its record names whose data
 * was asked for. Never throws.
 */
export async function readRefusedBody(exchange: Exchange, request: IncomingMessage, limitBytes: number): Promise<void> {
  if (exchange.bodyTaken === true || !hasBody(exchange.method) || !announcesBody(request)) return
  const encoding = encodingOf(exchange) ?? 'identity'
  try {
    const { bytes } = await readBody(request, encoding, limitBytes)
    const text = decodeUtf8(bytes)?.trimStart() ?? ''
    // The media type may be what was refused.
    const body = parseText(text, text.startsWith('<') ? 'xml' : 'json')
    if (isObject(body)) exchange.body = body
  } catch {}
}

async function parse(exchange: Exchange, request: IncomingMessage, limitBytes: number): Promise<void> {
  const encoding = encodingOf(exchange)
  if (encoding === undefined) throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Encoding is not supported')
  exchange.bodyTaken = true
  const { bytes, sent } = await readBody(request, encoding, limitBytes)
  const text = decodeUtf8(bytes)
  const format = bodyFormat(exchange.headers['content-type'] ?? '', exchange.fhir) ?? 'json'
  const body = text === undefined ? undefined : parseText(text, format)
  const isPatch = exchange.method === 'PATCH' && Array.isArray(body)
  if (!isObject(body) && !isPatch)
    throw new ProviderError('BAD_REQUEST', 'The body is not a FHIR resource in the format it claims')
  exchange.body = body
  exchange.sentBody = sent
}

function encodingOf({ headers }: Exchange): 'identity' | 'gzip' | undefined {
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  return encoding === 'identity' || encoding === 'gzip' ? encoding : undefined
}

function parseText(text: string, format: FhirFormat): unknown {
  return format === 'json' ? parseStrictJson(text, BODY_DEPTH) : parseFhirXml(text, BODY_DEPTH)
}
