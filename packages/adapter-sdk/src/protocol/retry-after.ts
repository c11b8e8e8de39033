/** Reads the header `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date in one of three forms. */

/**
 * Seconds to wait, a whole number from 0: 0 when the date has passed. Undefined when the header is missing or is neither, such
 * as `-5`, `1.5`, an ISO date or a day that does not exist.
 */
export function retryAfterSeconds(header: string | undefined, now = Date.now()): number | undefined {
  const value = header?.trim() ?? ''
  if (/^\d{1,15}$/.test(value)) return Number(value)
  const at = httpDate(value, now)
  return at === undefined ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}

/** Milliseconds since 1970. `Date.parse` takes many texts that are no dates, and reads one form in the zone of the machine. */
function httpDate(text: string, now: number): number | undefined {
  const { groups } = FORMS.map((form) => form.exec(text)).find((found) => found !== null) ?? {}
  if (groups === undefined) return undefined
  const { day = '', month = '', year = '', hour = '', minute = '', second = '' } = groups
  const at = new Date(0)
  at.setUTCFullYear(fullYear(year, now), MONTHS.indexOf(month), Number(day))
  // A day that does not exist would become another.
  if (at.getUTCDate() !== Number(day) || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60)
    return undefined
  return at.setUTCHours(Number(hour), Number(minute), Number(second))
}

/** A year of two digits that seems more than 50 years ahead is in the past (RFC 9110 section 5.6.7). */
function fullYear(year: string, now: number): number {
  if (year.length === 4) return Number(year)
  const present = new Date(now).getUTCFullYear()
  const inThisCentury = present - (present % 100) + Number(year)
  return inThisCentury > present + 50 ? inThisCentury - 100 : inThisCentury
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const FORMS = [
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]
