/** Works out RequestDate, the day that Optics counts as the day of receipt. */
import type { Answers } from './answers.ts'

/**
 * The day as `YYYY-MM-DD`. If the answers contain `submissionDate` (milliseconds), it is that day in UTC. The value is read
 * as the Ruby adapter reads it: anything that does not start with a number is 0. Otherwise it is the day in `timeZone` on
 * which the submission was first received, so that a retry after midnight does not change it.
 */
export function requestDate(answers: Answers, receivedAt: Date, timeZone: string): string {
  return Object.hasOwn(answers, 'submissionDate')
    ? utcDay(leadingInteger(answers['submissionDate']))
    : zonedDay(receivedAt, timeZone)
}

function zonedDay(instant: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  const part = Object.fromEntries(parts.formatToParts(instant).map(({ type, value }) => [type, value]))
  return `${part['year']}-${part['month']}-${part['day']}`
}

const MS_PER_DAY = 86_400_000n
// Ruby's Time accepts any year, JavaScript's Date does not. The Gregorian calendar repeats every 400 years, so the date is
// worked out within one cycle of it.
const DAYS_PER_CYCLE = 146_097n
const YEARS_PER_CYCLE = 400n

function utcDay(milliseconds: bigint): string {
  const days = floorDivide(milliseconds, MS_PER_DAY)
  const cycles = floorDivide(days, DAYS_PER_CYCLE)
  const date = new Date(Number((days - cycles * DAYS_PER_CYCLE) * MS_PER_DAY))
  const year = BigInt(date.getUTCFullYear()) + cycles * YEARS_PER_CYCLE
  const digits = String(year < 0n ? -year : year).padStart(4, '0')
  return `${year < 0n ? '-' : ''}${digits}${date.toISOString().slice(4, 10)}`
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  return dividend % divisor < 0n ? quotient - 1n : quotient
}

/** The same as `value.to_s.to_i` in Ruby, for a JSON value. */
function leadingInteger(value: unknown): bigint {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : leadingDigits(fraction(value))
  // In Ruby `null` is "", a list starts with "[", an object with "{", true and false with a letter. All of them give 0.
  return typeof value === 'string' ? leadingDigits(value) : 0n
}

/** The start of a fraction as Ruby writes it: numbers below 0.0001 have an exponent. */
function fraction(value: number): string {
  return Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
}

function leadingDigits(text: string): bigint {
  const { sign, digits } = INTEGER.exec(text)?.groups ?? {}
  const magnitude = BigInt((digits ?? '0').replaceAll('_', ''))
  return sign === '-' ? -magnitude : magnitude
}

// Ruby skips ASCII white space and accepts one sign, the prefix 0d for a decimal, and single underscores between digits.
const INTEGER = /^[ \t\n\v\f\r]*(?<sign>[+-]?)(?:0[dD](?=\d))?(?<digits>\d+(?:_\d+)*)/
