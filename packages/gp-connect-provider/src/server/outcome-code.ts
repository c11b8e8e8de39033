/** Reads the error code out of the bytes of an answer, if they are an OperationOutcome. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { codeOfOutcome } from '../fhir/operation-outcome.ts'
import { parseFhirXml } from '../fhir/xml.ts'
import { BODY_DEPTH, parseStrictJson } from '../strict-json.ts'

/** The code of an OperationOutcome in JSON or XML, compressed or not. Null for every other body, and for a part of one. */
export async function codeOfBody(body: Buffer, contentType: string, encoding: string): Promise<string | null> {
  if (body.byteLength === 0 || !/json|xml/i.test(contentType)) return null
  const bytes = await decoded(body, encoding.trim().toLowerCase())
  // Most answers are none, and need not be parsed.
  if (bytes === undefined || !bytes.includes('OperationOutcome')) return null
  const text = bytes.toString()
  return codeOfOutcome(/xml/i.test(contentType) ? parseFhirXml(text, BODY_DEPTH) : parseStrictJson(text, BODY_DEPTH))
}

async function decoded(body: Buffer, encoding: string): Promise<Buffer | undefined> {
  if (encoding === '' || encoding === 'identity') return body
  try {
    return await DECODERS.get(encoding)?.(body, { maxOutputLength: DECODED_MAX_BYTES })
  } catch {
    return undefined
  }
}

const DECODED_MAX_BYTES = 1_048_576
const DECODERS: ReadonlyMap<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>> = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
])
