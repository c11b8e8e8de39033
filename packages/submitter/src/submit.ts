/** Sends one submission, as Form Builder does. */
import { setTimeout as delay } from 'node:timers/promises'
import { AdapterError, encryptCompact, type Key, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { assertEndpoint, type EndpointRules } from './endpoint.ts'
import { type SubmissionInput, writeSubmission } from './plaintext.ts'
import { type Answer, post } from './post.ts'
import { members, RefusalError } from './refusal.ts'

/** Where and with what to send, for `submit` and `verifyEndpoint`. */
export interface Target extends EndpointRules {
  readonly endpoint: string | URL
  /** The shared key: its text, or as `parseKeyring` made it. */
  readonly key: string | Key
  /** Time for one attempt, in seconds (1 to 600, default 60). */
  readonly timeoutSeconds?: number
  /** Certificate authorities to trust, in PEM, for an endpoint on this machine. */
  readonly ca?: string
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal
}

export interface SubmitOptions extends Target {
  readonly submission: SubmissionInput
  /**
   * How often to try again when there is no answer, or 429 or 5xx (0 to 25, default 0). Waits as `Retry-After` asks, up
   * to 5 minutes, or else 1, 2, 4 ... up to 60 seconds. Repeating is safe: a receiver knows a submission by its id.
   */
  readonly retries?: number
  /** Told before each wait. */
  readonly onRetry?: (attempt: number, waitSeconds: number, error: AdapterError) => void
  /** How to wait; for tests. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<unknown>
}

/** The receiver has the submission: any status from 200 to 299. */
export interface Receipt {
  /** `duplicate`: it had it already. */
  readonly outcome: 'accepted' | 'duplicate'
  readonly status: number
  readonly submissionId: string
  /** How often it was posted, from 1. */
  readonly attempts: number
}

/**
 * Checks the endpoint and the submission, encrypts and posts it. Each attempt is encrypted anew.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID, ERR_SUBMISSION_INVALID: nothing was sent.
 * ERR_RECEIVER_REFUSED (a `RefusalError`): another answer than 2xx. ERR_RECEIVER_UNREACHABLE: no answer; the receiver
 * may have the submission all the same.
 */
export async function submit(options: SubmitOptions): Promise<Receipt> {
  const { endpoint, key, timeoutSeconds } = assertTarget(options)
  const { plaintext, submissionId } = writeSubmission(options.submission)
  const retries = within(options.retries ?? 0, 0, 25, 'retries')
  for (let attempts = 1; ; attempts++) {
    try {
      const jwe = await encryptCompact(plaintext, key)
      const answer = await post(endpoint, jwe, { timeoutSeconds, signal: options.signal, ca: options.ca })
      if (answer.status < 200 || answer.status > 299) throw new RefusalError(answer)
      return { outcome: outcomeOf(answer), status: answer.status, submissionId, attempts }
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.retryable || attempts > retries) throw error
      const waitSeconds = secondsToWait(error, attempts)
      options.onRetry?.(attempts, waitSeconds, error)
      await (options.wait ?? sleep)(waitSeconds * 1000, options.signal)
    }
  }
}

/**
 * What `submit` and `verifyEndpoint` have in common: everything is in order before anything is sent.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID
 */
export function assertTarget(target: Target): { endpoint: URL; key: Key; timeoutSeconds: number } {
  const endpoint = assertEndpoint(target.endpoint, target)
  const timeoutSeconds = within(target.timeoutSeconds ?? 60, 1, 600, 'timeoutSeconds')
  if (typeof target.key !== 'string') return { endpoint, key: target.key, timeoutSeconds }
  const [key] = parseKeyring(target.key).keys
  if (key === undefined) throw new AdapterError('ERR_KEY_INVALID', 'there is no key')
  return { endpoint, key, timeoutSeconds }
}

const RETRY_AFTER_LIMIT_SECONDS = 300
const BACKOFF_LIMIT_SECONDS = 60

function within(value: number, least: number, most: number, name: string): number {
  if (value >= least && value <= most) return value
  throw new RangeError(`${name} is not between ${least} and ${most}`)
}

function outcomeOf(answer: Answer): Receipt['outcome'] {
  return members(answer).get('status') === 'duplicate' ? 'duplicate' : 'accepted'
}

function secondsToWait(error: AdapterError, attempts: number): number {
  const asked = error instanceof RefusalError ? retryAfterSeconds(error.retryAfter) : undefined
  if (asked !== undefined) return Math.min(asked, RETRY_AFTER_LIMIT_SECONDS)
  // From half the time to all of it, so that those who were refused together do not come back together.
  return Math.min(2 ** (attempts - 1), BACKOFF_LIMIT_SECONDS) * (0.5 + Math.random() / 2)
}

/** Seconds, or a date (RFC 9110 section 10.2.3). */
function retryAfterSeconds(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000))
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<unknown> {
  return delay(milliseconds, undefined, signal === undefined ? {} : { signal })
}
