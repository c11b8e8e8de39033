/** The options that choose submissions, the same for every command. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Filter, State } from '../store/entry.ts'

/** What the options were given. */
export interface FilterOptions {
  readonly form?: string
  readonly code?: string | undefined
  readonly uncertain?: boolean
  readonly since?: Date
  readonly until?: Date
  readonly attempts?: number
  readonly reference?: string
  readonly id?: string
}

/** States, in the order of a submission's life. */
export const STATES = ['waiting', 'running', 'delivered', 'dead', 'discarded'] as const satisfies readonly State[]

/** Adds what narrows a choice down, beside form and code. */
export function addNarrowing(command: Command): Command {
  return command
    .option('--since <time>', 'only those received at this time or later; a time, or how long ago: 2h, 3d', moment)
    .option('--until <time>', 'only those received before this time', moment)
    .option('--attempts <count>', 'only those with so many attempts or more', wholeNumber(0, 999_999))
    .option('--reference <text>', 'only those with this reference of the case system')
}

/** The store's conditions. */
export function filterOf(root: Command, options: FilterOptions): Filter {
  const { form, code, uncertain, since, until, attempts, reference, id } = options
  if (since !== undefined && until !== undefined && since >= until) root.error('error: --since must be before --until')
  return {
    ...(form === undefined ? {} : { form }),
    ...(code === undefined ? {} : { code }),
    ...(uncertain === undefined ? {} : { uncertain }),
    ...(since === undefined ? {} : { receivedAfter: since }),
    ...(until === undefined ? {} : { receivedBefore: until }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(reference === undefined ? {} : { reference }),
    ...(id === undefined ? {} : { idPrefix: id }),
  }
}

/** Only JSON, or only CSV. */
export function addFormats(command: Command, json = 'as JSON'): Command {
  return command.option('--json', json).addOption(new Option('--csv', 'as CSV, for a spreadsheet').conflicts('json'))
}

/** A whole number of a range. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

/** A time with its zone: a time without one means another moment on another machine. */
export function time(text: string): Date {
  const parsed = zoned(text)
  if (parsed === undefined) {
    throw new InvalidArgumentError('It must be a time with its zone, such as 2026-11-28T01:00:00Z.')
  }
  return parsed
}

/** A time with its zone, a day in UTC, or how long ago. */
export function moment(text: string): Date {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text)
  const parsed =
    unit === undefined
      ? zoned(isDay ? `${text}T00:00:00Z` : text)
      : new Date(Date.now() - Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1000)
  if (parsed === undefined || Number.isNaN(parsed.getTime())) {
    throw new InvalidArgumentError(
      'It must be a time such as 2026-11-28T01:00:00Z, a day (UTC) such as 2026-11-28, or how long ago: 90s, 30m, 2h, 3d, 1w.',
    )
  }
  return parsed
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const

function zoned(text: string): Date | undefined {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const parsed = new Date(text)
  if (day === undefined || Number.isNaN(parsed.getTime())) return undefined
  // The 30th of February is no day, and not the 2nd of March.
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? parsed : undefined
}
