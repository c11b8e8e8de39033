/** The part of JSON Schema (draft 2020-12) that the envelope is written in, and its reading. */

/** What a value must look like. Members that a shape does not name are allowed. */
export interface Shape {
  readonly type: ShapeType | readonly ShapeType[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly items?: Shape
  readonly maxItems?: number
  readonly minLength?: number
  /** In code points, as JSON Schema counts. */
  readonly maxLength?: number
  /** A regular expression with the `u` flag. */
  readonly pattern?: string
}

export type ShapeType = 'object' | 'array' | 'string' | 'null'

/** The first thing in which a value differs from a shape, as field and problem, or `undefined`. Never quotes a value. */
export function mismatch(value: unknown, shape: Shape, field: string): string | undefined {
  const types = typeof shape.type === 'string' ? [shape.type] : shape.type
  const type = typeOf(value)
  if (value === undefined) return `${field} is missing`
  if (!types.some((wanted) => wanted === type)) return `${field} is not ${types.map(withArticle).join(' or ')}`
  if (typeof value === 'string') return textMismatch(value, shape, field)
  if (Array.isArray(value)) return elementMismatch(value, shape, field)
  // typeOf says object, so the members can be read.
  if (type === 'object') return memberMismatch(value as Readonly<Record<string, unknown>>, shape, field)
  return undefined
}

function textMismatch(text: string, shape: Shape, field: string): string | undefined {
  if (shape.minLength !== undefined && text.length < shape.minLength) return `${field} is empty`
  if (shape.maxLength !== undefined && text.length > shape.maxLength && [...text].length > shape.maxLength)
    return `${field} is longer than ${shape.maxLength} characters`
  if (shape.pattern !== undefined && !new RegExp(shape.pattern, 'u').test(text))
    return `${field} has a character that is not allowed`
  return undefined
}

function elementMismatch(elements: readonly unknown[], shape: Shape, field: string): string | undefined {
  if (shape.maxItems !== undefined && elements.length > shape.maxItems)
    return `${field} has more than ${shape.maxItems} elements`
  const { items } = shape
  if (items === undefined) return undefined
  return first(elements.entries(), ([i, element]) => mismatch(element, items, `${field}[${i}]`))
}

function memberMismatch(object: Readonly<Record<string, unknown>>, shape: Shape, field: string): string | undefined {
  return first(Object.entries(shape.properties ?? {}), ([name, member]) => {
    const value = object[name]
    if (value === undefined && !shape.required?.includes(name)) return undefined
    return mismatch(value, member, field === '' ? name : `${field}.${name}`)
  })
}

function first<T>(things: Iterable<T>, find: (thing: T) => string | undefined): string | undefined {
  for (const thing of things) {
    const found = find(thing)
    if (found !== undefined) return found
  }
  return undefined
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function withArticle(type: ShapeType): string {
  if (type === 'null') return 'null'
  return type === 'string' ? 'a string' : `an ${type}`
}
