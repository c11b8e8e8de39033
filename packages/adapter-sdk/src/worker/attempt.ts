/** One attempt: decrypt, check the answers, call the form's handler, and decide what its end means. */
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import { deadline, within } from '../files/deadline.ts'
import type { Context, Form, Submission } from '../form.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission, type SubmissionEnvelope } from '../protocol/submission.ts'
import type { Claim, Ending } from '../store/claim.ts'
import type { TargetCalls } from '../telemetry/target-calls.ts'
import { step, traceAttempt } from '../telemetry/tracing.ts'
import { checkAnswers } from './answers-check.ts'
import {
  described,
  ended,
  errorCode,
  failed,
  mayHaveActed,
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
  /** Watches the handler's calls to other servers. */
  readonly calls: Pick<TargetCalls, 'observe'>
  readonly emit: Emit
}

/** Runs one attempt. Never throws. `signal` aborts when the attempt has to end. */
export type RunAttempt = (claim: Claim, signal: AbortSignal) => Promise<Ending>

/** Returns what runs attempts: each ends as its error's type decides. */
export function attemptRunner(options: AttemptOptions): RunAttempt {
  const policy = options.retry
  return async (claim, signal) => {
    if (claim.attemptsSinceRedrive > policy.limit + 1) {
      // Only attempts that were lost with their process get beyond the limit: a submission that crashes the process would
      // crash it every time.
      const reason = `${claim.attemptsSinceRedrive - 1} attempts, the last of which ended with its process`
      return { outcome: 'dead', code: 'ERR_RETRIES_EXHAUSTED', reason, uncertain: claim.uncertain }
    }
    const ending = await traceAttempt(claim, async () => await opened(claim, options, signal)).catch((error: unknown) =>
      retry(claim, policy, { code: 'ERR_INTERNAL', reason: errorName(error), uncertain: claim.uncertain }),
    )
    return withinLimit(claim, ending, policy)
  }
}

/** Decrypts the submission and checks its answers, then hands it to the form. */
async function opened(claim: Claim, options: AttemptOptions, signal: AbortSignal): Promise<Ending> {
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
    const reason = described(error, 'the schema')
    return retry(claim, options.retry, { code: errorCode(error), reason, uncertain })
  }
  if ('problem' in checked) return dead('ERR_ANSWERS_INVALID', checked.problem)

  if (claim.uncertain && form.confirm === undefined && !claim.approved) {
    return dead('ERR_OUTCOME_UNCERTAIN', 'the outcome of an earlier attempt is unknown, and the form cannot confirm it')
  }
  return await callForm(claim, form, options, envelope, checked.submission, signal)
}

/** Confirms where that is needed, then calls the handler, both within the form's time. */
async function callForm(
  claim: Claim,
  form: Form,
  options: AttemptOptions,
  envelope: SubmissionEnvelope,
  submission: Submission,
  signal: AbortSignal,
): Promise<Ending> {
  const timeoutSeconds = form.timeoutSeconds ?? 300
  const timedOut = () =>
    new AdapterError('ERR_ATTEMPT_TIMEOUT', `the attempt took longer than ${timeoutSeconds} seconds`)
  using limit = deadline(timeoutSeconds, timedOut, signal)
  const { context, progress } = tracked(options.context(claim, envelope, limit.signal))
  const { submissionId } = claim
  const called = <T>(name: 'handle' | 'confirm', call: () => Promise<T>) =>
    step(name, () => options.calls.observe({ form: claim.form, submissionId }, call), {
      'formbuilder.form': claim.form,
    })

  async function work(): Promise<Ending> {
    if (claim.uncertain && form.confirm !== undefined) {
      progress.phase = 'confirming'
      const found = await called('confirm', async () => await form.confirm?.(submission, context))
      if (found !== undefined) return { outcome: 'delivered', reference: found.reference ?? null, confirmed: true }
    }
    // Given up while it was confirming: nothing may start any more.
    limit.signal.throwIfAborted()
    progress.phase = 'handling'
    const outcome = await called('handle', async () => (await form.handle(submission, context)) ?? undefined)
    return { outcome: 'delivered', reference: outcome?.reference ?? null, confirmed: false }
  }

  const seen = () => ({ ...progress, isAborted: limit.signal.aborted })
  const working = work().catch((error: unknown) => failed(claim, form, options.retry, seen(), error))
  // A handler that respects the signal reports itself how far it came.
  using grace = deadline(timeoutSeconds + ABORT_GRACE_SECONDS, timedOut)
  const ending = await within(grace.signal, working).catch(() => undefined)
  if (ending !== undefined) return ending
  progress.isOver = true
  return ended(claim, form, options.retry, progress, {
    code: 'ERR_ATTEMPT_TIMEOUT',
    reason: `the handler did not end within ${timeoutSeconds} seconds, nor when its signal aborted`,
    ours: true,
    unknown: mayHaveActed(form, seen()),
  })
}

const ABORT_GRACE_SECONDS = 5

/** The context with an `acting` that remembers how far the attempt came. */
function tracked(context: Context) {
  const progress: { phase: Progress['phase']; acted: boolean; isOver: boolean } = {
    phase: 'before',
    acted: false,
    isOver: false,
  }
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
