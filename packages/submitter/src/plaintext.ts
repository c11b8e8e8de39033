/** What is encrypted: a submission, checked and written as the real sender writes it. */
import { parseSubmission, type SubmissionEnvelope } from '@formbuilder/adapter-sdk/protocol'

/** A submission: as an object, or as the JSON of one. */
export type SubmissionInput = SubmissionEnvelope | string | Uint8Array

/**
 * The plaintext of a submission. Whatever the input's white space, it is written without; members that are no part of
 * a submission are kept. `<`, `>`, `&`, U+2028 and U+2029 are escaped, as the sender's JSON library does.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: names the field.
 */
export function writeSubmission(input: SubmissionInput): { plaintext: string; submissionId: string } {
  const text = typeof input === 'string' || input instanceof Uint8Array ? input : JSON.stringify(input)
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const { submissionId } = parseSubmission(bytes)
  // Read strictly just now: no repeated names, valid UTF-8.
  const value: unknown = JSON.parse(Buffer.from(bytes).toString())
  return { plaintext: JSON.stringify(value).replace(ESCAPED, escapeCharacter), submissionId }
}

const ESCAPED = /[<>&\u2028\u2029]/g

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
