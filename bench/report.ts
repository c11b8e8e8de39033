/** Rounds become medians, medians become ratios, and those a table for people and JSON for programs. */

/** One measured thing: a figure for each round. */
export interface Measure {
  readonly subject: string
  readonly unit: string
  readonly rounds: readonly number[]
  /** What it is held against: another subject of the same benchmark. */
  readonly against?: string
  /** The ratio of each round, where the subject was measured between two floors. Default: from the rounds of `against`. */
  readonly ratios?: readonly number[]
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
  /** Median of the ratios round by round, so that a machine that drifts does not count; and their spread. */
  readonly ratio?: number
  readonly ratioLeast?: number
  readonly ratioMost?: number
  readonly met?: boolean
}

export function toRows(measures: readonly Measure[]): Row[] {
  return measures.map((measure) => {
    const rounds = measure.rounds.toSorted((a, b) => a - b)
    const base = { ...measure, median: median(rounds), least: rounds[0] ?? 0, most: rounds.at(-1) ?? 0 }
    const floor = measures.find(({ subject }) => subject === measure.against)
    const ratios = (
      measure.ratios ??
      (floor && measure.rounds.map((value, round) => value / (floor.rounds[round % floor.rounds.length] ?? value)))
    )?.toSorted((a, b) => a - b)
    const ratio = ratios && median(ratios)
    return {
      ...base,
      ...(ratios &&
        ratio !== undefined && { ratio, ratioLeast: ratios[0] ?? ratio, ratioMost: ratios.at(-1) ?? ratio }),
      ...(measure.mark && { met: isMet(measure.mark, ratio, base.median) }),
    }
  })
}

/** `stored`: the rows of an earlier run, to compare with. */
export function printTable(name: string, rows: readonly Row[], stored: readonly Row[] = []): void {
  const cells = rows.map((row) => [
    row.subject,
    `${figure(row.median)} ${row.unit}`,
    `${figure(row.least)} to ${figure(row.most)}`,
    row.against ?? '',
    row.ratio === undefined ? '' : ratioText(row.ratio),
    row.ratioLeast === undefined || row.ratioMost === undefined
      ? ''
      : `${ratioText(row.ratioLeast)} to ${ratioText(row.ratioMost)}`,
    storedText(
      row,
      stored.find(({ subject }) => subject === row.subject),
    ),
    row.mark === undefined
      ? ''
      : `${row.mark.atMost ? 'at most' : 'at least'} ${'ratio' in row.mark ? row.mark.ratio : row.mark.value}`,
    row.met === undefined ? '' : row.met ? 'met' : 'MISSED',
    row.note ?? '',
  ])
  const head = ['subject', 'median', 'spread', 'against', 'ratio', 'spread', 'stored', 'mark', '', '']
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)))
  console.log(`\n${name}`)
  for (const row of [head, ...cells])
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

/** The figure of the stored run that can be compared: its ratio, or where there is none its median. In words where it differs by more than the spread. */
function storedText(now: Row, then: Row | undefined): string {
  if (then === undefined) return ''
  const [value, least, most, old] =
    now.ratio === undefined || then.ratio === undefined
      ? [now.median, now.least, now.most, then.median]
      : [now.ratio, now.ratioLeast ?? now.ratio, now.ratioMost ?? now.ratio, then.ratio]
  const text = now.ratio === undefined || then.ratio === undefined ? figure(old) : ratioText(old)
  if (old >= least && old <= most) return text
  return `${text}, now ${value > old ? '+' : '-'}${Math.round(Math.abs(value / old - 1) * 100)} %`
}

export function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

function isMet(mark: NonNullable<Measure['mark']>, ratio: number | undefined, value: number): boolean {
  if ('value' in mark) return value <= mark.value
  return mark.atMost ? (ratio ?? Number.POSITIVE_INFINITY) <= mark.ratio : (ratio ?? 0) >= mark.ratio
}

function ratioText(ratio: number): string {
  return ratio.toFixed(2)
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-GB') : value.toPrecision(3)
}
