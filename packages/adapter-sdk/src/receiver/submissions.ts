/** What becomes of a POST to a form's path: it is decrypted, has to be a submission, is accepted, and is answered. */
import { contentCodings } from '@formbuilder/secure-server'
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission } from '../protocol/submission.ts'
import type { AcceptSubmission } from './intake.ts'
import { type Identity, proofFor } from './proof.ts'

/** A form as the receiver sees it. */
export interface ReceivingForm {
  readonly name: string
  readonly path: string
  readonly aliases?: readonly string[]
  readonly services?: readonly string[] | undefined
}

export interface ReceiverOptions {
  readonly forms: readonly ReceivingForm[]
  readonly bodyLimitBytes: number
  readonly keyring: (form: string) => Keyring
  /** What this adapter says about itself to a sender that holds a key. */
  readonly identity: Identity
  readonly acceptSubmission: AcceptSubmission
  readonly emit: Emit
}

/** The answer to a POST that was not refused. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** The forms by the paths at which they receive, exactly as the sender writes them. */
export function formsByPath(forms: readonly ReceivingForm[]): ReadonlyMap<string, ReceivingForm> {
  return new Map(forms.flatMap((form) => pathsOf(form).map((path) => [path, form] as const)))
}

/** The paths of a form. */
export function pathsOf({ path, aliases = [] }: ReceivingForm): string[] {
  return [path, ...aliases]
}

/**
 * Takes in a body that was sent to a form's path. It resolves once the submission is held.
 * @throws {AdapterError} with the code of the refusal.
 */
export async function receive(
  form: ReceivingForm,
  path: string,
  jwe: string,
  options: ReceiverOptions,
): Promise<Answer> {
  const started = performance.now()
  const keyring = options.keyring(form.name)
  const { plaintext, keyPosition } = await decryptCompact(jwe, keyring)
  const proof = await proofFor(plaintext, keyring.keys[keyPosition], { ...options.identity, form: form.name, path })
  if (proof !== undefined) {
    options.emit({ event: 'endpoint.proven', form: form.name, keyPosition })
    return { status: 200, type: 'application/jose', body: proof }
  }
  const envelope = parseSubmission(plaintext)
  if (form.services !== undefined && !form.services.includes(envelope.serviceSlug)) {
    throw new AdapterError('ERR_SUBMISSION_INVALID', 'serviceSlug is not a service of this form')
  }
  const accepted = await options.acceptSubmission(form.name, envelope, jwe, keyPosition)

  const { submissionId } = envelope
  const about = { form: form.name, submissionId, keyPosition }
  if (accepted === 'accepted') {
    const milliseconds = Math.round(performance.now() - started)
    const files = envelope.attachments.length
    options.emit({ event: 'submission.accepted', ...about, bytes: jwe.length, files, milliseconds })
  } else {
    options.emit({ event: accepted === 'duplicate' ? 'submission.duplicate' : 'submission.replaced', ...about })
  }
  return accepted === 'duplicate' ? answered(200, submissionId, 'duplicate') : answered(201, submissionId, 'accepted')
}

function answered(status: number, submissionId: string, what: 'accepted' | 'duplicate'): Answer {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify({ submissionId, status: what }) }
}

/** Form Builder labels its bare token as a form (libcurl's default type). The other two types are correct ones. */
export const TEXT_TYPES: readonly string[] = ['application/x-www-form-urlencoded', 'application/jose', 'text/plain']

/**
 * A body of these headers is a compact JWE, byte for byte.
 * @throws {AdapterError} ERR_MEDIA_TYPE_UNSUPPORTED
 */
export function assertText(contentType = '', contentEncoding = ''): void {
  const claimed = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (claimed !== '' && !TEXT_TYPES.includes(claimed)) {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'send the compact JWE as application/jose or text/plain')
  }
  if (contentCodings(contentEncoding).length > 0) {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'the body must not have a content encoding')
  }
}
