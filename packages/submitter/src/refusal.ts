/** The error for an answer that is not 2xx, with the receiver's explanation in a form that is safe to print. */
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import { type Answer, jsonMembers, printable, problemCode } from './answer.ts'

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
