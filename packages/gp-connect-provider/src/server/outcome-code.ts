/** Reads the error code out of the bytes of an answer, if they are an OperationOutcome. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { codeOfOutcome } from '../fhir/operation-outcome.ts'
import { parseFhirXml } from '../fhir/xml.ts'
import { BODY_DEPTH, parseStrictJson } from '../strict-json.ts'

/** The code of an OperationOutcome in JSON, in XML, or in gzip of them. Null for every other body, and for a part of one. */
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
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return undefined
  try {
    return await decompress(body, { maxOutputLength: DECODED_MAX_BYTES })
  } catch {
    return undefined
  }
}

const DECODED_MAX_BYTES = 1_048_576
const decompress = promisify(gunzip)
