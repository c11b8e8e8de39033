/** Text as a cell of a CSV file (RFC 4180), on one line, and as nothing that a spreadsheet calculates. */

/**
 * A cell. Spreadsheets take what begins with `= + - @`, a tab or a line end for a formula, which can send the other cells to
 * somebody: so an apostrophe goes first. Line ends and other control characters become blanks.
 */
export function cell(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
  const harmless = `${FORMULA.test(text) ? "'" : ''}${line}`
    // In many countries a spreadsheet begins the next cell after a semicolon, whatever stands in quotation marks.
    .replaceAll(/;(?=[\s"']*[=+\-@＝＋－＠])/gu, ";'")
  return `"${harmless.replaceAll('"', '""')}"`
}

/** The first character of the file: Excel reads UTF-8 only where it finds one. */
export const BYTE_ORDER_MARK = '\uFEFF'

// Blanks and invisible characters before the sign do not make it harmless everywhere, nor does its wide form.
const FORMULA = /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u

/** The cells of a line, as they were before they were quoted. Spreadsheets save with commas or semicolons. */
export function cellsOf(line: string): string[] {
  const found = [...line.replace(BYTE_ORDER_MARK, '').matchAll(/(?:^|[,;])(?:"((?:[^"]|"")*)"|([^",;]*))(?=[,;]|$)/g)]
  return found.map(([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain)
}
