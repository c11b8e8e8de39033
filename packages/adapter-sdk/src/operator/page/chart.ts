/** Computes a bar chart of a period. The view draws it as SVG, and shows the same numbers as a table. */
import type { Hour } from '../../store/entry.ts'

/** A period of the chart, by its name in the query. */
export interface Period {
  readonly name: '24h' | '7d' | '28d'
  readonly text: string
  /** What one bar stands for. */
  readonly each: string
  /** How many hours to read, so that every bar is whole. */
  readonly hours: number
  readonly bars: number
  /** A label after so many bars. */
  readonly tick: number
  /** Hours with the same key are one bar. */
  readonly keyOf: (hour: Date) => string
  readonly label: (start: Date) => string
  readonly tickLabel: (start: Date) => string
}

/** What happened in the time of one bar, which starts at `hour` (ISO 8601). */
export type Bucket = Hour

/** One row of bars for each series. All rows have the same times and scale, so that heights can be compared. */
export interface Chart {
  readonly width: number
  readonly height: number
  readonly rows: readonly Row[]
  /** The scale of every row: what the line at the top, and the one in the middle, stand for. */
  readonly scale: { readonly top: number; readonly middle: number }
  /** Times to write under the bars: each is at the end of an equal part of the width. */
  readonly ticks: readonly string[]
  /** The same numbers, oldest first. */
  readonly buckets: readonly (Bucket & { readonly label: string })[]
}

export interface Row {
  readonly name: string
  /** Names the colour in the style sheet. */
  readonly series: 'accepted' | 'delivered' | 'dead'
  readonly total: number
  /** The bar with the most. */
  readonly peak: Bar | undefined
  readonly bars: readonly Bar[]
}

/** Sizes are in units of the SVG view box. */
export interface Bar {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly label: string
  readonly count: number
}

/** The period of that name, or the first. */
export function periodOf(name: string): Period {
  return PERIODS.find((each) => each.name === name) ?? PERIODS[0]
}

/** `hours`: as many as the period asks for, oldest first. */
export function chartOf(period: Period, hours: readonly Hour[]): Chart {
  const buckets = bucketsOf(period, hours)
  const scale = scaleOf(Math.max(0, ...buckets.flatMap(({ accepted, delivered, dead }) => [accepted, delivered, dead])))
  const rows = SERIES.map(({ name, series }): Row => {
    const bars = buckets.flatMap(({ label, [series]: count }, position): Bar[] => {
      if (count === 0) return []
      // A count of one must be visible, however high the other bars are.
      const height = Math.max(2, Math.round((count / scale.top) * HEIGHT))
      return [{ x: position * STEP + 1, y: HEIGHT - height, width: STEP - 2, height, label, count }]
    })
    const peak = bars.reduce<Bar | undefined>((most, bar) => (bar.count > (most?.count ?? 0) ? bar : most), undefined)
    return { name, series, total: bars.reduce((sum, { count }) => sum + count, 0), peak, bars }
  })
  const ticks = buckets.flatMap(({ hour }, position) =>
    (position + 1) % period.tick === 0 ? [period.tickLabel(new Date(hour))] : [],
  )
  return { width: buckets.length * STEP, height: HEIGHT, rows, scale, ticks, buckets }
}

/** Adds up the hours of each bar. The first hours may be a part of a bar only: those are left out. */
function bucketsOf({ keyOf, label, bars }: Period, hours: readonly Hour[]): Chart['buckets'] {
  return [...Map.groupBy(hours, ({ hour }) => keyOf(new Date(hour))).values()].slice(-bars).map((each) => {
    const sum = (what: 'accepted' | 'delivered' | 'dead') => each.reduce((total, hour) => total + hour[what], 0)
    const { hour } = each[0] as Hour // a group is never empty
    return {
      hour,
      label: label(new Date(hour)),
      accepted: sum('accepted'),
      delivered: sum('delivered'),
      dead: sum('dead'),
    }
  })
}

/** The smallest of 2, 4, 10, 20, 40, 100 and so on that is enough: its half is a whole number. */
function scaleOf(highest: number): Chart['scale'] {
  let power = 1
  while (power * 10 < highest) power *= 10
  const top = [2, 4, 10].map((factor) => factor * power).find((each) => each >= highest) ?? 10 * power
  return { top, middle: top / 2 }
}

const SERIES = [
  { name: 'Accepted', series: 'accepted' },
  { name: 'Delivered', series: 'delivered' },
  { name: 'Dead letters', series: 'dead' },
] as const

const STEP = 10
const HEIGHT = 64

const london = (options: Intl.DateTimeFormatOptions) => {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', ...options })
  return (time: Date) => format.format(time)
}
const clock = london({ hour: '2-digit', minute: '2-digit' })
const day = london({ weekday: 'short', day: 'numeric', month: 'short' })
const date = london({ dateStyle: 'short' })
const shortDay = london({ day: 'numeric', month: 'short' })
const quarter = (time: Date) => Math.floor(Number(clock(time).slice(0, 2)) / 6)

// Days and quarters of a day are those of London; a change of its clocks makes one longer or shorter.
const PERIODS = [
  {
    ...{ name: '24h', text: '24 hours', each: 'hour', hours: 24, bars: 24, tick: 6 },
    keyOf: (hour: Date) => hour.toISOString(),
    label: clock,
    tickLabel: clock,
  },
  {
    ...{ name: '7d', text: '7 days', each: '6 hours', hours: 7 * 24 + 7, bars: 28, tick: 4 },
    keyOf: (hour: Date) => `${date(hour)} ${quarter(hour)}`,
    label: (start: Date) => `${day(start)}, ${clock(start)}`,
    tickLabel: shortDay,
  },
  {
    ...{ name: '28d', text: '28 days', each: 'day', hours: 28 * 24 + 1, bars: 28, tick: 7 },
    keyOf: date,
    label: day,
    tickLabel: shortDay,
  },
] as const satisfies readonly Period[]

/** Every period, for the choice. */
export const PERIOD_CHOICES = PERIODS.map(({ name, text }) => ({ name, text }))
