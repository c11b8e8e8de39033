/** The answer of a receiver, and what of it is safe to read and to print. */
import { MIMEType } from 'node:util'

/** The answer of the receiver. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | undefined
  /** The first 64 KiB of the body. */
  readonly body: string
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
