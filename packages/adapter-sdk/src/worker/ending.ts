/** Decides what the end of an attempt means: delivered, repeated after a delay, or a dead letter. */
import { AdapterError, PermanentError, RetryError, UncertainError } from '../errors.ts'
import { codeOf, type Failure, failureOf, failureText, type IsQuoted, isA, isError } from '../failure.ts'
import type { Form } from '../form.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'
import { secondsAskedFor } from './retry-after.ts'

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

/** What an error of `handle` or `confirm` means. `isQuoted`: whether a citizen wrote this text. */
export function failed(
  claim: Claim,
  form: Form,
  policy: RetryPolicy,
  progress: Progress,
  error: unknown,
  isQuoted: IsQuoted = () => false,
): Ending {
  const failure = failureOf(error, isCited(form, isQuoted))
  const isTheirs = isNamed(form, isQuoted)
  if (isA(error, PermanentError)) {
    const uncertain = isStillUncertain(claim, form, progress)
    const code = isTheirs(error.code) ? 'ERR_HANDLER_PERMANENT' : error.code
    return { outcome: 'dead', code, reason: worded(error, failure), uncertain, reference: error.reference, failure }
  }
  if (isA(error, UncertainError)) {
    const code = isTheirs(error.code) ? 'ERR_OUTCOME_UNCERTAIN' : error.code
    const { reference } = error
    return ended(claim, form, policy, progress, {
      code,
      reason: worded(error, failure),
      reference,
      unknown: true,
      failure,
    })
  }
  const isOurs = isA(error, AdapterError) || isA(error, RetryError)
  return ended(claim, form, policy, progress, {
    code: codeIn(error, form, isQuoted),
    reason: isOurs ? worded(error, failure) : described(error, failure),
    ours: !isOurs,
    // The error of an aborted request does not say whether the request arrived, unless it says that retrying helps.
    unknown: progress.isAborted && !isRetryable(error) && mayHaveActed(form, progress),
    delaySeconds: secondsAskedFor(error),
    failure,
  })
}

/** The code of an error of a handler or a schema. */
export function codeIn(error: unknown, form: Form, isQuoted: IsQuoted): string {
  if (isA(error, RetryError)) return isNamed(form, isQuoted)(error.code) ? 'ERR_HANDLER_RETRY' : error.code
  return (isError(error) ? codeOf(error, isCited(form, isQuoted)) : undefined) ?? 'ERR_HANDLER_FAILED'
}

/** What a form gives advice on is a code, also where somebody wrote that word. */
function isCited({ advice }: Form, isQuoted: IsQuoted): IsQuoted {
  return (text) => !Object.hasOwn(advice ?? {}, text) && isQuoted(text)
}

/** The same for the code that a handler gives an error of ours: `ERR_...` is one, whatever a citizen wrote. */
function isNamed(form: Form, isQuoted: IsQuoted): IsQuoted {
  return (code) => !code.startsWith('ERR_') && isCited(form, isQuoted)(code)
}

/** The words of an error of ours, what another server answered, and what caused it. */
function worded({ message }: Error, { status, causes: [cause, ...others] = [] }: Failure): string {
  const isSaid = status === undefined || message.includes(String(status))
  const more = [
    ...(isSaid ? [] : [`HTTP ${status}`]),
    ...(cause === undefined ? [] : [`caused by ${failureText({ ...cause, causes: others })}`]),
  ]
  return more.length === 0 ? message : `${message} (${more.join('; ')})`
}

/**
 * Whether an earlier outcome is unknown after this attempt as well. It is known from the moment when the handler is called
 * after `confirm` has found nothing, or after a person has looked; where it is only repeated, nobody has looked.
 */
function isStillUncertain(claim: Claim, form: Form, { phase }: Pick<Progress, 'phase'>): boolean {
  const isLookedFor = phase === 'handling' && (form.confirm !== undefined || claim.approved)
  return claim.uncertain && !isLookedFor
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
  readonly failure?: Failure | undefined
}

/** Repeated, confirmed by the next attempt, or an uncertain dead letter where a person has to look. */
export function ended(
  claim: Claim,
  form: Form,
  policy: RetryPolicy,
  progress: Pick<Progress, 'phase'>,
  end: End,
): Ending {
  const { code, reason, ours = false, reference, failure } = end
  const uncertain = end.unknown || isStillUncertain(claim, form, progress)
  // A repeat that does no harm waits for nothing.
  const isAsked = form.confirm !== undefined || form.repeatable !== true
  const settleSeconds = end.unknown && isAsked ? settleSecondsOf(form) : undefined
  if (uncertain && !needsNoPerson(form)) {
    return { outcome: 'dead', code, reason, ours, uncertain, settleSeconds, reference, failure }
  }
  const retried = retry(claim, policy, { code, reason, uncertain, delaySeconds: end.delaySeconds })
  return { ...retried, ours, settleSeconds, reference, failure }
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
    failure: ending.failure,
  }
}

function failures({ attemptsSinceRedrive, losses }: Claim): number {
  return attemptsSinceRedrive - losses
}

/** A foreign error by name, codes, status and places in files: its message may quote the citizen. */
export function described(error: unknown, failure: Failure, thrower = 'the handler'): string {
  if (isError(error)) return `${thrower} threw ${failureText(failure)}`
  const status = failure.status === undefined ? '' : ` with HTTP ${failure.status}`
  return `${thrower} threw a ${typeof error}${status}, not an Error: throw an Error to have it retried, or a PermanentError or UncertainError`
}

function isRetryable(error: unknown): boolean {
  return isA(error, RetryError) || (isA(error, AdapterError) && error.retryable)
}
