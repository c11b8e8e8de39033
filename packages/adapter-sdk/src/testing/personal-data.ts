/** Finds what citizens wrote in an output that must not have it, such as a team's own log. */
import { AssertionError } from 'node:assert'
import { folded, type Reading, readings, withoutSigns } from './readings.ts'
import type { TestSubmission } from './sender.ts'

/** Options of the search. */
export interface PersonalDataOptions {
  /** Names of answers that are not searched for, such as a choice whose words are also in the output by chance. */
  readonly except?: readonly string[]
}

/** Where values are searched for: text, bytes in UTF-8, or several of them. */
export type TestOutput = string | Uint8Array | readonly (string | Uint8Array)[]

/**
 * Passes if an output has no value of these submissions: answers, names and contents of files, links and their keys; as they are,
 * in another case or spacing, without accents, or JSON-escaped, URL-encoded, HTML-escaped, in base64 or in hexadecimal, also one
 * in another. Values with fewer than 5 letters and digits (`yes`, `No`, `42`) are not searched for, those with 5 to 7 only as
 * whole words, and of longer ones any 32 characters in a row are found.
 * @throws {AssertionError} names the field, the encoding and the line, never the value. Also if there is nothing to search for:
 * such a test could not fail.
 */
export function expectNoPersonalData(
  output: TestOutput,
  submissions: TestSubmission | readonly TestSubmission[],
  { except = [] }: PersonalDataOptions = {},
): void {
  const sought = [submissions].flat().flatMap((submission) => valuesIn(submission as TestSubmission, except))
  if (sought.length === 0) fail('nothing to search for: no submission has a value of 5 or more letters and digits')
  const text = [output]
    .flat()
    .map((part) => (typeof part === 'string' ? part : Buffer.from(part as Uint8Array).toString()))
  const whole = text.join('\n')
  const all = readings(whole)
  const found = new Map<string, string>()
  for (const { field, isIn } of sought) {
    if (found.has(field)) continue
    const reading = all.find(isIn)
    if (reading !== undefined) found.set(field, where(whole, reading, isIn))
  }
  if (found.size === 0) return
  fail(`the output has personal data: ${[...found].map(([field, place]) => `${field} (${place})`).join(', ')}`)
}

/** A value, by its field, and how it is recognised. */
interface Sought {
  readonly field: string
  isIn(reading: Reading): boolean
}

function valuesIn(
  { submissionAnswers = {}, uploads = [], attachments = [] }: TestSubmission,
  except: readonly string[],
) {
  const answers = Object.entries(submissionAnswers).filter(([name]) => !except.includes(name))
  return [
    ...answers.flatMap(([name, value]) => textsIn(`submissionAnswers.${name}`, value)),
    ...uploads.flatMap(({ filename, content }, position) => [
      ...textsIn(`uploads[${position}].filename`, filename),
      ...soughtText(`uploads[${position}].content`, Buffer.from(content).toString()),
      ...soughtBytes(`uploads[${position}].content`, content),
    ]),
    ...attachments.flatMap(({ url, encryption_key, encryption_iv, filename }, position) => [
      ...(uploads.length === 0 ? textsIn(`attachments[${position}].filename`, filename) : []),
      ...soughtText(`attachments[${position}].url`, `${URL.parse(url)?.pathname}${URL.parse(url)?.search}`),
      ...soughtText(`attachments[${position}].encryption_key`, encryption_key),
      ...soughtText(`attachments[${position}].encryption_iv`, encryption_iv),
    ]),
  ]
}

/** Every text in an answer, also in lists and objects, and the parts of a joined list. */
function textsIn(field: string, value: unknown): Sought[] {
  if (Array.isArray(value)) return value.flatMap((item, position) => textsIn(`${field}[${position}]`, item))
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, member]) => textsIn(`${field}.${name}`, member))
  if (typeof value !== 'string' && typeof value !== 'number') return []
  const text = String(value)
  return [...new Set([text, ...text.split(/; |\r?\n/)])].flatMap((part) => soughtText(field, part))
}

function soughtText(field: string, value: string): Sought[] {
  const text = folded(value).trim()
  const bare = withoutSigns(text)
  if (bare.length < LEAST) return []
  // Phone numbers, postcodes and dates are written with and without their spaces and signs.
  const isNumber = /\d/.test(bare) && bare.length <= WINDOW && bare.length >= (/^\d+$/.test(bare) ? 8 : 6)
  const word = new RegExp(`(?<![\\p{L}\\p{N}])${text.replace(SYNTAX, '\\$&')}(?![\\p{L}\\p{N}])`, 'u')
  const parts = windows(text)
  return [
    {
      field,
      isIn: (reading) =>
        (isNumber && reading.bare.includes(bare)) ||
        (bare.length < LEAST_ANYWHERE
          ? word.test(reading.folded)
          : parts.some((part) => reading.folded.includes(part))),
    },
  ]
}

function soughtBytes(field: string, content: Uint8Array): Sought[] {
  // Long runs of the same few bytes stand in every picture.
  const parts = windows(Buffer.from(content).toString('latin1')).filter((part) => new Set(part).size >= LEAST_DISTINCT)
  return parts.length === 0 ? [] : [{ field, isIn: ({ bytes }) => parts.some((part) => bytes.includes(part)) }]
}

/** What means something in a regular expression. */
const SYNTAX = /[\\^$.*+?()[\]{}|/]/g
/** Fewer letters and digits stand in any output by chance. */
const LEAST = 5
/** Fewer are searched for as whole words only. */
const LEAST_ANYWHERE = 8
const LEAST_DISTINCT = 12
/** Any `WINDOW + STEP` characters in a row of a long value have one of its windows in them. */
const WINDOW = 24
const STEP = 8
/** Enough to recognise a file by. */
const MOST_WINDOWS = 2_000

/** A value, or the parts of a long one, of which each is enough to recognise it. */
function windows(text: string): string[] {
  if (text.length <= WINDOW) return text === '' ? [] : [text]
  const count = Math.min(MOST_WINDOWS, Math.ceil((text.length - WINDOW) / STEP) + 1)
  return Array.from({ length: count }, (_, i) => text.slice(Math.min(i * STEP, text.length - WINDOW)).slice(0, WINDOW))
}

function where(whole: string, { how }: Reading, isIn: (reading: Reading) => boolean): string {
  const line = whole.split('\n').findIndex((each) => readings(each).some(isIn))
  const place = line === -1 ? 'over several lines' : `line ${line + 1}`
  return how === '' ? place : `${how}, ${place}`
}

function fail(message: string): never {
  throw new AssertionError({ message, operator: 'expectNoPersonalData' })
}
