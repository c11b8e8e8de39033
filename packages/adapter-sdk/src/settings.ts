/** Settings from the environment: described once, read by that description, documented by it. */
import { isIP, isIPv6 } from 'node:net'

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

/** Options of most kinds of settings. */
export type Options<T> = { readonly default?: T; readonly secret?: boolean }

/** Any text on one line. */
export function text(meaning: string, options: Options<string> = {}): Setting<string | undefined> {
  return formed(meaning, 'text', options, (value) => ({ value }))
}

/** A path of a file or folder of this machine. */
export function path(meaning: string, options: Options<string> = {}): Setting<string | undefined> {
  return formed(meaning, 'path', options, (value) => {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(value)) return { problem: 'must be a path, not a URL' }
    return /^~/.test(value) ? { problem: 'must be a path, and ~ stands for no folder here' } : { value }
  })
}

/** The name under which others reach this machine, as it stands in a URL: a port may follow it. */
export function host(meaning: string, options: Options<string> = {}): Setting<string | undefined> {
  return formed(meaning, 'host name', options, (value) => {
    if (value.includes('://')) return { problem: 'must be a host name, without https://' }
    if (isIPv6(value)) return { problem: 'must be a host name: an IPv6 address stands in brackets' }
    const [, bracketed, name = '', port = '443'] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(value) ?? []
    const isHost = bracketed === undefined ? isIP(name) === 4 || isHostName(name) : isIPv6(bracketed)
    return isHost && Number(port) >= 1 && Number(port) <= 65_535
      ? { value }
      : { problem: 'must be a host name, such as adapter.service.gov.uk, without path and white space' }
  })
}

/** An address of this machine to listen on. */
export function address(meaning: string, options: Options<string> = {}): Setting<string | undefined> {
  return formed(meaning, 'IP address or host name', options, (value) =>
    isIP(value) !== 0 || isHostName(value)
      ? { value }
      : { problem: 'must be an IP address such as 0.0.0.0 or ::, without brackets and port, or a host name' },
  )
}

/** The user name of HTTP basic authentication. */
export function userName(meaning: string): Setting<string | undefined> {
  return formed(meaning, 'text without `:`', {}, (value) =>
    value.includes(':') ? { problem: 'must not have a colon, which ends a user name (RFC 7617)' } : { value },
  )
}

/** The name of an HTTP header. */
export function headerName(meaning: string): Setting<string | undefined> {
  return formed(meaning, 'name of a header', {}, (value) =>
    /^[\w-]{1,64}$/.test(value) ? { value } : { problem: 'must be the name of an HTTP header' },
  )
}

/** The address of a page of another service, with places for ids: at least one of those that it may have. */
export function urlTemplate(meaning: string, places: readonly string[]): Setting<string | undefined> {
  const named = places.map((place) => `{${place}}`)
  return formed(meaning, `URL with ${named.map((each) => `\`${each}\``).join(' or ')}`, {}, (value) => {
    const unknown = [...value.matchAll(/\{([a-z]+)\}/gi)].filter(([, place = '']) => !places.includes(place))
    if (unknown.length > 0) return { problem: `may have ${named.join(' and ')}, and no other name in braces` }
    if (!named.some((each) => value.includes(each))) return { problem: `must have ${named.join(' or ')}` }
    const [first, second] = ['a', 'b'].map((id) =>
      parsedUrl(places.reduce((text, place) => text.replaceAll(`{${place}}`, id), value)),
    )
    if (first === undefined || second === undefined || !/^https?:\/\//i.test(value)) {
      return { problem: 'must be a URL that begins with https:// or http://' }
    }
    if (first.username !== '' || first.password !== '') return { problem: 'must have no user name and password' }
    // An id must not choose the server.
    return first.origin === second.origin ? { value } : { problem: 'must have the ids after the host' }
  })
}

function parsedUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** A text that must be there. */
export function required(meaning: string, options: { readonly secret?: boolean } = {}): Setting<string> {
  return {
    meaning,
    accepts: 'text',
    default: 'required',
    secret: options.secret ?? false,
    read: (value) => (value === undefined ? { problem: 'is missing' } : oneLine(value, (value) => ({ value }))),
  }
}

/** A whole number in a range, with its unit. */
export function integer(
  meaning: string,
  options: { readonly default: number; readonly min: number; readonly max: number; readonly unit?: string },
): Setting<number> {
  const unit = options.unit === undefined ? '' : ` ${options.unit}`
  const accepts = `${options.min} to ${options.max}${unit}`
  return formed(meaning, accepts, options, (text) => {
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
  return formed<number>(meaning, `${options.min} to ${options.max}`, {}, read as (text: string) => Parsed<number>)
}

/** One of a few words. */
export function choice<const T extends string>(
  meaning: string,
  words: readonly T[],
  options: { readonly default: T },
): Setting<T> {
  return formed<T>(meaning, words.map((word) => `\`${word}\``).join(' or '), options, (text) => {
    const value = words.find((word) => word === text)
    return value === undefined ? { problem: `must be ${words.join(' or ')}` } : { value }
  }) as Setting<T> // there is a default
}

/** A secret that is read elsewhere, by rules of its own: any text. */
export function secret(meaning: string): Setting<string | undefined> {
  return described(meaning, 'text', { secret: true }, (value) => ({ value }))
}

/** Texts separated by commas; blanks around them do not count. */
export function list(meaning: string, options: Options<readonly string[]> = {}): Setting<readonly string[]> {
  return described<readonly string[]>(meaning, 'texts separated by commas', { default: [], ...options }, (text) => {
    const value = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
    // As if it were not set: a list of those who may do something would allow it to everybody.
    if (value.length === 0) return { problem: 'has commas only: leave it out, or name an entry' }
    const wrong = value.findIndex((part) => CONTROL.test(part))
    return wrong === -1 ? { value } : { problem: `entry ${wrong + 1} has a line end or another control character` }
  }) as Setting<readonly string[]> // there is a default
}

/** `true` or `false`. */
export function flag(meaning: string, options: { readonly default: boolean }): Setting<boolean> {
  return formed<boolean>(meaning, '`true` or `false`', options, (text) =>
    text === 'true' || text === 'false' ? { value: text === 'true' } : { problem: 'must be true or false' },
  ) as Setting<boolean> // there is a default
}

/**
 * A setting with a form of its own. `parse` gets a text on one line, without white space at its ends: a secret that was made
 * with `echo` has a line end, which no other machine expects.
 */
export function formed<T>(
  meaning: string,
  accepts: string,
  options: Options<T>,
  parse: (text: string) => Parsed<T>,
): Setting<T | undefined> {
  return described(meaning, accepts, options, (text) => oneLine(text, parse))
}

function oneLine<T>(text: string, parse: (text: string) => Parsed<T>): Parsed<T> {
  if (ENDS.test(text)) return { problem: 'begins or ends with white space, such as the line end of a file' }
  return CONTROL.test(text) ? { problem: 'has a line end or another control character' } : parse(text)
}

// Invisible characters count as white space: a byte order mark, or a space without width that was copied along.
const ENDS = /^[\s\p{Cc}\p{Cf}]|[\s\p{Cc}\p{Cf}]$/u
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Labels as in DNS. A last label of digits would make it an IPv4 address, in a notation that programs read differently. */
function isHostName(text: string): boolean {
  const labels = text.split('.')
  return (
    text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^(\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? '')
  )
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i

function described<T>(
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
