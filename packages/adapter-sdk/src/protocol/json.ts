/** JSON read strictly: bounded before and after parsing, no repeated names, nothing that could reach a prototype. */
import { AdapterError, type ErrorCode } from '../errors.ts'

/** How much JSON is read. */
export interface JsonLimits {
  /** Bytes of the text. */
  readonly sizeBytes: number
  /** How deep objects and arrays may nest; a bare value is depth 0. */
  readonly depth: number
  /** Values in all: members of objects and elements of arrays. */
  readonly values: number
}

/** Far above what a form can produce, far below what hurts. */
export const JSON_LIMITS: JsonLimits = { sizeBytes: 8 * 1024 * 1024, depth: 32, values: 20_000 }

/**
 * Parses UTF-8 bytes as one JSON value. Refused with `code`: invalid UTF-8, a byte order mark, whatever is not JSON,
 * a name repeated in an object, lone surrogates, numbers beyond the range of a double, more than `limits` allow, and
 * the names that reach a prototype when objects are merged (`__proto__`; `constructor` holding `prototype`).
 * Messages name the problem, never the content.
 */
export function parseJson(bytes: Uint8Array, code: ErrorCode, limits: JsonLimits = JSON_LIMITS): unknown {
  const refuse = (what: string): never => {
    throw new AdapterError(code, what)
  }
  if (bytes.byteLength > limits.sizeBytes) refuse(`the JSON is larger than ${limits.sizeBytes} bytes`)
  const text = decode(bytes) ?? refuse('not valid UTF-8')
  const outline = scan(text)
  if (outline.depth > limits.depth) refuse(`the JSON is nested deeper than ${limits.depth}`)
  if (outline.separators > limits.values) refuse(`the JSON has more than ${limits.values} values`)
  const value = parse(text)
  if (value === undefined) refuse(text.startsWith('\ufeff') ? 'not JSON: it begins with a byte order mark' : 'not JSON')
  const census = { names: 0, values: 0, limits, refuse }
  walk(value, census)
  // Each member has one colon outside strings. Fewer names than colons: the parser dropped a repeated one.
  if (census.names !== outline.colons) refuse('an object repeats a name')
  return value
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** `undefined` is no JSON value, so it means failure. The parser's own message is dropped, because it quotes the text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Outline {
  depth: number
  /** Colons outside strings. */
  colons: number
  /** Commas and colons outside strings. */
  separators: number
}

/**
 * Measures a text before it is parsed, in one pass that jumps over strings. Exact for JSON, so that depth needs no
 * second look; harmless for the rest.
 */
function scan(text: string): Outline {
  const outline: Outline = { depth: 0, colons: 0, separators: 0 }
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = stringEnd(text, i)
        break
      case 0x7b: // {
      case 0x5b: // [
        depth++
        if (depth > outline.depth) outline.depth = depth
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case 0x3a: // :
        outline.colons++
        outline.separators++
        break
      case 0x2c: // ,
        outline.separators++
        break
    }
  }
  return outline
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The index of the quote that ends the string at `start`, or the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    // An even number of backslashes escape each other; an odd one escapes the quote.
    if ((end - before) % 2 === 1) return end
  }
  return text.length
}

interface Census {
  names: number
  values: number
  readonly limits: JsonLimits
  readonly refuse: (what: string) => never
}

function walk(value: unknown, census: Census): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) census.refuse('a string holds a lone surrogate')
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) census.refuse('a number is out of range')
  } else if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) for (const element of value) visit(element, census)
    else walkMembers(value, census)
  }
}

function walkMembers(object: object, census: Census): void {
  for (const [name, member] of Object.entries(object)) {
    census.names++
    if (!name.isWellFormed()) census.refuse('a name holds a lone surrogate')
    if (name === '__proto__') census.refuse('an object has a member named __proto__')
    if (name === 'constructor' && typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype'))
      census.refuse('an object has a member named constructor that holds prototype')
    visit(member, census)
  }
}

function visit(value: unknown, census: Census): void {
  census.values++
  if (census.values > census.limits.values) census.refuse(`the JSON has more than ${census.limits.values} values`)
  walk(value, census)
}
