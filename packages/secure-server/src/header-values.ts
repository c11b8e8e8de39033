/** Reads header values as the lists of words that they are, in any letter case. */

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

/** Whether a trusted peer says that it received the request over https: the last entry is its own, the others may be anybody's. */
export function isForwardedHttps(forwardedProto: string | undefined): boolean {
  return headerWords(forwardedProto).at(-1) === 'https'
}

const FRAMING: ReadonlySet<string> = new Set(['identity', 'aws-chunked', 'chunked'])
