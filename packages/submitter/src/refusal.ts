/** The error for an answer that is not 2xx, with the receiver's explanation in a form that is safe to print. */
import { MIMEType } from 'node:util'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import type { Answer } from './post.ts'

/** The receiver did not accept the submission. `retryable` after 429 and 5xx. */
export class RefusalError extends AdapterError {
  override readonly name = 'RefusalError'
  readonly status: number
  /** Title and detail of an `application/problem+json` answer, shortened and without control characters. */
  readonly title: string | undefined
  readonly detail: string | undefined
  /** The code in such an answer, if it has the form of one of an adapter: `ERR_ATTACHMENT_REFUSED`. */
  readonly problemCode: string | undefined
  readonly retryAfter: string | undefined

  constructor(answer: Answer) {
    const { title, detail } = problem(answer)
    const explanation = [title, detail].filter((part) => part !== undefined).join(': ')
    super('ERR_RECEIVER_REFUSED', `the receiver answered ${answer.status}${suffix(answer.status, explanation)}`, {
      retryable: answer.status === 429 || answer.status >= 500,
    })
    this.status = answer.status
    this.title = title
    this.detail = detail
    this.problemCode = problemCode(answer)
    this.retryAfter = answer.retryAfter
  }
}

/** The members of a JSON answer. Empty if the answer is not a JSON object. */
export function jsonMembers(answer: Answer): ReadonlyMap<string, unknown> {
  try {
    if (!/^(?:application|text)\/(?:[^+]+\+)?json$/.test(new MIMEType(answer.contentType).essence)) return new Map()
    const value: unknown = JSON.parse(answer.body.replace(/^\ufeff/, ''))
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  } catch {
    return new Map()
  }
}

/** The code of the problem in an answer: upper case letters, digits and underscores. */
export function problemCode(answer: Answer): string | undefined {
  const code = jsonMembers(answer).get('code')
  return typeof code === 'string' && /^ERR_[A-Z0-9_]{1,60}$/.test(code) ? code : undefined
}

/** Makes text from outside safe for a terminal or a log: one line, 300 characters, no control or invisible characters. */
export function printable(text: string): string {
  const clean = text.slice(0, 4 * PRINTED_CHARACTERS).replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
  const characters = [...clean.trim()]
  if (characters.length <= PRINTED_CHARACTERS) return characters.join('')
  return `${characters.slice(0, PRINTED_CHARACTERS).join('')} ...`
}

const PRINTED_CHARACTERS = 300

function problem(answer: Answer): { title: string | undefined; detail: string | undefined } {
  const members = jsonMembers(answer)
  return { title: printableText(members.get('title')), detail: printableText(members.get('detail')) }
}

function printableText(value: unknown): string | undefined {
  const text = typeof value === 'string' ? printable(value) : ''
  return text === '' ? undefined : text
}

function suffix(status: number, explanation: string): string {
  if (explanation !== '') return ` (${explanation})`
  return status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''
}
