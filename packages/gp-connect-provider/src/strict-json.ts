/** JSON as a security boundary needs it: bounded nesting, no member named twice, nothing invalid in the text. */

/** Nesting that a token may have: a claim resource needs seven levels. */
export const TOKEN_DEPTH = 20
/** Nesting that a request body may have. */
export const BODY_DEPTH = 50

/**
 * Parses `text`; undefined when it is not JSON, nests deeper than `maxDepth` or names a member twice in one object.
 * Depth is checked before anything is built: parsing five million `[` costs more than half a second.
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  if (!isBounded(text, maxDepth)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return value === null ? undefined : value
  } catch {
    return undefined
  }
}

/** Decodes bytes as UTF-8; undefined when they are not. A byte order mark stays, and so is refused as JSON. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** A JSON object, as opposed to an array or a primitive. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/**
 * One pass over the characters, exact for text that is JSON. Text that is not passes or fails here as it happens to,
 * and fails in JSON.parse afterwards.
 */
function isBounded(text: string, maxDepth: number): boolean {
  const names: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at + 1)
      const members = names[names.length - 1]
      if (members !== undefined && isName(text, end + 1) && !addName(members, text.slice(at + 1, end))) return false
      at = end
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (names.push(code === OPEN_OBJECT ? new Set() : undefined) > maxDepth) return false
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      names.pop()
    }
  }
  return true
}

/** Where the string that began before `at` has its closing quote; the length of the text when it has none. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/** Whether a colon follows: the string was a member's name. */
function isName(text: string, from: number): boolean {
  let at = from
  let code = text.charCodeAt(at)
  while (code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d) code = text.charCodeAt(++at)
  return code === COLON
}

/** False when the name is there already. `"\u0061"` is `a`: names are compared as JSON means them. */
function addName(members: Set<string>, written: string): boolean {
  let name = written
  if (written.includes('\\')) {
    try {
      name = String(JSON.parse(`"${written}"`))
    } catch {
      return true // not JSON: JSON.parse refuses the whole
    }
  }
  if (members.has(name)) return false
  members.add(name)
  return true
}
