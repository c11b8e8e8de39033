/** Sends one submission as Form Builder does, with retries on request. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  AdapterError,
  type AttachmentLink,
  encryptCompact,
  type Key,
  parseKeyring,
  retryAfterSeconds,
  SENDER_DELIVERIES,
  senderRetrySeconds,
} from '@formbuilder/adapter-sdk/protocol'
import { type Answer, jsonMembers } from './answer.ts'
import { assertEndpoint, type EndpointRules } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import { type SubmissionInput, writeSubmission } from './plaintext.ts'
import { post } from './post.ts'
import { RefusalError } from './refusal.ts'

/** The endpoint, its key and the limits of a request, for `submit` and `verifyEndpoint`. */
export interface Target extends EndpointRules {
  readonly endpoint: string | URL
  /** The shared key, as text or as returned by `parseKeyring`. */
  readonly key: string | Key
  /** Time allowed for one attempt, in seconds (1 to 600, default 60). */
  readonly timeoutSeconds?: number
  /** Certificate authorities in PEM to trust for an endpoint on this machine. */
  readonly ca?: string
  /** Aborts the request, and the wait before a retry. */
  readonly signal?: AbortSignal
  /** Called after each request with a record of it that is safe to show: no key, token, answer or link. Must not throw. */
  readonly onExchange?: (exchange: Exchange) => void
}

/** Options of {@link submit}. */
export interface SubmitOptions extends Target {
  readonly submission: SubmissionInput
  /** Sends it under this id, whether or not it has one: the same submission again, or a new one with the same answers. */
  readonly submissionId?: string
  /** Called before each attempt: fresh links to files, added to the attachments of the submission. */
  readonly attachments?: () => readonly AttachmentLink[]
  /**
   * How often to try again after no answer, 429 or 5xx (0 to 25, default 0). Waits as `Retry-After` asks, for at most 5
   * minutes, or else 1, 2, 4 ... up to 60 seconds. A retry is safe, because the receiver recognises the submissionId.
   */
  readonly retries?: number
  /**
   * Instead of `retries`: tries again as Form Builder does, after anything that is not 2xx, on its schedule: after 6 s, 21 s,
   * 86 s and so on, 25 times in 20 days. Default `false`.
   */
  readonly repeat?: boolean
  /** With `repeat`: how many times faster than Form Builder its schedule passes (1 to 1,000,000, default 1). */
  readonly speed?: number
  /** Called before each attempt, counted from 1. */
  readonly onAttempt?: (attempt: number) => void
  /** Called before each wait. */
  readonly onRetry?: (attempt: number, waitSeconds: number, error: AdapterError) => void
  /** Replaces the wait between attempts, for tests. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<unknown>
}

/** The receiver answered with a status from 200 to 299, which is success for Form Builder. */
export interface Receipt {
  /**
   * `accepted`: the answer says that the receiver has the submission. `duplicate`: that it already had it. `unrecognised`: it
   * says neither, so a server in front of the receiver may have answered.
   */
  readonly outcome: 'accepted' | 'duplicate' | 'unrecognised'
  readonly status: number
  readonly submissionId: string
  /** How many attempts it took, at least 1. */
  readonly attempts: number
}

/**
 * Checks the endpoint, the key and the submission, then encrypts and sends it. Each attempt is encrypted again, with a new IV.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID, ERR_SUBMISSION_INVALID: nothing was sent.
 * ERR_RECEIVER_REFUSED (a `RefusalError`): the answer was not 2xx. ERR_RECEIVER_UNREACHABLE: there was no answer, but the
 * receiver may have the submission.
 */
export async function submit(options: SubmitOptions): Promise<Receipt> {
  const { endpoint, key, timeoutSeconds } = assertTarget(options)
  const secondsUntilNext = waiting(options)
  const { submissionId } = writeSubmission(options.submission, { submissionId: options.submissionId })
  for (let attempts = 1; ; attempts++) {
    const { plaintext } = writeSubmission(options.submission, { submissionId, attachments: options.attachments?.() })
    try {
      const jwe = await encryptCompact(plaintext, key)
      options.onAttempt?.(attempts)
      const answer = await post(endpoint, jwe, { ...options, timeoutSeconds })
      if (answer.status < 200 || answer.status > 299) throw new RefusalError(answer)
      return { outcome: outcomeOf(answer, submissionId), status: answer.status, submissionId, attempts }
    } catch (error) {
      const waitSeconds = error instanceof AdapterError ? secondsUntilNext(error, attempts) : undefined
      if (waitSeconds === undefined) throw error
      options.onRetry?.(attempts, waitSeconds, error as AdapterError)
      await (options.wait ?? sleep)(waitSeconds * 1000, options.signal)
    }
  }
}

/**
 * Checks the endpoint, the key and the timeout before `submit` or `verifyEndpoint` sends anything.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID
 */
export function assertTarget(target: Target): { endpoint: URL; key: Key; timeoutSeconds: number } {
  const endpoint = assertEndpoint(target.endpoint, target)
  const timeoutSeconds = assertInRange(target.timeoutSeconds ?? 60, 1, 600, 'timeoutSeconds')
  if (typeof target.key !== 'string') return { endpoint, key: target.key, timeoutSeconds }
  const [key] = parseKeyring(target.key).keys
  if (key === undefined) throw new AdapterError('ERR_KEY_INVALID', 'the key is missing')
  return { endpoint, key, timeoutSeconds }
}

/** Says after a failed attempt how long to wait for the next, in seconds; `undefined`: there is none. */
function waiting(options: SubmitOptions): (error: AdapterError, attempts: number) => number | undefined {
  const retries = assertInRange(options.retries ?? 0, 0, 25, 'retries')
  const speed = assertInRange(options.speed ?? 1, 1, 1_000_000, 'speed')
  if (options.repeat !== true)
    return (error, attempts) => (error.retryable && attempts <= retries ? secondsToWait(error, attempts) : undefined)
  if (retries > 0) throw new RangeError('retries must be 0 with repeat')
  return ({ code }, attempts) =>
    code.startsWith('ERR_RECEIVER_') && attempts < SENDER_DELIVERIES ? senderRetrySeconds(attempts) / speed : undefined
}

const RETRY_AFTER_LIMIT_SECONDS = 300
const BACKOFF_LIMIT_SECONDS = 60

function assertInRange(value: number, least: number, most: number, name: string): number {
  if (value >= least && value <= most) return value
  throw new RangeError(`${name} must be from ${least} to ${most}`)
}

function outcomeOf(answer: Answer, submissionId: string): Receipt['outcome'] {
  const members = jsonMembers(answer)
  // The Ruby adapter answers {"placeholder":true}.
  if (members.get('placeholder') === true) return 'accepted'
  const isOfAnother = members.has('submissionId') && members.get('submissionId') !== submissionId
  const status = members.get('status')
  return !isOfAnother && (status === 'accepted' || status === 'duplicate') ? status : 'unrecognised'
}

function secondsToWait(error: AdapterError, attempts: number): number {
  const retryAfter = error instanceof RefusalError ? retryAfterSeconds(error.retryAfter) : undefined
  if (retryAfter !== undefined) return Math.min(retryAfter, RETRY_AFTER_LIMIT_SECONDS)
  // A random wait from half the time to all of it, so that senders refused at the same moment do not all return at once.
  return Math.min(2 ** (attempts - 1), BACKOFF_LIMIT_SECONDS) * (0.5 + Math.random() / 2)
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<unknown> {
  return delay(milliseconds, undefined, signal === undefined ? {} : { signal })
}
