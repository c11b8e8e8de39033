/** Settings from the environment: described once, read by that description, documented by it. */

/** One setting. `read` returns the value, or the problem with the text, which it never quotes. */
export interface Setting<T> {
  readonly meaning: string
  /** What the text may be, for people: `1 to 86400 seconds`. */
  readonly accepts: string
  /** The default, for people; `required` when there is none. */
  readonly default: string
  /** Never shown, and only its length may be spoken of. */
  readonly secret: boolean
  /** Reads the text; `undefined` when it is not set. */
  read(text: string | undefined): Parsed<T>
}

/** The value of a setting, or the problem with its text. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string }

/** Settings by name. */
export type Settings = Readonly<Record<string, Setting<unknown>>>

/** What settings are read as. */
export type Values<S extends Settings> = { readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never }

/** Reads every setting; problems name the setting and what to do, in the order of the table. Empty text counts as unset. */
export function readSettings<S extends Settings>(
  settings: S,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly values: Values<S>; readonly problems: readonly string[] } {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(settings)) {
    const parsed = setting.read(environment[name] || undefined)
    if ('problem' in parsed) problems.push(`${name} ${parsed.problem}`)
    else values[name] = parsed.value
  }
  // Every name of S either has a value or is named in `problems`.
  return { values: values as Values<S>, problems }
}

type Options<T> = { readonly default?: T; readonly secret?: boolean }

/** Any text. */
export function text(meaning: string, options: Options<string> = {}): Setting<string | undefined> {
  return setting(meaning, 'text', options, (value) => ({ value }))
}

/** A text that must be there. */
export function required(meaning: string, options: { readonly secret?: boolean } = {}): Setting<string> {
  return {
    meaning,
    accepts: 'text',
    default: 'required',
    secret: options.secret ?? false,
    read: (value) => (value === undefined ? { problem: 'is missing' } : { value }),
  }
}

/** A whole number in a range, with its unit. */
export function integer(
  meaning: string,
  options: { readonly default: number; readonly min: number; readonly max: number; readonly unit?: string },
): Setting<number> {
  const unit = options.unit === undefined ? '' : ` ${options.unit}`
  const accepts = `${options.min} to ${options.max}${unit}`
  return setting(meaning, accepts, options, (text) => {
    const value = Number(text)
    const fits = /^\d+$/.test(text) && value >= options.min && value <= options.max
    return fits ? { value } : { problem: `must be a whole number, ${accepts}` }
  }) as Setting<number> // there is a default
}

/** A whole number in a range, or nothing. */
export function optionalInteger(
  meaning: string,
  options: { readonly min: number; readonly max: number },
): Setting<number | undefined> {
  const { read } = integer(meaning, { ...options, default: options.min })
  return setting<number>(meaning, `${options.min} to ${options.max}`, {}, read as (text: string) => Parsed<number>)
}

/** One of a few words. */
export function choice<const T extends string>(
  meaning: string,
  words: readonly T[],
  options: { readonly default: T },
): Setting<T> {
  return setting<T>(meaning, words.map((word) => `\`${word}\``).join(' or '), options, (text) => {
    const value = words.find((word) => word === text)
    return value === undefined ? { problem: `must be ${words.join(' or ')}` } : { value }
  }) as Setting<T> // there is a default
}

/** Texts separated by commas; blanks around them do not count. */
export function list(meaning: string, options: Options<readonly string[]> = {}): Setting<readonly string[]> {
  return setting<readonly string[]>(meaning, 'texts separated by commas', { default: [], ...options }, (text) => ({
    value: text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  })) as Setting<readonly string[]> // there is a default
}

/** `true` or `false`. */
export function flag(meaning: string, options: { readonly default: boolean }): Setting<boolean> {
  return setting<boolean>(meaning, '`true` or `false`', options, (text) =>
    text === 'true' || text === 'false' ? { value: text === 'true' } : { problem: 'must be true or false' },
  ) as Setting<boolean> // there is a default
}

function setting<T>(
  meaning: string,
  accepts: string,
  options: Options<T>,
  parse: (text: string) => Parsed<T>,
): Setting<T | undefined> {
  const shown = Array.isArray(options.default) ? options.default.join(', ') : options.default
  return {
    meaning,
    accepts,
    default: shown === undefined || shown === '' ? 'none' : `\`${shown}\``,
    secret: options.secret ?? false,
    read: (text) => (text === undefined ? { value: options.default } : parse(text)),
  }
}
