/**
 * The bearer token: an unsecured JWT. Nobody signed it; trust comes from mutual TLS with the Spine Security Proxy.
 * It says for whom the request is made, so it is read strictly: one form, one reading.
 */
import { decodeUtf8, isObject, parseStrictJson, TOKEN_DEPTH } from './strict-json.ts'

/** The decoded payload; its members are not checked yet. */
export type Claims = Readonly<Record<string, unknown>>

/** The three parts of a token, not decoded. */
export interface TokenParts {
  readonly header: string
  readonly payload: string
  readonly signature: string
}

/** The token of `Bearer <token>`; undefined for another scheme or none. The name of a scheme has no case (RFC 9110). */
export function bearerToken(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1]
}

/** Splits a token at its two dots; undefined when it does not have exactly two. */
export function splitToken(token: string): TokenParts | undefined {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1 || token.includes('.', second + 1)) return undefined
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature: token.slice(second + 1),
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

/** Node's decoder skips what it does not know; only text that it would have written itself is base64url. */
function decodeBase64url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

const BEARER = /^Bearer +([^ ].*)$/i
const USUAL_HEADER = 'eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0'
