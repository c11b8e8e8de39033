/** Decides what the end of an attempt means: delivered, repeated after a delay, or a dead letter. */
import { AdapterError, PermanentError, UncertainError } from '../errors.ts'
import { errorName } from '../events.ts'
import type { Form } from '../form.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'

/** When and how often a failed attempt is repeated. */
export interface RetryPolicy {
  /** Before the first retry, in seconds; doubled each time. */
  readonly delaySeconds: number
  readonly delayMaxSeconds: number
  /** Retries after the first attempt. */
  readonly limit: number
}

/** How far an attempt came before it failed. */
export interface Progress {
  readonly phase: 'before' | 'confirming' | 'handling'
  /** Whether the handler has called `context.acting()`. */
  readonly acted: boolean
  /** Whether the attempt was given up: its error then says nothing about what the case system did. */
  readonly isAborted: boolean
}

/** What losing the process during an attempt means for this form. */
export function lossOf(form: Form): Loss {
  if (form.repeatable === 'until-acting') return 'uncertain-if-acting'
  return form.repeatable === false ? 'uncertain' : 'repeatable'
}

/** How long after an attempt its unknown outcome may be asked for: the case system may still be working on it. */
export function settleSecondsOf({ settleSeconds, timeoutSeconds }: Form): number {
  return settleSeconds ?? timeoutSeconds ?? 300
}

/** So many lost attempts make a submission a dead letter: it would crash the process every time. */
export const MOST_LOSSES = 5

/** Whether the case system may have acted in an attempt that ended without a result. */
export function mayHaveActed(form: Form, { phase, acted }: Progress): boolean {
  if (phase !== 'handling') return false
  return lossOf(form) === 'uncertain' || (lossOf(form) === 'uncertain-if-acting' && acted)
}

/** Whether an uncertain submission needs no person: the case system is asked, or a repeat does no harm. */
export function needsNoPerson({ confirm, repeatable }: Form): boolean {
  return confirm !== undefined || repeatable === true
}

/** What an error of `handle` or `confirm` means. */
export function failed(claim: Claim, form: Form, policy: RetryPolicy, progress: Progress, error: unknown): Ending {
  if (error instanceof PermanentError) {
    const uncertain = progress.phase !== 'handling' && claim.uncertain
    return { outcome: 'dead', code: error.code, reason: error.message, uncertain, reference: error.reference }
  }
  if (error instanceof UncertainError) {
    const { code, message: reason, reference } = error
    return ended(claim, form, policy, progress, { code, reason, reference, unknown: form.repeatable !== true })
  }
  return ended(claim, form, policy, progress, {
    code: errorCode(error),
    reason: error instanceof AdapterError ? error.message : described(error),
    ours: !(error instanceof AdapterError),
    // The error of an aborted request does not say whether the request arrived, unless it says that retrying helps.
    unknown: progress.isAborted && !isRetryable(error) && mayHaveActed(form, progress),
    delaySeconds: retryAfterSeconds(error),
  })
}

/** How an attempt ended, before it is decided what that means. */
export interface End {
  readonly code: string
  readonly reason: string
  readonly ours?: boolean
  /** Whether the case system may have acted in this attempt. */
  readonly unknown: boolean
  readonly reference?: string | undefined
  readonly delaySeconds?: number | undefined
}

/** Repeated, confirmed by the next attempt, or an uncertain dead letter where a person has to look. */
export function ended(
  claim: Claim,
  form: Form,
  policy: RetryPolicy,
  { phase }: Pick<Progress, 'phase'>,
  end: End,
): Ending {
  const { code, reason, ours = false, reference } = end
  // An earlier uncertain outcome stays uncertain until the handler is called again.
  const uncertain = end.unknown || (phase !== 'handling' && claim.uncertain)
  const settleSeconds = end.unknown ? settleSecondsOf(form) : undefined
  if (uncertain && !needsNoPerson(form)) {
    return { outcome: 'dead', code, reason, ours, uncertain, settleSeconds, reference }
  }
  const retried = retry(claim, policy, { code, reason, uncertain, delaySeconds: end.delaySeconds })
  return { ...retried, ours, settleSeconds, reference }
}

/** A retry with exponential backoff. */
export function retry(
  claim: Claim,
  policy: RetryPolicy,
  failure: {
    readonly code: string
    readonly reason: string
    readonly uncertain: boolean
    /** At least so long. */
    readonly delaySeconds?: number | undefined
  },
): Ending & { outcome: 'retry' } {
  const { code, reason, uncertain, delaySeconds = 0 } = failure
  const backoff = retryDelaySeconds(failures(claim), policy)
  return {
    outcome: 'retry',
    code,
    reason,
    uncertain,
    delaySeconds: Math.max(backoff, Math.min(delaySeconds, policy.delayMaxSeconds)),
  }
}

/** Doubled with each failure, a quarter more or less: what failed together must not return together. */
export function retryDelaySeconds(failures: number, { delaySeconds, delayMaxSeconds }: RetryPolicy): number {
  const backoff = Math.min(delayMaxSeconds, delaySeconds * 2 ** Math.min(Math.max(failures - 1, 0), 30))
  return backoff * (0.75 + Math.random() / 2)
}

/** A retry beyond the limit is a dead letter. Lost attempts are counted apart. */
export function withinLimit(claim: Claim, ending: Ending, { limit }: RetryPolicy): Ending {
  if (ending.outcome !== 'retry' || failures(claim) <= limit) return ending
  return {
    outcome: 'dead',
    code: ending.uncertain ? 'ERR_OUTCOME_UNCERTAIN' : 'ERR_RETRIES_EXHAUSTED',
    reason: `${failures(claim)} attempts failed, the last with ${ending.code}: ${ending.reason}`,
    ours: ending.ours ?? false,
    uncertain: ending.uncertain,
    settleSeconds: ending.settleSeconds,
    reference: ending.reference,
  }
}

function failures({ attemptsSinceRedrive, losses }: Claim): number {
  return attemptsSinceRedrive - losses
}

/** An error's own code, where it has one that cannot hold what a citizen wrote. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'ERR_HANDLER_FAILED'
}

/** A foreign error by name and code only: its message may quote the citizen. */
export function described(error: unknown, thrower = 'the handler'): string {
  if (error instanceof Error) return `${thrower} threw ${errorName(error)}`
  return `${thrower} threw a ${typeof error}, not an Error: throw an Error to have it retried, or a PermanentError or UncertainError`
}

function isRetryable(error: unknown): boolean {
  return error instanceof AdapterError && error.retryable
}

/** How long the target asks to be left alone, where the error carries it. */
function retryAfterSeconds(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('retryAfterSeconds' in error)) return undefined
  const seconds = error.retryAfterSeconds
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined
}
