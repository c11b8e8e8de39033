/** Checks answers against the schema of their form. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Submission } from '../form.ts'
import type { SubmissionEnvelope } from '../protocol/submission.ts'

/** The submission with the answers as the schema returns them, or a problem that names the fields, never an answer. */
export async function checkAnswers(
  schema: StandardSchemaV1 | undefined,
  { serviceSlug, submissionId, submissionAnswers }: SubmissionEnvelope,
): Promise<{ readonly submission: Submission } | { readonly problem: string }> {
  if (schema === undefined) return { submission: { serviceSlug, submissionId, submissionAnswers } }
  const result = await schema['~standard'].validate(submissionAnswers)
  if (result.issues === undefined) {
    // The handler's type is the output of its own schema; here its type is not known.
    const submissionAnswers = result.value as Submission['submissionAnswers']
    return { submission: { serviceSlug, submissionId, submissionAnswers } }
  }
  // The message of an issue may quote the answer; its path cannot.
  const fields = result.issues.map(({ path }) =>
    (path ?? []).map((part) => fieldName(typeof part === 'object' ? part.key : part)).join('.'),
  )
  const named = [...new Set(fields)].map((field) => field || '(the answers as a whole)')
  return { problem: `the answers do not fit the schema at: ${named.slice(0, 20).join(', ')}` }
}

/** Field names are sent with the answers: in a log and on a page each must be one short piece of a line. */
function fieldName(key: PropertyKey): string {
  return String(key)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
    .slice(0, FIELD_NAME_CHARACTERS)
    .toWellFormed()
}

const FIELD_NAME_CHARACTERS = 100
