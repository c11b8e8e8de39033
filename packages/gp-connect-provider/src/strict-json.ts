/** JSON as a security boundary needs it: bounded nesting, no member named twice, nothing invalid in the text. */
import { isAscii, isUtf8 } from 'node:buffer'

/** Nesting that a token may have: a claim resource needs seven levels. */
export const TOKEN_DEPTH = 20
/** Nesting that a request body may have. */
export const BODY_DEPTH = 50

/**
 * Parses `text`; undefined when it is not JSON, nests deeper than `maxDepth` or names a member twice in one object.
 * Depth is checked before anything is built: parsing five million `[` costs more than half a second.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  const written = countWritten(text, maxDepth)
  if (written === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    // Of two members with one name JSON.parse keeps the last, so fewer are left than were written.
    return value === null || countMembers(value) !== written ? undefined : value
  } catch {
    return undefined
  }
}

/** Decodes bytes as UTF-8; undefined when they are not. A byte order mark stays, and so is refused as JSON. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** A JSON object, as opposed to an array or a primitive. */
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
 * How many members the objects of a text have as written, in one pass over the characters; undefined when it nests too
 * deep. Exact for text that is JSON; other text fails in JSON.parse.
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

/** The index of the quote that closes the string before `at`; the length of the text if there is none. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/** How many members the objects of a value have. The depth of the value is bounded. */
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
