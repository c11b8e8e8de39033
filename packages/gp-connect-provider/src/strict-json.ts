/** Parses JSON from untrusted sources: limits its nesting and refuses repeated members. */
import { isAscii, isUtf8 } from 'node:buffer'

/** Maximum nesting of a token. A claim resource needs seven levels. */
export const TOKEN_DEPTH = 20
/** Maximum nesting of a request body. */
export const BODY_DEPTH = 50

/**
 * Parses `text`. Returns undefined if it is not JSON, nests deeper than `maxDepth` or repeats a member in an object.
 * The depth is checked before parsing, because JSON.parse takes more than half a second for five million `[`.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  const written = countWritten(text, maxDepth)
  if (written === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    // JSON.parse keeps only the last of repeated members, so the counts then differ.
    return value === null || countMembers(value) !== written ? undefined : value
  } catch {
    return undefined
  }
}

/** Decodes UTF-8, or returns undefined if it is invalid. A byte order mark is kept, so that JSON.parse refuses it. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** Whether a value is a JSON object, not an array, null or a primitive. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/**
 * Counts the members of all objects in a text, in one pass over its characters; undefined if it nests too deep. The count
 * is exact for valid JSON; JSON.parse refuses any other text.
 */
function countWritten(text: string, maxDepth: number): number | undefined {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at + 1)
    } else if (code === COLON) {
      members += 1
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      depth += 1
      if (depth > maxDepth) return undefined
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1
    }
  }
  return members
}

/** The position of the closing quote of a string that starts before `at`, or the text's length if there is none. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/** Counts the members of all objects in a value. Recursion is safe, because the depth is already checked. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item)
    return members
  }
  for (const item of Object.values(value)) members += 1 + countMembers(item)
  return members
}
