/** An answer that is no acceptance, told in words that are safe to print. */
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import type { Answer } from './post.ts'

/** The receiver answered, and did not accept. `retryable`: 429, and 5xx. */
export class RefusalError extends AdapterError {
  override readonly name = 'RefusalError'
  readonly status: number
  /** Title and detail of an `application/problem+json` answer: bounded, without control characters. */
  readonly title: string | undefined
  readonly detail: string | undefined
  readonly retryAfter: string | undefined

  constructor(answer: Answer) {
    const { title, detail } = problem(answer)
    const said = [title, detail].filter((part) => part !== undefined).join(': ')
    super('ERR_RECEIVER_REFUSED', `the receiver answered ${answer.status}${explain(answer.status, said)}`, {
      retryable: answer.status === 429 || answer.status >= 500,
    })
    this.status = answer.status
    this.title = title
    this.detail = detail
    this.retryAfter = answer.retryAfter
  }
}

/** The members of a JSON answer; none if it is not an object in JSON. */
export function members(answer: Answer): ReadonlyMap<string, unknown> {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(answer.contentType)) return new Map()
  try {
    const value: unknown = JSON.parse(answer.body)
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  } catch {
    return new Map()
  }
}

/** Foreign text for a terminal or a log: one line, 300 characters, nothing that moves a cursor or hides a letter. */
export function printable(foreign: string): string {
  const clean = foreign.slice(0, 4 * PRINTED_CHARACTERS).replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
  const characters = [...clean.trim()]
  if (characters.length <= PRINTED_CHARACTERS) return characters.join('')
  return `${characters.slice(0, PRINTED_CHARACTERS).join('')} ...`
}

const PRINTED_CHARACTERS = 300

function problem(answer: Answer): { title: string | undefined; detail: string | undefined } {
  const told = members(answer)
  return { title: words(told.get('title')), detail: words(told.get('detail')) }
}

function words(value: unknown): string | undefined {
  const text = typeof value === 'string' ? printable(value) : ''
  return text === '' ? undefined : text
}

function explain(status: number, said: string): string {
  if (said !== '') return ` (${said})`
  return status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''
}
