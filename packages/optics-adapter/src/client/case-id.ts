/** Recognises in an answer of Optics the cases that it names, and whether it names an error. */
import { ATTRIBUTE, type Body, parseBody, type Value } from './body.ts'

/** What an answer says. `what` describes it in words that never quote it. */
export interface Said {
  readonly what: string
  /** The cases that it names, without duplicates. Beside an error, or an id that cannot be used, they prove nothing. */
  readonly cases: readonly string[]
  /**
   * `named`: it names cases, and nothing is wrong. `unnamed`: it is JSON or XML that says something, and neither a case nor
   * an error. `nothing`: anything else.
   */
  readonly verdict: 'named' | 'unnamed' | 'nothing'
}

/** Reads an answer with a status that means success. Only a case id shows that there is a case. */
export function readAnswer(contentType: string, text: string): Said {
  return said(parseBody(contentType, text), contentType)
}

function said({ what: format, values }: Body, contentType: string): Said {
  if (values === undefined) return { what: format, cases: [], verdict: 'nothing' }
  const elements = values.filter(({ names }) => !names.at(-1)?.startsWith(ATTRIBUTE))
  const sent = elements.filter(({ names, value }) => names.some(isCaseId) && !isBlank(value))
  const ids = [...new Set(sent.map(idOf))]
  const cases = ids.filter((id) => id !== undefined)
  const listed = cases.length === 0 ? '' : `, and case ${cases.join(', ')}`

  const isError = format === 'XML' && ERROR_NAME.test(values[0]?.names[0] ?? '')
  if (isError || PROBLEM_TYPE.test(contentType) || values.some(namesError))
    return { what: `${format} that names an error${listed}`, cases, verdict: 'nothing' }
  if (ids.length > cases.length)
    return { what: `${format} that names a case id that cannot be used${listed}`, cases, verdict: 'nothing' }
  if (cases.length > 0) {
    const what = cases.length > 1 ? `several cases, ${cases.join(', ')}` : `case ${cases.join()}`
    return { what: `${format} that names ${what}`, cases, verdict: 'named' }
  }
  const verdict = values.length > 0 && !values.some(tellsError) ? 'unnamed' : 'nothing'
  return { what: `${format} that names no case`, cases, verdict }
}

/** caseid, CaseId, CaseDetails.CaseId, and with a namespace of XML. */
function isCaseId(name: string): boolean {
  return /^(?:[\w-]+[.:])?caseid$/i.test(name)
}

const PROBLEM_TYPE = /^\s*application\/problem\+/i

/**
 * The id as text; undefined when it is none, or stands deeper inside of the case id. It is stored and shown to operators, so
 * it is short and printable. A digit other than 0 keeps out words such as `null` and `none`.
 */
function idOf({ names, value }: Value): string | undefined {
  if (!isCaseId(names.at(-1) ?? '')) return undefined
  const id = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  return typeof id === 'string' && CASE_ID.test(id.trim()) ? id.trim() : undefined
}

const CASE_ID = /^(?=.*[1-9])[\p{L}\p{N}][\p{L}\p{N} ._/:#()-]{0,63}$/u

function isBlank(value: Value['value']): boolean {
  return value === null || (typeof value === 'string' && value.trim() === '')
}

/** Whether a value stands under the name of an error, or is a status that means one. */
function namesError({ names, value }: Value): boolean {
  const name = (names.at(-1) ?? '').replace(/^(@|.*[.:])/, '')
  const text = String(value ?? '')
    .trim()
    .toLowerCase()
  if (names.some((each) => ERROR_NAME.test(each))) return !NO.has(text)
  if (/^(ok|success|succeeded|successful)$/i.test(name)) return NO.has(text)
  if (/^(stat|status|state|result|outcome)$/i.test(name) && REFUSAL.test(text)) return true
  return /^(status|code|statuscode|status_code|httpstatus)$/i.test(name) && /^[45]\d\d$/.test(text)
}

/** Whether a text speaks of an error. Only for answers without a case: the name of a team may have such a word too. */
function tellsError({ value }: Value): boolean {
  return typeof value === 'string' && REFUSAL.test(value)
}

const NO: ReadonlySet<string> = new Set(['', '0', 'false', 'no', 'none', 'null'])
const ERROR_NAME = /error|exception|fail|(?<!de)fault/i
const REFUSAL =
  /\b(errors?|exceptions?|fail(s|ed|ures?)?|faults?|denied|forbidden|unauthori[sz]ed|unavailable|refused|rejected|time[- ]?out|timed out|invalid|bad request|not found|limit exceeded|maintenance|overload(ed)?)\b/i
