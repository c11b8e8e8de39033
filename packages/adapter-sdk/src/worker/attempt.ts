/** One attempt: decrypt, check, hand over, and say what its end means. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { AdapterError, PermanentError, UncertainError } from '../errors.ts'
import { errorName } from '../events.ts'
import { deadline, within } from '../files/deadline.ts'
import type { Context, Form, Submission } from '../form.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission, type SubmissionEnvelope } from '../protocol/submission.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'

/** When and how often a failed attempt is repeated. */
export interface RetryPolicy {
  /** Before the first retry, in seconds; doubled each time. */
  readonly delaySeconds: number
  readonly delayMaxSeconds: number
  /** Retries after the first attempt. */
  readonly limit: number
}

export interface DeliveryOptions {
  readonly keyring: Keyring
  readonly retry: RetryPolicy
  /** Is told which key of the keyring fitted: 0 is the current one. */
  readonly onDecrypted?: (keyPosition: number) => void
  /** Makes what the handler may use. */
  readonly context: (envelope: SubmissionEnvelope, signal: AbortSignal) => Context
  /** Aborts when the process stops and the attempt has to end. */
  readonly signal: AbortSignal
}

/** Runs one attempt and decides, by type alone, what its end means. Never throws. */
export async function deliver(claim: Claim, form: Form, options: DeliveryOptions): Promise<Ending> {
  if (claim.attemptsSinceRedrive > options.retry.limit + 1) {
    // Only attempts that were lost with their process are counted beyond the limit: whoever ends the process each time
    // would end it for ever.
    const reason = `${claim.attemptsSinceRedrive - 1} attempts, the last of which ended with its process`
    return { outcome: 'dead', code: 'ERR_RETRIES_EXHAUSTED', reason, uncertain: claim.uncertain }
  }
  const ending = await attempt(claim, form, options).catch((error: unknown) =>
    retry(claim, options, 'ERR_INTERNAL', errorName(error), claim.uncertain),
  )
  if (ending.outcome !== 'retry' || claim.attemptsSinceRedrive <= options.retry.limit) return ending
  return {
    outcome: 'dead',
    code: ending.uncertain ? 'ERR_OUTCOME_UNCERTAIN' : 'ERR_RETRIES_EXHAUSTED',
    reason: `${claim.attemptsSinceRedrive} attempts failed, the last with ${ending.code}: ${ending.reason}`,
    ours: ending.ours ?? false,
    uncertain: ending.uncertain,
    reference: ending.reference,
  }
}

/** What losing the process during an attempt means for this form. */
export function lossOf(form: Form): Loss {
  if (form.repeatable === 'until-acting') return 'uncertain-if-acting'
  return form.repeatable === false ? 'uncertain' : 'repeatable'
}

async function attempt(claim: Claim, form: Form, options: DeliveryOptions): Promise<Ending> {
  // Whatever is found wrong before the handler runs leaves open whether an earlier attempt reached the case system.
  const dead = (code: string, reason: string): Ending => ({
    outcome: 'dead',
    code,
    reason,
    ours: true,
    uncertain: claim.uncertain,
  })

  let envelope: SubmissionEnvelope
  try {
    const { plaintext, keyPosition } = await decryptCompact(claim.jwe, options.keyring)
    options.onDecrypted?.(keyPosition)
    envelope = parseSubmission(plaintext)
  } catch (error) {
    if (error instanceof AdapterError) return dead(error.code, error.message)
    throw error
  }

  let validated: Awaited<ReturnType<typeof validate>>
  try {
    validated = await validate(form.answers, envelope)
  } catch (error) {
    return retry(claim, options, errorCode(error), described(error, 'the schema'), claim.uncertain)
  }
  if ('problem' in validated) return dead('ERR_ANSWERS_INVALID', validated.problem)
  const { submission } = validated

  if (claim.uncertain && form.confirm === undefined && !claim.approved) {
    return dead('ERR_OUTCOME_UNCERTAIN', 'an earlier attempt ended unknown, and the form has no way to confirm it')
  }
  return await run(claim, form, options, envelope, submission)
}

async function run(
  claim: Claim,
  form: Form,
  options: DeliveryOptions,
  envelope: SubmissionEnvelope,
  submission: Submission,
): Promise<Ending> {
  const timeoutSeconds = form.timeoutSeconds ?? 300
  const timedOut = () =>
    new AdapterError('ERR_ATTEMPT_TIMEOUT', `the attempt took longer than ${timeoutSeconds} seconds`)
  using limit = deadline(timeoutSeconds, timedOut, options.signal)
  const context = tracked(options.context(envelope, limit.signal))

  /** Confirms first if that is needed; found: done. Absent: the submission is handled. */
  async function work(): Promise<Ending> {
    if (claim.uncertain && form.confirm !== undefined) {
      context.phase = 'confirming'
      const found = await form.confirm(submission, context)
      if (found !== undefined) return { outcome: 'delivered', reference: found.reference ?? null, confirmed: true }
    }
    // Given up while it was asked for: nothing may begin any more.
    limit.signal.throwIfAborted()
    context.phase = 'handling'
    const outcome = await form.handle(submission, context)
    return { outcome: 'delivered', reference: outcome?.reference ?? null, confirmed: false }
  }

  const working = work().catch((error: unknown) => failure(claim, form, options, context, error))
  // A handler that heeds the signal says itself how far it came.
  using grace = deadline(timeoutSeconds + ABORT_GRACE_SECONDS, timedOut)
  const ending = await within(grace.signal, working).catch(() => undefined)
  if (ending !== undefined) return ending
  context.isOver = true
  return ended(claim, form, options, context, {
    code: 'ERR_ATTEMPT_TIMEOUT',
    reason: `the handler did not end within ${timeoutSeconds} seconds, nor when it was told to`,
    ours: true,
    unknown: context.mayHaveActed(form),
  })
}

const ABORT_GRACE_SECONDS = 5

type Tracked = Context & {
  phase: 'before' | 'confirming' | 'handling'
  isOver: boolean
  mayHaveActed(form: Form): boolean
}

/** Remembers how far the attempt came. */
function tracked(context: Context): Tracked {
  let acted = false
  const tracking: Tracked = {
    ...context,
    phase: 'before',
    isOver: false,
    async acting() {
      // Before it is on record, not after: an attempt that is ended meanwhile must not call itself harmless.
      const before = acted
      acted = true
      try {
        await context.acting()
      } catch (error) {
        acted = before
        throw error
      }
      if (tracking.isOver) throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
    },
    mayHaveActed(form) {
      if (tracking.phase !== 'handling') return false
      return lossOf(form) === 'uncertain' || (lossOf(form) === 'uncertain-if-acting' && acted)
    },
  }
  return tracking
}

function failure(claim: Claim, form: Form, options: DeliveryOptions, context: Tracked, error: unknown): Ending {
  if (error instanceof PermanentError) {
    const uncertain = context.phase !== 'handling' && claim.uncertain
    return { outcome: 'dead', code: error.code, reason: error.message, uncertain, reference: error.reference }
  }
  if (error instanceof UncertainError) {
    const { code, message: reason, reference } = error
    return ended(claim, form, options, context, { code, reason, reference, unknown: form.repeatable !== true })
  }
  return ended(claim, form, options, context, {
    code: errorCode(error),
    reason: error instanceof AdapterError ? error.message : described(error),
    ours: !(error instanceof AdapterError),
    // What is thrown when a request was aborted does not say whether it arrived, unless it says that trying again helps.
    unknown: context.signal.aborted && !isRetryable(error) && context.mayHaveActed(form),
    delaySeconds: retryAfterSeconds(error),
  })
}

interface End {
  readonly code: string
  readonly reason: string
  readonly ours?: boolean
  /** Whether the case system may have acted in this attempt. */
  readonly unknown: boolean
  readonly reference?: string | undefined
  readonly delaySeconds?: number | undefined
}

function ended(claim: Claim, form: Form, options: DeliveryOptions, context: Tracked, end: End): Ending {
  const { code, reason, ours = false, reference } = end
  // What was uncertain before stays so until the handler was called again.
  const uncertain = end.unknown || (context.phase !== 'handling' && claim.uncertain)
  if (uncertain && form.confirm === undefined) {
    return { outcome: 'dead', code, reason, ours, uncertain, reference }
  }
  return { ...retry(claim, options, code, reason, uncertain, end.delaySeconds), ours, reference }
}

function retry(
  claim: Claim,
  options: DeliveryOptions,
  code: string,
  reason: string,
  uncertain: boolean,
  atLeastSeconds = 0,
): Ending & { outcome: 'retry' } {
  const { delaySeconds, delayMaxSeconds } = options.retry
  const backoff = Math.min(delayMaxSeconds, delaySeconds * 2 ** Math.min(claim.attemptsSinceRedrive - 1, 30))
  // A quarter more or less, so that what failed together does not come back together.
  const jittered = backoff * (0.75 + Math.random() / 2)
  return {
    outcome: 'retry',
    code,
    reason,
    uncertain,
    delaySeconds: Math.max(jittered, Math.min(atLeastSeconds, delayMaxSeconds)),
  }
}

async function validate(
  schema: StandardSchemaV1 | undefined,
  envelope: SubmissionEnvelope,
): Promise<{ submission: Submission } | { problem: string }> {
  const { serviceSlug, submissionId, submissionAnswers } = envelope
  if (schema === undefined) return { submission: { serviceSlug, submissionId, submissionAnswers } }
  const result = await schema['~standard'].validate(submissionAnswers)
  if (result.issues === undefined) {
    // The handler's type says what its own schema returns; here it is whatever that was.
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

/** Names come with the answers: in a log and on a page they are one short piece of a line. */
function fieldName(key: PropertyKey): string {
  return String(key)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
    .slice(0, FIELD_NAME_CHARACTERS)
    .toWellFormed()
}

const FIELD_NAME_CHARACTERS = 100

/** An error's own code, where it has one that cannot hold what a citizen wrote. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'ERR_HANDLER_FAILED'
}

function isRetryable(error: unknown): boolean {
  return error instanceof AdapterError && error.retryable
}

/** A foreign error by name and code only: its message may quote the citizen. */
function described(error: unknown, thrower = 'the handler'): string {
  if (error instanceof Error) return `${thrower} threw ${errorName(error)}`
  return `${thrower} threw a ${typeof error}, not an Error: throw an Error to have it retried, or a PermanentError or UncertainError`
}

/** An error may carry how long its target wants to be left alone. */
function retryAfterSeconds(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('retryAfterSeconds' in error)) return undefined
  const seconds = error.retryAfterSeconds
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined
}
