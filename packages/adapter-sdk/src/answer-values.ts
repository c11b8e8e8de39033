/** What Form Builder writes in an answer, read: numbers, dates, lists, addresses and blanks. Functions, for a schema of any library. */

// The sender decides what a citizen may send, and each reader lets all of that pass: as a value where nothing is lost by
// it, and otherwise as the text that was sent. test/sender-accepts.ts has rows of each. The sources are
// ministryofjustice/fb-metadata-presenter, app/validators/metadata_presenter (V) and app/models/metadata_presenter (M), and
// ministryofjustice/fb-runner, app/services/platform (R), with the start of the commit:
//
// | reader            | checked by                               | lets pass                                                  |
// |-------------------|------------------------------------------|------------------------------------------------------------|
// | numberOf          | V/number_validator.rb b8206748           | what Ruby's Float() reads: +44..., 007, 1_000, .5, 1e9, 0xF |
// | isoDate           | V/date_validator.rb af60e618             | Ruby's Date: years of any length, Julian before 15.10.1582 |
// |                   | R/submitter_payload.rb 9ca28a9f          | writes it as `%d %B %Y`, in the language of the form       |
// | addressOf         | V/address_validator.rb ddd94672          | required: line one, city, postcode, country; else anything |
// |                   | V/postcode_validator.rb 4d550598         | outside of the United Kingdom: any postcode                |
// |                   | M/address_fieldset.rb 65b3a1a6           | writes `United Kingdom` where no country was entered       |
// | isBlank           | V/required_validator.rb bc74bb69         | what `blank?` of Rails calls not blank                     |
// | splitList         | R/submitter_payload.rb 9ca28a9f          | joins with `; ` what may hold it                           |
// | text (answers.ts) | V/email_validator.rb 39392706 and others | any text; its validators need no reader                    |
// | exact (answers.ts)| V/autocomplete_validator.rb 665a4a9d     | the value of an item, with its white space                 |
// |                   | M/page_answers.rb 135deebb               | a file name without `> " [ ] { } * ? : | / < \\`            |

/** An address as answered. Parts keep the names they are sent with; a part left blank is absent. */
export interface Address {
  readonly address_line_one?: string
  readonly address_line_two?: string
  readonly city?: string
  readonly county?: string
  readonly postcode?: string
  /** Form Builder fills in `United Kingdom` when none is entered, also when nothing else was answered. */
  readonly country?: string
}

/**
 * A number where the text survives it: `String(Number(text)) === text`. Otherwise the text as sent, so that no zero, sign or
 * digit is lost: `07700900123`, `+447700900123`, `0.10`, `1_000`. `undefined` when it is neither a number of the sender nor
 * digits with spaces, commas, points, hyphens or brackets, which a text question lets pass.
 */
export function numberOf(text: string): number | string | undefined {
  const sent = trim(text)
  if (!FLOAT.test(sent) && !DIGITS.test(sent)) return undefined
  return String(Number(sent)) === sent ? Number(sent) : sent
}

// The grammar of Ruby's Float(): single underscores between digits, no leading or final one.
const FLOAT =
  /^[+-]?(?:0x[\da-f]+(?:_[\da-f]+)*(?:\.[\da-f]+(?:_[\da-f]+)*)?(?:p[+-]?\d+)?|(?:\d+(?:_\d+)*\.?|(?:\d+(?:_\d+)*)?\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?)$/i
const DIGITS = /^[+-]?\(?\d[\d ,.()-]*$/

/**
 * `30 December 2020`, with an English or a Welsh month, as `2020-12-30`. A date that this cannot show is the text as sent: a
 * year of more than four digits or before 0, or a 29 February that only the Julian calendar has. `undefined` when the text is
 * no date.
 */
export function isoDate(text: string): string | undefined {
  const sent = trim(text)
  const [, day = '', name = '', year = ''] = /^(\d{1,2}) (\p{L}+) (-?\d{4,})$/u.exec(sent) ?? []
  const month = MONTHS.findIndex((names) => names.includes(name.toLowerCase())) + 1
  if (month === 0 || Number(day) < 1) return undefined
  if (Number(day) <= daysIn(month, isGregorianLeap(year)) && /^\d{4}$/.test(year))
    return `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`
  return Number(day) <= daysIn(month, isLeap(year)) ? sent : undefined
}

/** The sender counts days before 15 October 1582 by the Julian calendar, as Ruby does. */
function isLeap(year: string): boolean {
  const isJulian = year.startsWith('-') || (year.length === 4 && Number(year) <= 1582)
  return isJulian ? Number(year.slice(-4)) % 4 === 0 : isGregorianLeap(year)
}

/** The calendar repeats every 400 years, so the last four digits of the year decide. */
function isGregorianLeap(year: string): boolean {
  const inCycle = Number(year.slice(-4)) % 400
  return inCycle % 4 === 0 && (inCycle % 100 !== 0 || inCycle === 0)
}

function daysIn(month: number, leap: boolean): number {
  if (month === 2) return leap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** The ticked checkboxes: `one; two` is two. A blank text has none. An option that holds `"; "` itself is not seen as one. */
export function splitList(text: string): string[] {
  return text
    .split('; ')
    .map(trim)
    .filter((part) => part !== '')
}

/**
 * `undefined` for what Form Builder sends when an optional question was left blank: an empty text, or an address of which
 * only the country is filled in, with the one that Form Builder fills in itself. Everything else as it is.
 */
export function absentIfBlank(value: unknown): unknown {
  if (typeof value === 'string') return isBlank(value) ? undefined : value
  if (Array.isArray(value)) return value.length === 0 ? undefined : value
  return isAddressLike(value) && addressOf(value) === undefined ? undefined : value
}

/** An address without its blank parts; `undefined` when nothing was entered, or a part is no text. */
export function addressOf(value: object): Address | undefined {
  const parts = new Map<string, unknown>(Object.entries(value))
  const address: { -readonly [Part in keyof Address]: string } = {}
  for (const part of ADDRESS_PARTS) {
    const text = parts.get(part) ?? ''
    if (typeof text !== 'string') return undefined
    if (!isBlank(text)) address[part] = trim(text)
  }
  return ADDRESS_PARTS.some((part) => address[part] !== undefined && !isFilledIn(part, address[part]))
    ? address
    : undefined
}

/** Whether Form Builder wrote this part of an address, and nobody else. */
function isFilledIn(part: keyof Address, text: string): boolean {
  return part === 'country' && text === 'United Kingdom'
}

const ADDRESS_PARTS = ['address_line_one', 'address_line_two', 'city', 'county', 'postcode', 'country'] as const

/** An object of address parts and nothing else. */
function isAddressLike(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const parts: readonly string[] = ADDRESS_PARTS
  return Object.entries(value).every(([name, part]) => parts.includes(name) && typeof part === 'string')
}

/** Whether a text is blank for Form Builder. */
export function isBlank(text: string): boolean {
  return trim(text) === ''
}

/**
 * Without white space around it. Unlike `String#trim`, this is the white space of the sender: a byte order mark is text. It
 * looks at each character once, however long the text is.
 */
export function trim(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && WHITE_SPACE.test(text.charAt(start))) start++
  while (end > start && WHITE_SPACE.test(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

const WHITE_SPACE = /\p{White_Space}/u

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
