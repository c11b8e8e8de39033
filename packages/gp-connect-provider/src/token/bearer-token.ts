/** Splits and decodes the bearer token, an unsigned JWT: trust comes from mutual TLS with the Spine Security Proxy. */
import { DEFAULT_RULES } from '../rules.ts'
import { decodeUtf8, isObject, parseStrictJson, TOKEN_DEPTH } from '../strict-json.ts'

/** The decoded payload. Its members are unchecked. */
export type Claims = Readonly<Record<string, unknown>>

/** The parts of a token, not decoded. */
export interface TokenParts {
  readonly header: string
  readonly payload: string
  /** Everything after the second dot. */
  readonly signature: string
  /** The number of parts: three for a valid token, four for four or more. */
  readonly count: number
}

/** The token of `Bearer <token>`, or undefined. The scheme is case-insensitive (RFC 9110). */
export function bearerToken(authorization: string): string | undefined {
  if (authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined
  const token = authorization.slice(SCHEME.length).trimStart()
  return token === '' ? undefined : token
}

/** Splits a token at its dots. */
export function splitToken(token: string): TokenParts {
  const first = token.indexOf('.')
  if (first === -1) return { header: token, payload: '', signature: '', count: 1 }
  const second = token.indexOf('.', first + 1)
  if (second === -1) return { header: token.slice(0, first), payload: token.slice(first + 1), signature: '', count: 2 }
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature: token.slice(second + 1),
    count: token.includes('.', second + 1) ? 4 : 3,
  }
}

/** Whether the header is `{"alg":"none","typ":"JWT"}` and nothing else. */
export function isUnsecuredHeader(part: string): boolean {
  if (part === USUAL_HEADER) return true
  const header = decodeJsonPart(part)
  return header !== undefined && Object.keys(header).length === 2 && header['alg'] === 'none' && header['typ'] === 'JWT'
}

/** Decodes base64url without padding, UTF-8 and strict JSON to an object, or returns undefined. */
export function decodeJsonPart(part: string): Claims | undefined {
  const bytes = decodeBase64url(part)
  const text = bytes && decodeUtf8(bytes)
  const value = text === undefined ? undefined : parseStrictJson(text, TOKEN_DEPTH)
  return isObject(value) ? value : undefined
}

/**
 * Node's decoder ignores invalid characters, accepts `+` and `/`, and drops leftover bits, so this function checks for all
 * three. Encoding the bytes again and comparing would do the same, but takes four times as long.
 */
function decodeBase64url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  const tail = part.length % 4
  if (tail === 1 || bytes.byteLength !== Math.floor((part.length * 3) / 4)) return undefined
  if (part.includes('+') || part.includes('/')) return undefined
  const last = tail === 0 ? '' : bytes.subarray(bytes.byteLength - tail + 1).toString('base64url')
  return part.endsWith(last) ? bytes : undefined
}

const SCHEME = 'bearer '
const USUAL_HEADER = 'eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0'

/** The claims of a token that may be invalid in other ways, so that the audit record of a refusal can name the user. */
export function readableClaims(authorization: string | undefined): Claims | undefined {
  const token = authorization === undefined ? undefined : bearerToken(authorization)
  if (token === undefined || token.length > DEFAULT_RULES.maxTokenLength) return undefined
  return decodeJsonPart(splitToken(token).payload)
}
