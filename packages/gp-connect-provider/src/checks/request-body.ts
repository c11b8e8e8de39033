/** Reads the body of a request as strict JSON or XML, with limits on its depth and its size, also when decompressed. */

import type { Context } from 'koa'
import bodyParser from 'koa-bodyparser'
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bodyFormat, type FhirFormat } from '../fhir/format.ts'
import { parseFhirXml } from '../fhir/xml.ts'
import { BODY_DEPTH, decodeUtf8, isObject, parseStrictJson } from '../strict-json.ts'

/** Reads the body of a POST or PUT and sets `exchange.body`; a GET has none. */
export function bodyIsWellFormed(limitBytes: number): (exchange: Exchange, ctx: Context) => Promise<void> | undefined {
  const read = bodyReader(limitBytes)
  return (exchange, ctx) => (exchange.method === 'GET' ? undefined : parse(exchange, ctx, read))
}

type Read = (ctx: Context) => Promise<string>

async function parse(exchange: Exchange, ctx: Context, read: Read): Promise<void> {
  const { headers, fhir } = exchange
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Encoding is not supported')
  }
  const format = bodyFormat(headers['content-type'] ?? '', fhir) ?? 'json'
  const text = decodeUtf8(Buffer.from(await read(ctx), 'latin1'))
  const body = text === undefined ? undefined : parseText(text, format)
  if (!isObject(body)) throw new ProviderError('BAD_REQUEST', 'The body is not a FHIR resource in the format it claims')
  exchange.body = body
}

function parseText(text: string, format: FhirFormat): unknown {
  return format === 'json' ? parseStrictJson(text, BODY_DEPTH) : parseFhirXml(text, BODY_DEPTH)
}

/** Reads the body as one character per byte, so that invalid UTF-8 is still there to be refused. */
function bodyReader(limitBytes: number): Read {
  const options = {
    enableTypes: ['text'],
    extendTypes: { text: BODY_TYPES },
    textLimit: String(limitBytes),
    encoding: 'latin1', // an option of co-body, which reads the body; missing in the types
    onerror(error: Error & { status?: number }): never {
      throw bodyFailure(error)
    },
  }
  const parser = bodyParser(options)
  return async (ctx) => {
    try {
      await parser(ctx, async () => {})
    } catch (error) {
      // Discard the rest of the body, or the next request on this connection would wait for it. The server limits its size.
      ctx.req.unpipe()
      ctx.req.resume()
      throw error
    }
    return String(ctx.request.rawBody ?? '')
  }
}

function bodyFailure(error: Error & { status?: number }): ProviderError {
  if (error.status === 413) return new ProviderError('BODY_TOO_LARGE')
  if (error.status === 415) return new ProviderError('MEDIA_TYPE_UNSUPPORTED', 'Content-Encoding is not supported')
  return new ProviderError('BAD_REQUEST', 'The body could not be read', { cause: error })
}

const BODY_TYPES = ['application/fhir+json', 'application/fhir+xml', 'application/json+fhir', 'application/xml+fhir']
