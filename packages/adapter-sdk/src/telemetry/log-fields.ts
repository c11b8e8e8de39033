/** Keeps each field of a line of the log once: JSON readers differ in which of two they take. */
import pino, { type Logger } from 'pino'

/** Fields that pino writes itself. */
const WRITTEN = ['level', 'time', 'msg']

/** The kind of a line that does not say it: handlers log what they like. */
export const DEFAULT_EVENT = 'handler.logged'

/** What is bound to each logger, by name. */
const known = new WeakMap<object, Readonly<Record<string, unknown>>>()

/**
 * Binds each field of a new child once: of two, the one that was bound last. A field with the name of one that pino writes gets
 * another.
 */
export function bindOnce(child: Logger): void {
  // pino keeps what is bound as text, which it puts into each line: `,"form":"complaint"`.
  const texts = child as unknown as Record<symbol, string>
  const text = texts[pino.symbols.chindingsSym] ?? ''
  const bound = renamed(JSON.parse(`{${text.slice(1)}}`), new Set(WRITTEN))
  known.set(child, bound)
  const once = JSON.stringify(bound).slice(1, -1)
  texts[pino.symbols.chindingsSym] = once === '' ? '' : `,${once}`
}

/** What is bound to a logger: for `fieldsOnce`. */
export function boundTo(logger: object): Readonly<Record<string, unknown>> {
  return known.get(logger) ?? {}
}

/** The fields of a line beside those that are bound. `safe`: what may be written of a value whose field gets another name. */
export function fieldsOnce(
  given: object,
  bound: Readonly<Record<string, unknown>>,
  safe: (value: unknown) => unknown,
): object {
  const fields = given as Readonly<Record<string, unknown>>
  const taken = new Set([...WRITTEN, ...Object.keys(bound)])
  const hasEvent = Object.hasOwn(fields, 'event') || taken.has('event')
  if (hasEvent && !Object.keys(fields).some((name) => taken.has(name))) return given
  const own = Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => !(Object.hasOwn(bound, name) && bound[name] === value)),
  )
  return { ...(hasEvent ? {} : { event: DEFAULT_EVENT }), ...renamed(own, taken, safe) }
}

/** `form` becomes `field_form` where there is one. */
function renamed(
  fields: Readonly<Record<string, unknown>>,
  taken: ReadonlySet<string>,
  safe: (value: unknown) => unknown = (value) => value,
): Readonly<Record<string, unknown>> {
  const names = new Set([...taken, ...Object.keys(fields)])
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (!taken.has(name)) return [name, value]
      let other = `field_${name}`
      while (names.has(other)) other = `field_${other}`
      names.add(other)
      return [other, safe(value)]
    }),
  )
}
