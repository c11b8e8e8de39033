/** Checks a submission and writes it as the JSON text that Form Builder would encrypt. */
import { type AttachmentLink, parseSubmission, type SubmissionEnvelope } from '@formbuilder/adapter-sdk/protocol'
import { withoutMark } from './byte-order-mark.ts'

/** A submission as an object or as JSON. */
export type SubmissionInput = SubmissionEnvelope | string | Uint8Array

/** What replaces or extends parts of a submission. */
export interface Changes {
  /** Sends it under this id, whether or not it has one. */
  readonly submissionId?: string | undefined
  /** Links that are added to its attachments. */
  readonly attachments?: readonly AttachmentLink[] | undefined
}

/**
 * The plaintext of a submission, without white space between tokens. Unknown members are kept. `<`, `>`, `&`, U+2028 and
 * U+2029 are escaped, as the JSON library of Form Builder does.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: the message names the field.
 */
export function writeSubmission(
  input: SubmissionInput,
  { submissionId, attachments = [] }: Changes = {},
): { plaintext: string; submissionId: string } {
  const text = typeof input === 'string' || input instanceof Uint8Array ? input : JSON.stringify(input)
  const given = withoutMark(typeof text === 'string' ? Buffer.from(text) : text)
  const bytes = submissionId === undefined ? given : underId(given, submissionId)
  const checked = parseSubmission(bytes)
  // parseSubmission has checked that it is a valid object in UTF-8 without repeated names.
  const value: object = JSON.parse(bytes.toString())
  const links = attachments.length === 0 ? {} : { attachments: [...checked.attachments, ...attachments] }
  const plaintext = JSON.stringify({ ...value, ...links }).replace(ESCAPED, escapeCharacter)
  return { plaintext, submissionId: checked.submissionId }
}

const ESCAPED = /[<>&\u2028\u2029]/g

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The same bytes with another id. What is no submission is returned as it is: the strict parser says what is wrong with it. */
function underId(bytes: Buffer, submissionId: string): Buffer {
  const value = parsed(bytes)
  if (value === undefined) return bytes
  if ('submissionId' in value) {
    parseSubmission(bytes)
    return Buffer.from(JSON.stringify({ ...value, submissionId }))
  }
  // Into the bytes, not by writing the value again: that would hide repeated names and wrong UTF-8 from the parser.
  const begin = bytes.indexOf('{') + 1
  const separator = Object.keys(value).length === 0 ? '' : ','
  const member = Buffer.from(`"submissionId":${JSON.stringify(submissionId)}${separator}`)
  return Buffer.concat([bytes.subarray(0, begin), member, bytes.subarray(begin)])
}

function parsed(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
