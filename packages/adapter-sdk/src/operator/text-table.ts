/** Writes tables as text that fits the width of a terminal. */

/** One column. */
export interface Column<Row> {
  readonly title: string
  /** May be left out, from the last one backwards, if the terminal is too narrow. */
  readonly optional?: boolean
  text(row: Row): string
}

/** Lines without trailing spaces. `width`: columns of the terminal; without it, as wide as needed. Longer lines are cut. */
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

/** On one line, without control characters, because a slug comes from outside. */
function shown<Row>(column: Column<Row>, row: Row): string {
  return printable(column.text(row))
}

/** Replaces characters that could control a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`
}
