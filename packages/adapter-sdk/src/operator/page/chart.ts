/** Computes a bar chart of the last hours. The view draws it as SVG, and shows the same numbers as a table. */
import type { Hour } from '../../store/entry.ts'

/** One row of bars for each series. All rows have the same hours and scale, so that heights can be compared. */
export interface Chart {
  readonly width: number
  readonly height: number
  readonly rows: readonly Row[]
  /** Hours to write under the bars: each is at the end of an equal part of the width. */
  readonly ticks: readonly string[]
}

export interface Row {
  readonly name: string
  /** Names the colour in the style sheet. */
  readonly series: 'accepted' | 'delivered' | 'dead'
  readonly total: number
  /** The hour with the most. */
  readonly peak: Bar | undefined
  readonly bars: readonly Bar[]
}

/** Sizes are in units of the SVG view box. */
export interface Bar {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly hour: string
  readonly count: number
}

export function chartOf(hours: readonly Hour[]): Chart {
  const highest = Math.max(1, ...hours.flatMap(({ accepted, delivered, dead }) => [accepted, delivered, dead]))
  const rows = SERIES.map(({ name, series }): Row => {
    const bars = hours.flatMap(({ hour, [series]: count }, position): Bar[] => {
      if (count === 0) return []
      // A count of one must be visible, however high the other bars are.
      const height = Math.max(2, Math.round((count / highest) * HEIGHT))
      return [{ x: position * STEP + 1, y: HEIGHT - height, width: STEP - 2, height, hour, count }]
    })
    const peak = bars.reduce<Bar | undefined>((most, bar) => (bar.count > (most?.count ?? 0) ? bar : most), undefined)
    return { name, series, total: bars.reduce((sum, { count }) => sum + count, 0), peak, bars }
  })
  const ticks = hours.flatMap(({ hour }, position) => ((position + 1) % TICK_HOURS === 0 ? [hour] : []))
  return { width: hours.length * STEP, height: HEIGHT, rows, ticks }
}

const SERIES = [
  { name: 'Accepted', series: 'accepted' },
  { name: 'Delivered', series: 'delivered' },
  { name: 'Dead letters', series: 'dead' },
] as const

const STEP = 10
const HEIGHT = 64
const TICK_HOURS = 6
