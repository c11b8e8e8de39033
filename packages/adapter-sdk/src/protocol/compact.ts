/** The shape of a compact JWE: everything that can be refused before a key is touched. */
import { AdapterError } from '../errors.ts'
import { parseJson } from './json.ts'

/** Content encryption that is accepted, each with one length of key. */
export type ContentEncryption = 'A128GCM' | 'A256GCM' | 'A128CBC-HS256'

/** What each content encryption needs, in bytes. Tags are 16 bytes in all of them. */
export const CONTENT_ENCRYPTION = {
  A128GCM: { keyBytes: 16, ivBytes: 12 },
  A256GCM: { keyBytes: 32, ivBytes: 12 },
  'A128CBC-HS256': { keyBytes: 32, ivBytes: 16 },
} as const satisfies Record<ContentEncryption, { keyBytes: number; ivBytes: number }>

/** The parts of a well-formed compact JWE. Only a key can show whether it is genuine. */
export interface Token {
  readonly enc: ContentEncryption
  /** The encoded header, which the tag covers. */
  readonly aad: string
  readonly iv: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
  /** As it was received. */
  readonly compact: string
}

/** The header that the sender always writes, `{"alg":"dir","enc":"A128GCM"}`, encoded. */
export const SENDER_HEADER = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0'

/**
 * Splits a compact JWE. Only what the sender and similar programs can produce is accepted: five segments of canonical
 * base64url (no white space, no padding, no stray bits), `alg` `dir` with an empty encrypted key, a known `enc`, its
 * exact IV and a tag of 16 bytes. `zip` and `crit` are refused. Other header members are ignored, as RFC 7516
 * section 4 asks: with `dir` none of them can cause work or choose a key.
 * @throws {AdapterError} ERR_JWE_INVALID
 */
export function parseCompact(compact: string): Token {
  const segments = compact.split('.', 6)
  const [aad, encryptedKey, iv, ciphertext, tag] = segments
  if (segments.length !== 5 || aad === undefined || iv === undefined || ciphertext === undefined || tag === undefined)
    throw invalid('not five segments')
  if (encryptedKey !== '') throw invalid('the encrypted key is not empty')
  const enc = aad === SENDER_HEADER ? 'A128GCM' : parseHeader(aad)
  const token = {
    enc,
    aad,
    iv: decode(iv, 'initialization vector'),
    ciphertext: decode(ciphertext, 'ciphertext'),
    tag: decode(tag, 'authentication tag'),
    compact,
  }
  if (token.iv.byteLength !== CONTENT_ENCRYPTION[enc].ivBytes)
    throw invalid('the initialization vector is too long or short')
  if (token.tag.byteLength !== TAG_BYTES) throw invalid('the authentication tag is not 16 bytes')
  return token
}

const TAG_BYTES = 16
const HEADER_LIMIT_CHARACTERS = 1024
const HEADER_LIMITS = { sizeBytes: HEADER_LIMIT_CHARACTERS, depth: 4, values: 32 }

function parseHeader(encoded: string): ContentEncryption {
  if (encoded.length > HEADER_LIMIT_CHARACTERS) throw invalid('the header is too long')
  const header = parseJson(decode(encoded, 'header'), 'ERR_JWE_INVALID', HEADER_LIMITS)
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw invalid('the header is not an object')
  const members = new Map<string, unknown>(Object.entries(header))
  if (members.get('alg') !== 'dir') throw invalid('alg is not dir')
  if (members.has('zip')) throw invalid('zip is not accepted')
  if (members.has('crit')) throw invalid('crit is not accepted')
  const enc = members.get('enc')
  if (!isContentEncryption(enc)) throw invalid('enc is not accepted')
  return enc
}

function isContentEncryption(enc: unknown): enc is ContentEncryption {
  return typeof enc === 'string' && Object.hasOwn(CONTENT_ENCRYPTION, enc)
}

/** Node's decoder skips invalid characters. Text that encodes back to itself has none. */
function decode(segment: string, name: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url')
  if (bytes.toString('base64url') !== segment) throw invalid(`the ${name} is not canonical base64url`)
  return bytes
}

function invalid(message: string): AdapterError {
  return new AdapterError('ERR_JWE_INVALID', message)
}
