/** Reads the records of a trail, and selects those that an auditor asks for. */
import { type AuditRecord, openRecord } from './record.ts'

/** What records must have. Members that are undefined select nothing. */
export interface Selection {
  /** The ASID of the practice whose service root was asked. */
  readonly practice?: string | undefined
  /** An NHS number, or a reference such as `Patient/1`. */
  readonly patient?: string | undefined
  /** An id, or a part of the name. */
  readonly user?: string | undefined
  /** From this time on. */
  readonly since?: Date | undefined
  /** Before this time. */
  readonly until?: Date | undefined
  /** An error code, an outcome, or an HTTP status. */
  readonly code?: string | undefined
}

/** A line of a trail: its record, or undefined if it is none or was changed. */
export interface TrailLine {
  readonly line: number
  readonly record: AuditRecord | undefined
}

/** The lines of a trail, counted from 1 over all of its text. */
export async function* trailLines(text: AsyncIterable<string>): AsyncIterable<TrailLine> {
  let line = 0
  let rest = ''
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const content of lines) {
      line += 1
      yield { line, record: recordOf(content) }
    }
  }
  if (rest !== '') yield { line: line + 1, record: undefined }
}

/** Whether a record has everything that a selection asks for. */
export function isSelected(record: AuditRecord, selection: Selection): boolean {
  const { practice, patient, user, since, until, code } = selection
  const time = Date.parse(record.timestamp)
  return (
    (practice === undefined || record.to === practice) &&
    (patient === undefined || names(record.dataId, patient)) &&
    (user === undefined || isUser(record, user)) &&
    (since === undefined || time >= since.getTime()) &&
    (until === undefined || time < until.getTime()) &&
    (code === undefined || [record.errorCode, record.outcome, String(record.status)].includes(code))
  )
}

function recordOf(content: string): AuditRecord | undefined {
  // openRecord has checked the hash over the whole line.
  return openRecord(content) === undefined ? undefined : (JSON.parse(content) as AuditRecord)
}

function isUser({ userId, userLocalId, userName }: AuditRecord, user: string): boolean {
  return userId === user || userLocalId === user || userName?.toLowerCase().includes(user.toLowerCase()) === true
}

/** `Patient/1` is in `Patient/1/Appointment`, but not in `Patient/12`. */
function names(dataId: string | null, patient: string): boolean {
  if (dataId === null) return false
  const literal = patient.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(^|[^A-Za-z0-9.-])${literal}($|[^A-Za-z0-9.-])`).test(decoded(dataId))
}

/** A query is percent-encoded, except where it is malformed. */
function decoded(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}
