/** One attempt: decrypt, check the answers, call the form's handler, and decide what its end means. */
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import { failureOf } from '../failure.ts'
import { type After, deadline, within } from '../files/deadline.ts'
import type { Context, Form, Submission } from '../form.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission, type SubmissionEnvelope } from '../protocol/submission.ts'
import { quotedIn } from '../quoted.ts'
import type { Claim, Ending } from '../store/claim.ts'
import type { TargetCalls } from '../telemetry/target-calls.ts'
import { traceAttempt } from '../telemetry/tracing.ts'
import { checkAnswers } from './answers-check.ts'
import {
  codeIn,
  described,
  ended,
  failed,
  mayHaveActed,
  needsNoPerson,
  type Progress,
  type RetryPolicy,
  retry,
  withinLimit,
} from './ending.ts'

/** What attempts need beside the claim. */
export interface AttemptOptions {
  readonly forms: ReadonlyMap<string, Form>
  readonly keyrings: Readonly<Record<string, Keyring>>
  readonly retry: RetryPolicy
  /** Makes what the handler may use. */
  readonly context: (claim: Claim, envelope: SubmissionEnvelope, signal: AbortSignal) => Context
  /** Opens the spans of `handle` and `confirm`, and watches their calls to other servers. */
  readonly calls: Pick<TargetCalls, 'observe'>
  readonly emit: Emit
  /** The clock of `timeoutSeconds`. Default: the process's. */
  readonly after?: After | undefined
  /** In development: shows a whole error. */
  readonly show?: ((what: string, error: unknown) => void) | undefined
}

/** Runs one attempt. Never throws. `signal` aborts when the attempt has to end. */
export type RunAttempt = (claim: Claim, signal: AbortSignal) => Promise<Ending>

/** Returns a function that runs attempts, each in a span that shows how it ended. */
export function attemptRunner(options: AttemptOptions): RunAttempt {
  const policy = options.retry
  return (claim, signal) =>
    traceAttempt(claim, () =>
      runAttempt(claim, options, signal)
        .catch((error: unknown) =>
          retry(claim, policy, { code: 'ERR_INTERNAL', reason: errorName(error), uncertain: claim.uncertain }),
        )
        .then((ending) => withinLimit(claim, ending, policy)),
    )
}

/** Opens the submission, then calls the form within its time. */
async function runAttempt(claim: Claim, options: AttemptOptions, signal: AbortSignal): Promise<Ending> {
  const opened = await open(claim, options)
  if ('outcome' in opened) return opened

  const { form, envelope } = opened
  const timeoutSeconds = form.timeoutSeconds ?? 300
  const timedOut = () =>
    new AdapterError('ERR_ATTEMPT_TIMEOUT', `the attempt took longer than ${timeoutSeconds} seconds`)
  using limit = deadline(timeoutSeconds, timedOut, signal, options.after)
  // A handler that respects the signal reports itself how far it came.
  using grace = deadline(timeoutSeconds + ABORT_GRACE_SECONDS, timedOut, undefined, options.after)
  const tracked = track(options.context(claim, envelope, limit.signal))
  try {
    return await within(grace.signal, callForm(claim, opened, options, tracked))
  } catch (error) {
    if (!grace.signal.aborted) throw error
  }
  const { progress } = tracked
  progress.isOver = true
  return ended(claim, form, options.retry, progress, {
    code: 'ERR_ATTEMPT_TIMEOUT',
    reason: `the handler did not end within ${timeoutSeconds} seconds, nor when its signal aborted`,
    ours: true,
    unknown: mayHaveActed(form, { ...progress, isAborted: true }),
  })
}

interface Opened {
  readonly form: Form
  readonly envelope: SubmissionEnvelope
  /** With the answers as the form's schema returns them. */
  readonly submission: Submission
}

/** Decrypts the submission and checks its answers. An ending: the form cannot be called. */
async function open(claim: Claim, options: AttemptOptions): Promise<Opened | Ending> {
  // A problem found before the handler runs leaves open whether an earlier attempt reached the case system.
  const { uncertain } = claim
  const dead = (code: string, reason: string): Ending => ({ outcome: 'dead', code, reason, ours: true, uncertain })
  const form = options.forms.get(claim.form)
  if (form === undefined) throw new AdapterError('ERR_FORM_INVALID', 'this process has no such form')

  let envelope: SubmissionEnvelope
  try {
    const { plaintext, keyPosition } = await decryptCompact(claim.jwe, options.keyrings[claim.form] ?? { keys: [] })
    const { submissionId } = claim
    options.emit({ event: 'attempt.decrypted', form: claim.form, submissionId, keyPosition })
    envelope = parseSubmission(plaintext)
  } catch (error) {
    if (error instanceof AdapterError) return dead(error.code, error.message)
    throw error
  }

  let checked: Awaited<ReturnType<typeof checkAnswers>>
  try {
    checked = await checkAnswers(form.answers, envelope)
  } catch (error) {
    options.show?.(`the schema of ${claim.form} failed on ${claim.submissionId}:`, error)
    const isQuoted = quotedIn(envelope.submissionAnswers, envelope.attachments)
    const failure = failureOf(error, isQuoted)
    const reason = described(error, failure, 'the schema')
    const retried = retry(claim, options.retry, { code: codeIn(error, form, isQuoted), reason, uncertain })
    return { ...retried, ours: true, failure }
  }
  if ('problem' in checked) return dead('ERR_ANSWERS_INVALID', checked.problem)

  if (claim.uncertain && !needsNoPerson(form) && !claim.approved) {
    return dead('ERR_OUTCOME_UNCERTAIN', 'the outcome of an earlier attempt is unknown, and the form cannot confirm it')
  }
  return { form, envelope, submission: checked.submission }
}

/** Confirms if an earlier outcome is unknown, then calls the handler if nothing was found. */
async function callForm(
  claim: Claim,
  { form, envelope, submission }: Opened,
  { calls, retry: policy, show }: AttemptOptions,
  { context, progress }: Tracked,
): Promise<Ending> {
  const about = { form: claim.form, submissionId: claim.submissionId }
  const { confirm } = form
  try {
    if (claim.uncertain && confirm !== undefined) {
      progress.phase = 'confirming'
      const found = await calls.observe('confirm', about, async () => await confirm.call(form, submission, context))
      if (found !== undefined) return { outcome: 'delivered', reference: found.reference ?? null, confirmed: true }
    }
    // Given up while it was confirming: nothing may start any more.
    context.signal.throwIfAborted()
    progress.phase = 'handling'
    const outcome = await calls.observe(
      'handle',
      about,
      async () => (await form.handle(submission, context)) ?? undefined,
    )
    return { outcome: 'delivered', reference: outcome?.reference ?? null, confirmed: false }
  } catch (error) {
    show?.(`attempt ${claim.attempt} of ${claim.form} ${claim.submissionId} failed:`, error)
    const isQuoted = quotedIn(envelope.submissionAnswers, envelope.attachments)
    return failed(claim, form, policy, { ...progress, isAborted: context.signal.aborted }, error, isQuoted)
  }
}

const ABORT_GRACE_SECONDS = 5

interface Tracked {
  readonly context: Context
  /** `isOver`: the attempt was given up, so that nothing may be sent any more. */
  readonly progress: { phase: Progress['phase']; acted: boolean; isOver: boolean }
}

/** Gives the context an `acting` that remembers how far the attempt came. */
function track(context: Context): Tracked {
  const progress: Tracked['progress'] = { phase: 'before', acted: false, isOver: false }
  async function acting(): Promise<void> {
    // Before it is recorded, not after: an attempt that is given up in between must not call itself harmless.
    const before = progress.acted
    progress.acted = true
    try {
      await context.acting()
    } catch (error) {
      progress.acted = before
      throw error
    }
    if (progress.isOver) throw new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was given up before it acted')
  }
  return { progress, context: { ...context, acting } }
}
