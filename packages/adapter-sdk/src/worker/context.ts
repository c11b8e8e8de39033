/** What a handler is given: the submission decrypted for one attempt, and its files. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { openAttachment } from '../files/attachment.ts'
import type { StoredFile } from '../files/capture.ts'
import type { FileStore } from '../files/file-store.ts'
import type { Attachment, Context, Form } from '../form.ts'
import type { SubmissionEnvelope } from '../protocol/submission.ts'
import type { Claim, Ending } from '../store/claim.ts'
import { deliver } from './attempt.ts'
import type { Work } from './attempts.ts'

export interface HandOverOptions {
  readonly forms: ReadonlyMap<string, Form>
  readonly config: Config
  readonly work: Work
  readonly files: FileStore
  readonly log: Logger
  readonly emit: Emit
}

/** Returns what runs one attempt of a claim with its form. */
export function handOver(options: HandOverOptions): (claim: Claim, signal: AbortSignal) => Promise<Ending> {
  const { forms, config, work, files, log, emit } = options
  const retry = {
    delaySeconds: config.RETRY_DELAY_SECONDS,
    delayMaxSeconds: config.RETRY_DELAY_MAX_SECONDS,
    limit: config.RETRY_LIMIT,
  }
  return async (claim, signal) => {
    const form = forms.get(claim.form)
    // Only forms of this process are claimed.
    if (form === undefined) throw new AdapterError('ERR_FORM_INVALID', 'no such form here')
    const keyring = config.keyrings[claim.form] ?? { keys: [] }
    const context = (envelope: SubmissionEnvelope, attemptSignal: AbortSignal): Context => ({
      attempt: claim.attempt,
      signal: attemptSignal,
      receivedAt: claim.receivedAt,
      attachments: attachments(claim.files, envelope, config, files),
      missingAttachments: claim.files.flatMap((file, position) =>
        'missing' in file ? [{ filename: envelope.attachments[position]?.filename ?? null, code: file.missing }] : [],
      ),
      acting: () => work.acting(claim),
      log: log.child({ form: claim.form, submissionId: claim.submissionId, attempt: claim.attempt }),
      ...(claim.previousReference === null ? {} : { previousReference: claim.previousReference }),
    })
    const { submissionId } = claim
    const onDecrypted = (keyPosition: number) =>
      emit({ event: 'attempt.decrypted', form: claim.form, submissionId, keyPosition })
    return await deliver(claim, form, { keyring, retry, onDecrypted, context, signal })
  }
}

function attachments(
  stored: readonly StoredFile[],
  envelope: SubmissionEnvelope,
  config: Config,
  files: FileStore,
): Attachment[] {
  return stored.flatMap((file, position) => {
    const link = envelope.attachments[position]
    if ('missing' in file || link === undefined) return []
    const { filename, mimetype } = link
    const url = `https://${config.HOST}/v1/attachments/${file.id}`
    return [{ id: file.id, url, filename, mimetype, stream: () => openAttachment(files, file, link) }]
  })
}
