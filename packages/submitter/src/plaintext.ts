/** Checks a submission and writes it as the JSON text that Form Builder would encrypt. */
import { parseSubmission, type SubmissionEnvelope } from '@formbuilder/adapter-sdk/protocol'
import { withoutMark } from './byte-order-mark.ts'

/** A submission as an object or as JSON. */
export type SubmissionInput = SubmissionEnvelope | string | Uint8Array

/**
 * The plaintext of a submission, without white space between tokens. Unknown members are kept. `<`, `>`, `&`, U+2028 and
 * U+2029 are escaped, as the JSON library of Form Builder does.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: the message names the field.
 */
export function writeSubmission(input: SubmissionInput): { plaintext: string; submissionId: string } {
  const text = typeof input === 'string' || input instanceof Uint8Array ? input : JSON.stringify(input)
  const bytes = withoutMark(typeof text === 'string' ? Buffer.from(text) : text)
  const { submissionId } = parseSubmission(bytes)
  // parseSubmission has checked that it is valid UTF-8 without repeated names.
  const value: unknown = JSON.parse(bytes.toString())
  return { plaintext: JSON.stringify(value).replace(ESCAPED, escapeCharacter), submissionId }
}

const ESCAPED = /[<>&\u2028\u2029]/g

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
