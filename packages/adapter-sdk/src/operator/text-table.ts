/** Tables for people, in as many columns of text as their terminal has. */

/** One column. */
export interface Column<Row> {
  readonly title: string
  /** Left out, last ones first, when the terminal is too narrow. */
  readonly optional?: boolean
  text(row: Row): string
}

/** Lines without trailing blanks. `width`: of the terminal; absent: as wide as needed. The last column is cut to fit. */
export function textTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width?: number): string {
  const kept = [...columns]
  const most = width ?? Number.POSITIVE_INFINITY
  while (minimumWidth(kept, rows) > most) {
    const dropped = kept.findLastIndex((column) => column.optional)
    if (dropped === -1) break
    kept.splice(dropped, 1)
  }
  const widths = kept.map((column) => widest(column, rows))
  const lines = [kept.map(({ title }) => title), ...rows.map((row) => kept.map((column) => shown(column, row)))]
  return lines
    .map((cells) =>
      cut(
        cells
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join(GAP)
          .trimEnd(),
        most,
      ),
    )
    .join('\n')
}

const GAP = '  '
const SHORTEST_LAST_COLUMN = 12

function minimumWidth<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const widths = columns.map((column) => widest(column, rows))
  const last = widths.pop() ?? 0
  return widths.reduce((sum, each) => sum + each + GAP.length, 0) + Math.min(last, SHORTEST_LAST_COLUMN)
}

function widest<Row>(column: Column<Row>, rows: readonly Row[]): number {
  return Math.max(column.title.length, ...rows.map((row) => shown(column, row).length))
}

/** On one line, without control characters: a slug comes from outside. */
function shown<Row>(column: Column<Row>, row: Row): string {
  return printable(column.text(row))
}

/** Text that a terminal shows as it is. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`
}
