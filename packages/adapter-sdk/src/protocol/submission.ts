/** The envelope of a submission: defined once, as JSON Schema; read by that definition. */
import { AdapterError } from '../errors.ts'
import { JSON_LIMITS, type JsonLimits, parseJson } from './json.ts'
import { mismatch, type Shape } from './shape.ts'

/** What the sender encrypts, with its names. Members that are not named here are ignored. */
export interface SubmissionEnvelope {
  readonly serviceSlug: string
  readonly submissionId: string
  /** As sent: the form's schema, not the envelope, defines the answers. */
  readonly submissionAnswers: Readonly<Record<string, unknown>>
  readonly attachments: readonly AttachmentLink[]
}

/** Where a file is, and what decrypts it. The link lives about 15 minutes and is a secret. */
export interface AttachmentLink {
  readonly url: string
  /** 32 bytes in base64. */
  readonly encryption_key: string
  /** 16 bytes in base64. */
  readonly encryption_iv: string
  readonly mimetype: string | null
  readonly filename: string | null
}

// Ids become log lines, HTTP headers and file names of other systems: visible ASCII is safe in all of them.
const VISIBLE_ASCII = '^[!-~]+$'
const NO_CONTROL_CHARACTERS = '^[^\\p{Cc}\\u2028\\u2029]+$'

/** The one definition of a submission, as JSON Schema (draft 2020-12). */
export const submissionJsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'MoJ Form Builder submission',
  description: 'The plaintext of the JWE that Form Builder posts. Members that are not named are ignored.',
  type: 'object',
  required: ['serviceSlug', 'submissionId', 'submissionAnswers'],
  properties: {
    serviceSlug: {
      description: 'Slug of the form when it was submitted. A renamed form has another one.',
      type: 'string',
      minLength: 1,
      maxLength: 255,
      pattern: NO_CONTROL_CHARACTERS,
    },
    submissionId: {
      description: 'UUID of the submission, the same in everything that the sender repeats.',
      type: 'string',
      minLength: 1,
      maxLength: 128,
      pattern: VISIBLE_ASCII,
    },
    submissionAnswers: {
      description: 'Answers by id of the question. The form says which there are.',
      type: 'object',
    },
    attachments: {
      description: 'Uploaded files. Absent and null mean none.',
      type: ['array', 'null'],
      maxItems: 500,
      items: {
        type: 'object',
        required: ['url', 'encryption_key', 'encryption_iv'],
        properties: {
          url: {
            description: 'Answers GET with the lower-case hexadecimal text of the ciphertext (AES-256-CBC, PKCS#7).',
            type: 'string',
            minLength: 1,
          },
          encryption_key: { description: '32 bytes in base64.', type: 'string' },
          encryption_iv: { description: '16 bytes in base64.', type: 'string' },
          mimetype: { type: ['string', 'null'] },
          filename: { description: 'As the citizen named it; not unique.', type: ['string', 'null'] },
        },
      },
    },
  },
} as const satisfies Shape & { $schema: string; title: string }

/**
 * Reads a decrypted submission: strict JSON (see `parseJson`), then the envelope.
 * Attachments that are absent or null are none; a file name or type that is absent is null.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: names the field, never its value.
 */
export function parseSubmission(plaintext: Uint8Array, limits: JsonLimits = JSON_LIMITS): SubmissionEnvelope {
  const value = parseJson(plaintext, 'ERR_SUBMISSION_INVALID', limits)
  const problem = mismatch(value, submissionJsonSchema, '')
  if (problem !== undefined) throw new AdapterError('ERR_SUBMISSION_INVALID', problem.replace(/^ /, 'the submission '))
  // The definition has just been checked, member by member.
  const sent = value as Pick<SubmissionEnvelope, 'serviceSlug' | 'submissionId' | 'submissionAnswers'> & {
    attachments?: readonly SentAttachment[] | null
  }
  return {
    serviceSlug: sent.serviceSlug,
    submissionId: sent.submissionId,
    submissionAnswers: sent.submissionAnswers,
    attachments: (sent.attachments ?? []).map(toLink),
  }
}

type SentAttachment = Pick<AttachmentLink, 'url' | 'encryption_key' | 'encryption_iv'> & Partial<AttachmentLink>

function toLink({ url, encryption_key, encryption_iv, mimetype, filename }: SentAttachment): AttachmentLink {
  return { url, encryption_key, encryption_iv, mimetype: mimetype ?? null, filename: filename ?? null }
}
