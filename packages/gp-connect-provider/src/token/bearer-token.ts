/**
 * The bearer token: an unsecured JWT. It has no signature; trust comes from mutual TLS with the Spine Security Proxy.
 * It names the user of the request, so it is read strictly: only one form is accepted.
 */
import { DEFAULT_RULES } from '../rules.ts'
import { decodeUtf8, isObject, parseStrictJson, TOKEN_DEPTH } from '../strict-json.ts'

/** The decoded payload; its members are not checked yet. */
export type Claims = Readonly<Record<string, unknown>>

/** A token at its dots, not decoded. */
export interface TokenParts {
  readonly header: string
  readonly payload: string
  /** Everything behind the second dot. */
  readonly signature: string
  /** Three for a token that is one, four for more. */
  readonly count: number
}

/** The token of `Bearer <token>`; undefined for another scheme or none. The name of a scheme has no case (RFC 9110). */
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

/** Decodes base64url without padding, UTF-8 and strict JSON to an object; undefined when any of them fails. */
export function decodeJsonPart(part: string): Claims | undefined {
  const bytes = decodeBase64url(part)
  const text = bytes && decodeUtf8(bytes)
  const value = text === undefined ? undefined : parseStrictJson(text, TOKEN_DEPTH)
  return isObject(value) ? value : undefined
}

/**
 * Node's decoder skips invalid characters, accepts the two characters of plain base64, and drops leftover bits, so all of that
 * is checked. Encoding the bytes again and comparing gives the same result and costs four times as much.
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

/** The claims of a token, whatever is wrong with it otherwise: the audit trail names the user where it can. */
export function readableClaims(authorization: string | undefined): Claims | undefined {
  const token = authorization === undefined ? undefined : bearerToken(authorization)
  if (token === undefined || token.length > DEFAULT_RULES.maxTokenLength) return undefined
  return decodeJsonPart(splitToken(token).payload)
}
