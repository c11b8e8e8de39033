/** Parses the body of an answer, JSON or XML, into the values that it holds and their names. */
import { XMLParser } from 'fast-xml-parser'

/** A value with the names of the members or elements that lead to it, the nearest last. */
export interface Value {
  readonly names: readonly string[]
  readonly value: string | number | boolean | null
}

/** What a body is. Without `values` it says nothing that could be read. `what` describes it and never quotes it. */
export type Body =
  | { readonly what: 'JSON' | 'XML'; readonly values: readonly Value[] }
  | { readonly what: string; readonly values?: never }

/** Parses a body by what it is. The media type decides only about pages: proxies send wrong types. */
export function parseBody(contentType: string, text: string): Body {
  const body = text.trim()
  if (body === '') return { what: 'an empty body' }
  if (PAGE_TYPE.test(contentType) || PAGE.test(body)) return { what: 'an HTML page' }
  try {
    if (body.startsWith('<')) return parseXml(body)
    return parseJson(body)
  } catch {
    // Ignored, because the message of a parser quotes the body.
    const format = body.startsWith('<') ? 'XML' : 'JSON'
    if (format === 'XML' || /^[[{]/.test(body)) return { what: `${format} that is incomplete or invalid` }
    return { what: 'text that is neither JSON nor XML' }
  }
}

const PAGE_TYPE = /^\s*(text\/html|application\/xhtml\+xml)\b/i
// A comment ends at the first `-->`: if it could also end later, many comments would take for ever.
const PAGE = /^(<\?[^>]*>|<!--((?!-->)[\s\S])*-->|\s)*<(!doctype html|html)\b/i

/** Far deeper than Optics nests, and far from what a recursion can do. */
const MOST_NESTED = 30

function parseXml(body: string): Body {
  // Only a document type can declare entities, and Optics sends none.
  if (/<!DOCTYPE/i.test(body)) throw new Error('a document type')
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: ATTRIBUTE,
    ignoreDeclaration: true,
    ignorePiTags: true,
    parseTagValue: false,
    htmlEntities: true, // without it, references by number stay as they are
    maxNestedTags: MOST_NESTED,
  })
  const parsed: unknown = parser.parse(body, true)
  return { what: 'XML', values: [...valuesOf(parsed, [])] }
}

/** The names of attributes of XML start with it. */
export const ATTRIBUTE = '@'
const TEXT = '#text'

/** Optics returns several cases as several JSON objects one after another, which no JSON parser accepts. */
function parseJson(body: string): Body {
  const values = splitJson(body).flatMap((text) => {
    const found: Value[] = []
    const names = { count: 0 }
    found.push(...valuesOf(JSON.parse(text), [], names))
    // Each member has one colon outside strings. Fewer names than colons: the parser dropped a repeated one.
    if (names.count !== text.replace(STRING, '').split(':').length - 1) throw new Error('a repeated name')
    return found
  })
  return { what: 'JSON', values }
}

// A string may lack its end, so that a text of many quotes is read once and not once from each of them.
const STRING = /"(?:[^"\\]|\\[\s\S])*"?/g
const TOKEN = new RegExp(`${STRING.source}|[[\\]{}]`, 'g')

/** The texts of JSON objects and lists that follow one another; any other text as it is. */
function splitJson(body: string): string[] {
  const ends: number[] = []
  let depth = 0
  for (const { 0: token, index } of body.matchAll(TOKEN)) {
    if (token.startsWith('"')) continue
    depth += token === '{' || token === '[' ? 1 : -1
    if (depth > MOST_NESTED) throw new Error('nested too deep')
    if (depth === 0) ends.push(index + 1)
  }
  const starts = [0, ...ends]
  return [...starts.map((start, at) => body.slice(start, ends[at]))].filter((text) => text.trim() !== '')
}

function* valuesOf(value: unknown, names: readonly string[], seen = { count: 0 }): Generator<Value> {
  if (typeof value !== 'object' || value === null) {
    // A value without a name, such as a list of numbers, is none of a case.
    if (names.length > 0) yield { names, value: value as Value['value'] } // JSON and XML have no other values
    return
  }
  if (Array.isArray(value)) {
    for (const item of value) yield* valuesOf(item, names, seen)
    return
  }
  const members = Object.entries(value)
  const isText = members.every(([name]) => name === TEXT || name.startsWith(ATTRIBUTE))
  if (members.length === 0 && names.length > 0) yield { names, value: null }
  for (const [name, member] of members) {
    seen.count += 1
    // Text beside other elements is not the value of the element.
    yield* valuesOf(member, name === TEXT && isText ? names : [...names, name], seen)
  }
}
