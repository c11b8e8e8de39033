/** Sends one submission as Form Builder does, with retries on request. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  AdapterError,
  encryptCompact,
  type Key,
  parseKeyring,
  retryAfterSeconds,
} from '@formbuilder/adapter-sdk/protocol'
import { assertEndpoint, type EndpointRules } from './endpoint.ts'
import { type SubmissionInput, writeSubmission } from './plaintext.ts'
import { type Answer, post } from './post.ts'
import { jsonMembers, RefusalError } from './refusal.ts'

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
}

/** Options of {@link submit}. */
export interface SubmitOptions extends Target {
  readonly submission: SubmissionInput
  /**
   * How often to try again after no answer, 429 or 5xx (0 to 25, default 0). Waits as `Retry-After` asks, for at most 5
   * minutes, or else 1, 2, 4 ... up to 60 seconds. A retry is safe, because the receiver recognises the submissionId.
   */
  readonly retries?: number
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
  const { plaintext, submissionId } = writeSubmission(options.submission)
  const retries = assertInRange(options.retries ?? 0, 0, 25, 'retries')
  for (let attempts = 1; ; attempts++) {
    try {
      const jwe = await encryptCompact(plaintext, key)
      const answer = await post(endpoint, jwe, { timeoutSeconds, signal: options.signal, ca: options.ca })
      if (answer.status < 200 || answer.status > 299) throw new RefusalError(answer)
      return { outcome: outcomeOf(answer, submissionId), status: answer.status, submissionId, attempts }
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.retryable || attempts > retries) throw error
      const waitSeconds = secondsToWait(error, attempts)
      options.onRetry?.(attempts, waitSeconds, error)
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
