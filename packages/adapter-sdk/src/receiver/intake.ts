/** Takes a submission in: first its files, then itself, so that a 2xx means that all of it is held. */

import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { type Capture, isCaptured } from '../files/capture.ts'
import type { AttachmentStore } from '../files/file-store.ts'
import type { SubmissionEnvelope } from '../protocol/submission.ts'
import { type Accepted, rowId } from '../store/submission.ts'
import type { Arrivals } from './arrivals.ts'

export interface IntakeOptions {
  readonly inbox: Pick<Arrivals, 'accept' | 'isHeld' | 'countDelivery'>
  readonly capture: Capture
  readonly files: AttachmentStore
  readonly emit: Emit
}

/** From this delivery on, a submission is taken in without the files that cannot be had. */
const PATIENCE_DELIVERIES = 3

/**
 * Returns what takes submissions in. Files are captured once, however many copies arrive at the same moment.
 * The result throws ERR_ATTACHMENT_* when a file cannot be captured now, and what `Arrivals.accept` throws.
 */
export function createIntake(options: IntakeOptions) {
  const { inbox, capture, files, emit } = options
  const capturing = new Map<string, Promise<unknown>>()

  async function take(
    form: string,
    envelope: SubmissionEnvelope,
    jwe: string,
    traceparent?: string,
  ): Promise<Accepted> {
    const { submissionId, serviceSlug, attachments } = envelope
    const incoming = { form, submissionId, serviceSlug, jwe, traceparent }
    if (attachments.length === 0) return await inbox.accept({ ...incoming, files: [] })
    if (await inbox.isHeld(form, submissionId)) return 'duplicate'

    const results = await capture.capture(attachments)
    const captured = results.filter(isCaptured)
    for (const [position, result] of results.entries()) {
      if (isCaptured(result)) emit({ event: 'attachment.captured', form, submissionId, position, bytes: result.bytes })
      else emit({ event: 'attachment.failed', form, submissionId, position, code: result.missing })
    }
    const forget = () => files.remove(captured.map(({ id }) => id)).catch(() => undefined) // or the sweep does
    try {
      const failed = results.find((result) => !isCaptured(result))
      if (
        failed !== undefined &&
        'missing' in failed &&
        (await inbox.countDelivery(form, submissionId)) < PATIENCE_DELIVERIES
      ) {
        throw new AdapterError(failed.missing, failed.message, { retryable: true })
      }
      const accepted = await inbox.accept({ ...incoming, files: results })
      if (accepted === 'duplicate') await forget()
      return accepted
    } catch (error) {
      // Whether a failed commit reached the store is unknown; then the files stay, and the sweep sees whose they are.
      if (!(error instanceof AdapterError && error.code === 'ERR_STORE_UNAVAILABLE')) await forget()
      throw error
    }
  }

  return async (form: string, envelope: SubmissionEnvelope, jwe: string, traceparent?: string): Promise<Accepted> => {
    if (envelope.attachments.length === 0) return await take(form, envelope, jwe, traceparent)
    const id = rowId(form, envelope.submissionId)
    // A copy that arrives meanwhile shares the end of the one before it: nobody waits for the same files twice.
    const before = capturing.get(id)
    if (before !== undefined) {
      await before
      return 'duplicate'
    }
    const taking = take(form, envelope, jwe, traceparent)
    capturing.set(id, taking)
    try {
      return await taking
    } finally {
      capturing.delete(id)
    }
  }
}
