/** Writes audit records as CSV (RFC 4180). */
import type { AuditRecord } from './record.ts'

/** The columns, in the order of a record. */
export const COLUMNS = [
  'sequence',
  'timestamp',
  'outcome',
  'traceId',
  'from',
  'to',
  'interactionId',
  'userId',
  'userLocalId',
  'userName',
  'userRole',
  'organization',
  'organizationName',
  'device',
  'address',
  'forwarded',
  'dataId',
  'status',
  'errorCode',
  'previousHash',
  'hash',
] as const satisfies readonly (keyof AuditRecord)[]

/** The first line, with its line break. */
export const CSV_HEAD = `${COLUMNS.join(',')}\r\n`

/** The line of a record, with its line break. */
export function csvLine(record: AuditRecord): string {
  return `${COLUMNS.map((name) => cell(record[name] ?? '')).join(',')}\r\n`
}

/** Consumers choose what most fields say, so that no cell may start a formula in a spreadsheet. */
function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
