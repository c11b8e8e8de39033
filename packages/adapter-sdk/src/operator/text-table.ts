/** Writes tables as text that fits the width of a terminal. */
import { type Look, type Paint, paintOf, plain } from './colour.ts'
import type { Output } from './output.ts'

/** One column. */
export interface Column<Row> {
  readonly title: string
  /** Place among the columns that give way when the terminal is too narrow: 1 goes first. Absent: it stays. */
  readonly givesWay?: number
  /** Characters to which it may be cut. Absent: it stays whole or is left out. */
  readonly least?: number
  text(row: Row): string
  /** What the text means. */
  look?(row: Row): Look | undefined
}

/** Where a table is written. */
export interface Page {
  /** Columns of the terminal. Absent: the table is as wide as it needs to be. */
  readonly width?: number | undefined
  readonly paint?: Paint | undefined
}

/** The width and the colours of what a command prints. */
export function pageOf({ width, colour }: Pick<Output, 'width' | 'colour'>): Page {
  return { width, paint: paintOf({ colour }) }
}

/** Lines without trailing spaces. A last line says what was left out or cut so that they fit. */
export function textTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], page: Page = {}): string {
  const table = new TextTable(columns, page)
  return [table.add(rows), ...table.end()].join('\n')
}

/** A table that grows: what has been written stays, so the first rows decide which columns there are. */
export class TextTable<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #page: Page
  readonly #cut = new Set<string>()
  #fitted: readonly Fitted<Row>[] = []

  constructor(columns: readonly Column<Row>[], page: Page = {}) {
    this.#columns = columns
    this.#page = page
  }

  /** The lines of these rows, with the titles before the first. */
  add(rows: readonly Row[]): string {
    const { width: most = Number.POSITIVE_INFINITY } = this.#page
    const isFirst = this.#fitted.length === 0
    if (isFirst) this.#fitted = fitted(this.#columns, rows, most)
    const columns = this.#fitted
    // A longer cell of a later row makes its column wider while there is room.
    for (const each of columns) {
      each.width += Math.max(0, Math.min(widest(each.column, rows) - each.width, most - widthOf(columns)))
    }
    const titles = columns.map(({ column: { title } }) => [title, 'title'] as const)
    const cells = rows.map((row) => columns.map(({ column }) => [shown(column, row), column.look?.(row)] as const))
    return [...(isFirst ? [titles] : []), ...cells].map((line) => this.#line(columns, line, most)).join('\n')
  }

  /** What was left out or cut, as a line; none: it all stands there. */
  end(): string[] {
    const kept = new Set(this.#fitted.map(({ column }) => column.title))
    const left = this.#columns.flatMap(({ title }) => (kept.has(title) ? [] : [title]))
    const cut = this.#columns.flatMap(({ title }) => (kept.has(title) && this.#cut.has(title) ? [title] : []))
    const what = [
      ...(left.length > 0 ? [`left out ${left.join(', ')}`] : []),
      ...(cut.length > 0 ? [`cut ${cut.join(', ')}`] : []),
    ]
    if (kept.size === 0 || what.length === 0) return []
    const { width = 0, paint = plain } = this.#page
    const note = `(for ${width} columns: ${what.join('; ')}. --json has all)`
    return folded(note, width).map((line) => paint('doubtful', line))
  }

  #line(
    columns: readonly Fitted<Row>[],
    cells: readonly (readonly [text: string, look: Look | undefined])[],
    most: number,
  ): string {
    const { paint = plain } = this.#page
    let line = ''
    let used = 0
    for (const [i, { column, width }] of columns.entries()) {
      const [text = '', look] = cells[i] ?? []
      const short = cut(text, Math.min(width, most - used))
      if (short !== text) this.#cut.add(column.title)
      const gap = Math.max(0, Math.min(width + GAP - short.length, most - used - short.length))
      line += `${short === '' ? '' : paint(look, short)}${' '.repeat(i === columns.length - 1 ? 0 : gap)}`
      used += short.length + gap
    }
    return line.trimEnd()
  }
}

/** Spaces between columns. */
const GAP = 2

interface Fitted<Row> {
  readonly column: Column<Row>
  width: number
}

/** Columns that fit. Those that give way are cut, or else left out, one after another until the rest has room. */
function fitted<Row>(columns: readonly Column<Row>[], rows: readonly Row[], most: number): Fitted<Row>[] {
  let kept: Fitted<Row>[] = columns.map((column) => ({ column, width: widest(column, rows) }))
  const yielding = kept
    .filter(({ column }) => column.givesWay !== undefined)
    .sort((a, b) => (a.column.givesWay ?? 0) - (b.column.givesWay ?? 0))
  for (const each of [...yielding, ...kept.filter(({ column }) => column.givesWay === undefined)]) {
    const over = widthOf(kept) - most
    if (over <= 0) break
    const least = Math.max(each.column.least ?? Number.POSITIVE_INFINITY, each.column.title.length)
    if (each.width - over >= least) each.width -= over
    else if (each.column.givesWay !== undefined) kept = kept.filter((other) => other !== each)
    else if (least < each.width) each.width = least
  }
  return kept
}

function widthOf(columns: readonly { readonly width: number }[]): number {
  return columns.reduce((sum, { width }) => sum + width + GAP, -GAP)
}

function widest<Row>(column: Column<Row>, rows: readonly Row[]): number {
  return rows.reduce((most, row) => Math.max(most, shown(column, row).length), column.title.length)
}

/** On one line, without control characters, because a slug comes from outside. */
function shown<Row>(column: Column<Row>, row: Row): string {
  return printable(column.text(row))
}

/** Replaces characters that could control a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : width < 1 ? '' : `${text.slice(0, width - 1)}…`
}

/** A sentence on as many lines as it needs. */
export function folded(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    const longer = last === '' ? word : `${last} ${word}`
    if (longer.length <= width || last === '') lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
