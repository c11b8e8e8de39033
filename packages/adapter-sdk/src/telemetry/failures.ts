/** Reports unexpected errors, of the adapter itself or of a team's own routes: by what may be kept of them. */
import { type Emit, errorName } from '../events.ts'
import { failureOf } from '../failure.ts'

/** Emits `internal.failed`, and in development shows the whole error. */
export type ReportFailure = (during: string, error: unknown) => void

/** `show`: in development, shows a whole error. */
export function failureReporter(emit: Emit, show?: (what: string, error: unknown) => void): ReportFailure {
  return (during, error) => {
    show?.(`${WHAT[during] ?? during} failed:`, error)
    emit({ event: 'internal.failed', during, code: errorName(error), failure: failureOf(error) })
  }
}

const WHAT: Readonly<Record<string, string>> = {
  request: 'a request',
  download: 'a download',
  operator: "a page of the operator's",
  sweep: 'the sweep',
  process: 'the process',
}
