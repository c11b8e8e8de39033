/** What a handler may use: the files of its submission, a log, and the way to record that it acts. */
import { buffer } from 'node:stream/consumers'
import type { Logger } from 'pino'
import { openAttachment } from '../files/attachment.ts'
import type { StoredFile } from '../files/capture.ts'
import type { FileStore } from '../files/file-store.ts'
import type { Attachment, Context } from '../form.ts'
import type { SubmissionEnvelope } from '../protocol/submission.ts'
import type { Claim } from '../store/claim.ts'
import type { AttemptOptions } from './attempt.ts'
import type { Attempts } from './attempts.ts'

/** What every context needs. */
export interface ContextOptions {
  /** Public name of the adapter, for file links. */
  readonly host: string | undefined
  readonly attempts: Pick<Attempts, 'acting'>
  readonly files: FileStore
  readonly log: Logger
}

/** Returns a function that makes the context of an attempt. */
export function contextMaker({ host, attempts, files, log }: ContextOptions): AttemptOptions['context'] {
  return (claim, envelope, signal): Context => ({
    attempt: claim.attempt,
    signal,
    receivedAt: claim.receivedAt,
    attachments: attachments(claim, envelope, host, files),
    missingAttachments: claim.files.flatMap((file, position) => missing(file, envelope, position)),
    acting: () => attempts.acting(claim),
    log: log.child({ form: claim.form, submissionId: claim.submissionId, attempt: claim.attempt }),
    ...(claim.previousReference === null ? {} : { previousReference: claim.previousReference }),
  })
}

function attachments(
  claim: Claim,
  envelope: SubmissionEnvelope,
  host: string | undefined,
  files: FileStore,
): Attachment[] {
  return claim.files.flatMap((file, position) => {
    const link = envelope.attachments[position]
    if ('missing' in file || link === undefined) return []
    const { filename, mimetype } = link
    const url = `https://${host}/v1/attachments/${file.id}`
    const stream = () => openAttachment(files, file, link)
    const sizeBytes = file.plaintextBytes
    return [{ id: file.id, url, filename, mimetype, sizeBytes, stream, bytes: () => buffer(stream()) }]
  })
}

function missing(file: StoredFile, { attachments }: SubmissionEnvelope, position: number) {
  return 'missing' in file ? [{ filename: attachments[position]?.filename ?? null, code: file.missing }] : []
}
