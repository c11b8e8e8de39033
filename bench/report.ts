/** Rounds become medians, medians become ratios, and those a table for people and JSON for programs. */

/** One measured thing: a figure for each round. */
export interface Measure {
  readonly subject: string
  readonly unit: string
  readonly rounds: readonly number[]
  /** What it is held against: another subject of the same benchmark. */
  readonly against?: string
  /** The ratio that it has to reach; `atMost` turns the comparison round. */
  readonly mark?:
    | { readonly ratio: number; readonly atMost?: boolean }
    | { readonly value: number; readonly atMost: true }
  readonly note?: string
}

export interface Row extends Measure {
  readonly median: number
  readonly least: number
  readonly most: number
  /** Median of the ratios round by round, so that a machine that drifts does not count. */
  readonly ratio?: number
  readonly met?: boolean
}

export function toRows(measures: readonly Measure[]): Row[] {
  return measures.map((measure) => {
    const rounds = measure.rounds.toSorted((a, b) => a - b)
    const base = { ...measure, median: median(rounds), least: rounds[0] ?? 0, most: rounds.at(-1) ?? 0 }
    const floor = measures.find(({ subject }) => subject === measure.against)
    const ratios =
      floor && measure.rounds.map((value, round) => value / (floor.rounds[round % floor.rounds.length] ?? value))
    const ratio = ratios && median(ratios.toSorted((a, b) => a - b))
    return {
      ...base,
      ...(ratio !== undefined && { ratio }),
      ...(measure.mark && { met: isMet(measure.mark, ratio, base.median) }),
    }
  })
}

export function printTable(name: string, rows: readonly Row[]): void {
  const cells = rows.map((row) => [
    row.subject,
    `${figure(row.median)} ${row.unit}`,
    `${figure(row.least)} to ${figure(row.most)}`,
    row.against ?? '',
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.mark === undefined
      ? ''
      : `${row.mark.atMost ? 'at most' : 'at least'} ${'ratio' in row.mark ? row.mark.ratio : row.mark.value}`,
    row.met === undefined ? '' : row.met ? 'met' : 'MISSED',
    row.note ?? '',
  ])
  const head = ['subject', 'median', 'spread', 'against', 'ratio', 'mark', '', '']
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)))
  console.log(`\n${name}`)
  for (const row of [head, ...cells])
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

export function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

function isMet(mark: NonNullable<Measure['mark']>, ratio: number | undefined, value: number): boolean {
  if ('value' in mark) return value <= mark.value
  return mark.atMost ? (ratio ?? Number.POSITIVE_INFINITY) <= mark.ratio : (ratio ?? 0) >= mark.ratio
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-GB') : value.toPrecision(3)
}
