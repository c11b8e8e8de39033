/** Accepts a submission: captures its files first, then stores it, so that a 2xx means that all of it is held. */
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { type Capture, isCaptured } from '../files/capture.ts'
import type { FileStore } from '../files/file-store.ts'
import { type AttachmentHosts, entryFor } from '../files/hosts.ts'
import type { SubmissionEnvelope } from '../protocol/submission.ts'
import type { KeyIds } from '../store/key-id.ts'
import { type Accepted, type Incoming, rowId } from '../store/submission.ts'
import { step } from '../telemetry/tracing.ts'
import type { Arrivals } from './arrivals.ts'

/**
 * Accepts a submission that was decrypted with the key at `keyPosition`.
 * @throws {AdapterError} ERR_ATTACHMENT_*: a file cannot be captured now. Also what `Arrivals.accept` throws.
 */
export type AcceptSubmission = (
  form: string,
  envelope: SubmissionEnvelope,
  jwe: string,
  keyPosition: number,
  traceparent?: string,
) => Promise<Accepted>

export interface IntakeOptions {
  readonly arrivals: Pick<Arrivals, 'accept' | 'isHeld' | 'countDelivery'>
  readonly capture: Capture
  readonly files: FileStore
  readonly keyIds: KeyIds
  /** The hosts of file links: one that is known names what a delivery failed at. */
  readonly hosts: AttachmentHosts
  /** After so many hours since the first failed delivery, and three deliveries, files that cannot be captured are missing. */
  readonly patienceHours: number
  readonly emit: Emit
}

/** A link may fail once or twice by chance, also a day after the first time. */
const PATIENCE_DELIVERIES = 3

/** Returns the function that accepts submissions. Copies that arrive together share one capture of their files. */
export function createIntake(options: IntakeOptions): AcceptSubmission {
  const { arrivals, capture, files, keyIds, hosts, patienceHours, emit } = options
  const beingAccepted = new Map<string, Promise<unknown>>()
  const commit = (incoming: Incoming) => step('commit', () => arrivals.accept(incoming))

  return async (form, envelope, jwe, keyPosition, traceparent) => {
    const { submissionId, serviceSlug, attachments } = envelope
    const incoming = { form, submissionId, serviceSlug, jwe, traceparent, keyId: keyIds[form]?.[keyPosition] }
    if (attachments.length === 0) return await commit({ ...incoming, files: [] })
    const id = rowId(form, submissionId)
    // A copy that arrives while the first one is being accepted waits for it and ends as it does.
    const first = beingAccepted.get(id)
    if (first !== undefined) {
      await first
      return 'duplicate'
    }
    const accepting = acceptWithFiles(incoming, attachments)
    beingAccepted.set(id, accepting)
    try {
      return await accepting
    } finally {
      beingAccepted.delete(id)
    }
  }

  async function acceptWithFiles(
    incoming: Omit<Incoming, 'files'>,
    links: SubmissionEnvelope['attachments'],
  ): Promise<Accepted> {
    const { form, submissionId } = incoming
    if (await arrivals.isHeld(form, submissionId)) return 'duplicate'

    const results = await step('capture', () => capture.capture(links), { 'formbuilder.files': links.length })
    for (const [position, result] of results.entries()) {
      if (isCaptured(result)) emit({ event: 'attachment.captured', form, submissionId, position, bytes: result.bytes })
      else emit({ event: 'attachment.failed', form, submissionId, position, code: result.missing })
    }
    const ids = results.filter(isCaptured).map((file) => file.id)
    const removeFiles = () => files.remove(ids).catch(() => undefined) // the sweep removes what is left
    try {
      const position = results.findIndex((result) => !isCaptured(result))
      const missing = results[position]
      if (missing !== undefined && !isCaptured(missing)) {
        const host = entryFor(links[position]?.url ?? '', hosts) ?? null
        const failed = { form, submissionId, host, code: missing.missing }
        const { count, sinceFirstSeconds } = await arrivals.countDelivery(failed)
        if (count < PATIENCE_DELIVERIES || sinceFirstSeconds < patienceHours * 3600) {
          throw new AdapterError(missing.missing, missing.message, { retryable: true })
        }
      }
      const accepted = await commit({ ...incoming, files: results })
      if (accepted === 'duplicate') await removeFiles()
      return accepted
    } catch (error) {
      // A failed commit may still have reached the store. Then the files stay, and the sweep finds out who owns them.
      if (!(error instanceof AdapterError && error.code === 'ERR_STORE_UNAVAILABLE')) await removeFiles()
      throw error
    }
  }
}
