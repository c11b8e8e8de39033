/** Writes lists as CSV (RFC 4180) that is safe to open in a spreadsheet. */

/** One column: its title, and what stands in it. */
export type CsvColumn<Row> = readonly [title: string, value: (row: Row) => string | number | boolean | null]

/** The line of titles, with its line break. */
export function csvHead<Row>(columns: readonly CsvColumn<Row>[]): string {
  return csvLine(columns.map(([title]) => title))
}

/** A line for each row, with their line breaks. */
export function csvRows<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  return rows.map((row) => csvLine(columns.map(([, value]) => value(row)))).join('')
}

function csvLine(values: readonly (string | number | boolean | null)[]): string {
  return `${values.map(csvCell).join(',')}\r\n`
}

/**
 * Handlers, case systems and senders choose what some fields say, so that no cell may start a formula. A number is one of
 * ours and stays as it is.
 */
export function csvCell(value: string | number | boolean | null): string {
  const text = value === null ? '' : String(value)
  // Spreadsheets skip white space before a formula, and know the full-width forms of its signs.
  const isFormula = typeof value === 'string' && /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(text)
  const safe = isFormula ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
