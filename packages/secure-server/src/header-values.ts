/** Reads header values as the lists of words that they are, in any letter case. */

import type { IncomingHttpHeaders } from 'node:http'

/** The entries of a list (RFC 9110 section 5.6.1), in lower case. Empty entries count for nothing. */
export function headerWords(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== '')
}

/**
 * The codings that `Content-Encoding` names, without the words that say nothing about the bytes that arrive: `identity`, and
 * the framing of a transfer that some stores keep as if it were a coding (`aws-chunked`).
 */
export function contentCodings(value: string | undefined): readonly string[] {
  return headerWords(value).filter((word) => !FRAMING.has(word))
}

/**
 * What a peer says of the scheme of the request that it passes on: the last entry of `X-Forwarded-Proto`, if that is `https` or
 * `http`. `none`: there is no such header; `forwarded`: there is only the one of RFC 7239; `empty`: it has no entry; `other`:
 * any other word.
 */
export type ForwardedProto = 'https' | 'http' | 'none' | 'forwarded' | 'empty' | 'other'

/** Reads what a peer says of the scheme, as a closed set of words: the header itself could be anybody's text. */
export function forwardedProtoOf(headers: IncomingHttpHeaders): ForwardedProto {
  const value = headers['x-forwarded-proto']
  if (value === undefined) return headers['forwarded'] === undefined ? 'none' : 'forwarded'
  const last = lastWord(String(value))
  if (last === undefined) return 'empty'
  return last === 'https' || last === 'http' ? last : 'other'
}

/** Whether a trusted peer says that it received the request over https: the last entry is its own, the others may be anybody's. */
export function isForwardedHttps(forwardedProto: string | undefined): boolean {
  return lastWord(forwardedProto) === 'https'
}

function lastWord(value: string | undefined): string | undefined {
  return headerWords(value).at(-1)
}

const FRAMING: ReadonlySet<string> = new Set(['identity', 'aws-chunked', 'chunked'])
