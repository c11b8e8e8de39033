/** What Form Builder writes in an answer, read: dates, lists, addresses and blanks. Functions, for a schema of any library. */

/** An address as answered. Parts keep the names they are sent with; a part left blank is absent. */
export interface Address {
  readonly address_line_one?: string
  readonly address_line_two?: string
  readonly city?: string
  readonly county?: string
  readonly postcode?: string
  /** Form Builder fills it in, also when nothing else was answered: `United Kingdom`. */
  readonly country?: string
}

/** `30 December 2020`, with an English or a Welsh month, as `2020-12-30`; `undefined` when the text is no such date. */
export function isoDate(text: string): string | undefined {
  const [, day = '', name = '', year = ''] = /^(\d{1,2}) (\p{L}+) (\d{4})$/u.exec(text.trim()) ?? []
  const month = MONTHS.findIndex((names) => names.includes(name.toLowerCase())) + 1
  const iso = `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`
  const time = Date.parse(`${iso}T00:00:00Z`)
  // A date that the calendar does not have (31 February) is moved by the parser, or refused.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== iso ? undefined : iso
}

/** The parts of ticked checkboxes, or of several uploads: `one; two` is two. A blank text has none. */
export function splitList(text: string): string[] {
  return text
    .split('; ')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/**
 * `undefined` for what Form Builder sends when an optional question was left blank: an empty text, or an address of
 * which only the country is filled in. Everything else as it is.
 */
export function absentIfBlank(value: unknown): unknown {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  return isAddressLike(value) && addressOf(value) === undefined ? undefined : value
}

/** An address without its blank parts; `undefined` when nothing but a country is in it, or a part is no text. */
export function addressOf(value: object): Address | undefined {
  const parts = new Map<string, unknown>(Object.entries(value))
  const address: { -readonly [Part in keyof Address]: string } = {}
  for (const part of ADDRESS_PARTS) {
    const text = parts.get(part) ?? ''
    if (typeof text !== 'string') return undefined
    if (text.trim() !== '') address[part] = text.trim()
  }
  return ADDRESS_PARTS.some((part) => part !== 'country' && address[part] !== undefined) ? address : undefined
}

const ADDRESS_PARTS = ['address_line_one', 'address_line_two', 'city', 'county', 'postcode', 'country'] as const

/** An object of address parts and nothing else. */
function isAddressLike(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const parts: readonly string[] = ADDRESS_PARTS
  return Object.entries(value).every(([name, part]) => parts.includes(name) && typeof part === 'string')
}

const MONTHS: readonly (readonly string[])[] = [
  ['january', 'ionawr'],
  ['february', 'chwefror'],
  ['march', 'mawrth'],
  ['april', 'ebrill'],
  ['may', 'mai'],
  ['june', 'mehefin'],
  ['july', 'gorffennaf'],
  ['august', 'awst'],
  ['september', 'medi'],
  ['october', 'hydref'],
  ['november', 'tachwedd'],
  ['december', 'rhagfyr'],
]
