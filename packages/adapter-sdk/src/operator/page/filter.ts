/** The filter of a list, as an address and a form have it, in the words of the ledger. */
import type { Filter, State } from '../../store/entry.ts'
import { isRowId } from '../../store/submission.ts'
import { field } from './parts.ts'

/** Fields of a filter, as they were sent. An empty text: not asked for. */
export interface Shown {
  /** The whole of a submissionId or of the id of a row, or the beginning of a submissionId. */
  readonly id: string
  readonly reference: string
  readonly state: string
  readonly form: string
  readonly code: string
  readonly reason: string
  /** `1`: the reason is all of it, not a part. */
  readonly whole: string
  /** `yes` or `no`. */
  readonly uncertain: string
  /** `yes`: an attempt failed since it was last redriven. `no`: none has. */
  readonly failed: string
  /** At least so many. */
  readonly attempts: string
  /** A day or a time in London, or ISO 8601 with Z: received from here on, and before. */
  readonly from: string
  readonly to: string
}

/** A filter, the fields it was made of, and what is wrong with these, by field. */
export interface Asked {
  readonly filter: Filter
  readonly shown: Shown
  readonly problems: readonly { readonly field: keyof Shown; readonly text: string }[]
}

/** Every state. */
export const STATES: readonly State[] = ['waiting', 'running', 'delivered', 'dead', 'discarded']

/** Reads the fields of a filter. A text that cannot be read is a problem: it never widens what is found. */
export function filterOf(fields: URLSearchParams): Asked {
  const shown = Object.fromEntries(FIELDS.map((name) => [name, field(fields, name).slice(0, LONGEST)])) as {
    [Name in keyof Shown]: string
  }
  const problems: Asked['problems'][number][] = []
  const read = <T>(name: keyof Shown, parse: (text: string) => T | undefined, text: string): T | undefined => {
    if (shown[name] === '') return undefined
    const value = parse(shown[name])
    if (value === undefined) problems.push({ field: name, text })
    return value
  }
  const id = shown.id === '' ? undefined : shown.id
  const reason = shown.reason === '' ? undefined : shown.reason
  const filter: Filter = {
    ...(id !== undefined && (isRowId(id.toLowerCase()) ? { id } : { idPrefix: id })),
    reference: shown.reference || undefined,
    state: read('state', (text) => STATES.find((each) => each === text), `State must be ${STATES.join(', ')}`),
    form: shown.form || undefined,
    code: shown.code || undefined,
    ...(reason !== undefined && (shown.whole === '1' ? { reason } : { reasonPart: reason })),
    uncertain: read(
      'uncertain',
      (text) => (text === 'yes' ? true : text === 'no' ? false : undefined),
      'Uncertain must be yes or no',
    ),
    failed: read(
      'failed',
      (text) => (text === 'yes' ? true : text === 'no' ? false : undefined),
      'Failed before must be yes or no',
    ),
    attempts: read(
      'attempts',
      (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
      'Attempts must be a whole number, such as 2',
    ),
    receivedAfter: read('from', (text) => timeOf(text)?.start, `Received from ${FORM_OF_TIME}`),
    receivedBefore: read('to', (text) => timeOf(text)?.end, `Received to ${FORM_OF_TIME}`),
  }
  return { filter, shown, problems }
}

/** The fields that are asked for, as a query of an address. */
export function queryOf(shown: Shown, more: Readonly<Record<string, string>> = {}): string {
  const asked = Object.entries({ ...shown, ...more }).filter(([, value]) => value !== '')
  return new URLSearchParams(asked).toString()
}

/** The query of a list as another page names it, with nothing but what a list reads. */
export function listQuery(text: string): string {
  const fields = new URLSearchParams(text)
  const page = field(fields, 'page')
  return queryOf(filterOf(fields).shown, /^\d{1,4}$/.test(page) ? { page } : {})
}

/** What is asked for, in words: for a page that acts on all of it. */
export function filterWords(shown: Shown): { readonly name: string; readonly value: string }[] {
  return Object.entries(NAMES).flatMap(([name, title]) => {
    const value = shown[name as keyof Shown]
    return value === '' ? [] : [{ name: title, value }]
  })
}

const NAMES = {
  id: 'Submission ID',
  reference: 'Reference',
  form: 'Form',
  code: 'Code',
  reason: 'Reason',
  uncertain: 'Uncertain',
  failed: 'Failed before',
  attempts: 'Attempts, at least',
  from: 'Received from',
  to: 'Received to',
} as const

const FIELDS: readonly (keyof Shown)[] = [
  ...(['id', 'reference', 'state', 'form', 'code', 'reason', 'whole'] as const),
  ...(['uncertain', 'failed', 'attempts', 'from', 'to'] as const),
]
/** As long as the longest text of a store. */
const LONGEST = 2000
const FORM_OF_TIME = 'must be a day or a time, such as 2026-11-29 or 2026-11-29 14:30'

/** A day or a minute in London, or an instant: its start, and the end of the day. */
function timeOf(text: string): { readonly start: Date; readonly end: Date } | undefined {
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text) ? new Date(text) : undefined
  if (instant !== undefined) return Number.isNaN(instant.getTime()) ? undefined : { start: instant, end: instant }
  const [, year, month, day, hour, minute] = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d))?$/.exec(text) ?? []
  if (year === undefined) return undefined
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0)] as const
  const local = new Date(Date.UTC(...parts))
  const isReal = local.toISOString().startsWith(`${year}-${month}-${day}T${hour ?? '00'}:${minute ?? '00'}`)
  if (!isReal) return undefined
  const start = inLondon(local)
  return { start, end: hour === undefined ? inLondon(new Date(local.getTime() + 86_400_000)) : start }
}

/** The instant at which clocks in London show the time that this one shows in UTC. */
function inLondon(local: Date): Date {
  const shown = Object.fromEntries(LONDON.formatToParts(local).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = shown
  return new Date(2 * local.getTime() - Date.UTC(year, month - 1, day, hour, minute))
}

const LONDON = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/London',
  hourCycle: 'h23',
  ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
})
