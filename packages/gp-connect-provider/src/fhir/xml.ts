/** Converts resources between their JSON form and FHIR XML. */
import { XMLParser } from 'fast-xml-parser'
import { isObject } from '../strict-json.ts'

/** Writes a resource as FHIR XML. Elements keep the order of the object, which must be that of FHIR. */
export function writeFhirXml(resource: Readonly<Record<string, unknown>>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${resourceXml(resource, ' xmlns="http://hl7.org/fhir"')}`
}

/**
 * Parses FHIR XML into the JSON form, as far as that is possible without the schema: an element that occurs once is a
 * single value, and every primitive is a string. Returns undefined if the XML is not well-formed, nests deeper than
 * `maxDepth` or declares a document type.
 */
export function parseFhirXml(text: string, maxDepth: number): Record<string, unknown> | undefined {
  if (/<!DOCTYPE/i.test(text)) return undefined
  try {
    const parsed: unknown = new XMLParser({ ...PARSING, maxNestedTags: maxDepth }).parse(text, true)
    return isObject(parsed) ? resourceOf(parsed) : undefined
  } catch {
    return undefined
  }
}

const PARSING = {
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  ignoreDeclaration: true,
  parseTagValue: false,
  processEntities: { enabled: true, maxTotalExpansions: 10_000 },
}

function resourceXml(resource: Readonly<Record<string, unknown>>, namespace = ''): string {
  const type = String(resource['resourceType'])
  const children = Object.entries(resource).filter(([name]) => name !== 'resourceType')
  return `<${type}${namespace}>${children.map(([name, value]) => elementsXml(name, value, resource)).join('')}</${type}>`
}

/** One element, or one for each item of a list. `_name` contains the id and extensions of a primitive `name`. */
function elementsXml(name: string, value: unknown, parent: Readonly<Record<string, unknown>>): string {
  if (name.startsWith('_')) return name.slice(1) in parent ? '' : elementsXml(name.slice(1), undefined, parent)
  const values = Array.isArray(value) ? value : [value]
  const sibling = parent[`_${name}`]
  const siblings = Array.isArray(sibling) ? sibling : [sibling]
  return values.map((one, at) => elementXml(name, one, siblings[at])).join('')
}

function elementXml(name: string, value: unknown, sibling: unknown): string {
  if (name === 'div' && typeof value === 'string') return value // already XHTML
  if (isObject(value)) {
    return typeof value['resourceType'] === 'string'
      ? `<${name}>${resourceXml(value)}</${name}>`
      : complexXml(name, '', value)
  }
  const attribute = value === null || value === undefined ? '' : ` value="${escapeXml(String(value))}"`
  if (isObject(sibling)) return complexXml(name, attribute, sibling)
  return attribute === '' ? '' : `<${name}${attribute}/>`
}

/** Writes an element with children. The `id` of an element and the `url` of an extension are attributes. */
function complexXml(name: string, attribute: string, value: Readonly<Record<string, unknown>>): string {
  const isAttribute = (child: string) => child === 'id' || (child === 'url' && name.toLowerCase().endsWith('extension'))
  const entries = Object.entries(value)
  const attributes = entries
    .filter(([child]) => isAttribute(child))
    .map(([child, one]) => ` ${child}="${escapeXml(String(one))}"`)
  const children = entries.filter(([child]) => !isAttribute(child))
  const content = children.map(([child, one]) => elementsXml(child, one, value)).join('')
  return `<${name}${attributes.join('')}${attribute}>${content}</${name}>`
}

function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(NOT_XML, '\uFFFD')
    .replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? '')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 does not allow these characters
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Turns `{ Patient: {...} }` into a resource. */
function resourceOf(parsed: Record<string, unknown>): Record<string, unknown> | undefined {
  const [[type, content] = [], ...others] = Object.entries(parsed)
  if (type === undefined || others.length > 0) return undefined
  return { resourceType: type, ...(isObject(content) ? childrenOf(content) : {}) }
}

function childrenOf(element: Record<string, unknown>): Record<string, unknown> {
  const children: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(element)) {
    if (name.startsWith('@xmlns') || name === '#text') continue
    children[name.startsWith('@') ? name.slice(1) : name] = Array.isArray(value)
      ? value.map((one: unknown) => elementValue(name, one))
      : elementValue(name, value)
  }
  return children
}

function elementValue(name: string, value: unknown): unknown {
  if (!isObject(value)) return value
  if (name === 'resource' || name === 'contained') return resourceOf(value)
  return typeof value['@value'] === 'string' ? value['@value'] : childrenOf(value)
}
