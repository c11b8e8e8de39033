/** The client of Optics that the forms use: creates a case once, and finds out whether a case exists. */
import { type Outcome, retryAfterSeconds } from '@formbuilder/adapter-sdk'
import axios, { type AxiosInstance } from 'axios'
import type { OpticsConfig } from '../config.ts'
import { type Details, OpticsError, uncertain } from '../errors.ts'
import { readAnswer } from './case-id.ts'
import { DATABASE } from './createcase.ts'
import { ExchangeFailed, exchange, type OpticsAnswer, type OpticsRequest } from './exchange.ts'
import { applicationError } from './refusal.ts'
import { Tokens } from './token.ts'

/** What a form needs from Optics. */
export interface CaseSystem {
  /** IANA time zone that decides the day of receipt. */
  readonly timeZone: string
  /** Longest time that one attempt may take when Optics is slow, in seconds. */
  readonly attemptSeconds: number
  /** How long after an attempt whose outcome is unknown the case is looked for, in seconds. */
  readonly settleSeconds: number
  /** Creates the case. The body reaches Optics at most once, except after a 401 or 403. */
  createCase(body: Buffer, step: Step): Promise<Outcome>
  /** Finds a case by the submissionId that was sent as its ExternalId. Absent when no ExternalId is sent. */
  readonly findCase?: (submissionId: string, step: Step) => Promise<Outcome | undefined>
}

/** How a request to Optics is aborted and announced. */
export interface Step {
  readonly signal: AbortSignal
  /** Called immediately before the first request that could change something in Optics. */
  readonly acting?: () => Promise<void>
  /** Called when an answer without a case id counts as a case made: see `caseId` in {@link OpticsConfig}. */
  readonly unnamed?: () => void
}

/** Optional parts of a client of Optics, for tracing and tests. */
export interface OpticsParts {
  /** Sends the requests. An interceptor may add headers, such as `traceparent`. An agent must not keep connections alive. */
  readonly client?: AxiosInstance
  /** The time in milliseconds. */
  readonly now?: () => number
}

/** Creates a client of Optics. It holds one token, so use one client for all forms of a process. */
export function createOptics(
  config: OpticsConfig,
  { client = axios.create(), now = Date.now }: OpticsParts = {},
): CaseSystem {
  const { endpoint, timeoutSeconds, settleSeconds, duplicateCheck, timeZone, caseId = 'required' } = config
  const tokens = new Tokens(client, config, now)

  /** Sends a request with a token. If Optics refuses the token, sends it once more with a new one. */
  async function authorised(
    request: Omit<OpticsRequest, 'timeoutSeconds'>,
    { signal, acting }: Step,
  ): Promise<OpticsAnswer> {
    const send = async (accessToken: string) =>
      exchange(client, {
        ...request,
        headers: { ...request.headers, Authorization: `Bearer ${accessToken}` },
        signal,
        timeoutSeconds,
      })

    const accessToken = await unlessAborted(tokens.get(), signal)
    await acting?.()
    const answer = await send(accessToken)
    const isRefused = isUnauthorised(answer) || (request.method === 'GET' && isInvalidGrant(answer))
    if (!isRefused) return answer
    answer.discard()
    tokens.discard(accessToken)
    return send(await unlessAborted(tokens.get(), signal))
  }

  async function createCase(body: Buffer, step: Step): Promise<Outcome> {
    try {
      const answer = await authorised(
        {
          method: 'POST',
          url: `${endpoint}/createcase?db=${DATABASE}`,
          headers: { 'Content-Type': 'application/json' },
          body,
        },
        step,
      )
      if (answer.status < 200 || answer.status > 299) throw createcaseRefused(answer)
      const { verdict, cases, what } = readAnswer(answer.header('content-type'), await answer.text())
      const [reference] = cases
      if (verdict === 'named' && reference !== undefined && cases.length === 1) return { reference }
      if (verdict === 'unnamed' && caseId === 'optional') {
        step.unnamed?.()
        return {}
      }
      const message = `Optics answered createcase with ${answer.status} and ${what}`
      throw uncertain('ERR_OPTICS_ANSWER_UNKNOWN', message, { cases, status: answer.status })
    } catch (error) {
      throw error instanceof ExchangeFailed ? createcaseUnanswered(error) : error
    }
  }

  async function findCase(submissionId: string, step: Step): Promise<Outcome | undefined> {
    const query = new URLSearchParams({ db: DATABASE, Format: 'json', Attribute: 'CaseId', ExternalId: submissionId })
    const failed = (message: string, details: Details) => new OpticsError('ERR_OPTICS_LOOKUP_FAILED', message, details)
    try {
      const answer = await authorised({ method: 'GET', url: `${endpoint}/getcaseattribute?${query}` }, step)
      if (answer.status === 200) {
        const { verdict, cases, what } = readAnswer(answer.header('content-type'), await answer.text())
        // Several cases can share an ExternalId, and all of them are named.
        if (verdict === 'named') return { reference: cases.join(', ') }
        throw failed(`Optics answered getcaseattribute with 200 and ${what}`, { status: 200 })
      }
      answer.discard()
      if (isNoSuchCase(answer)) return undefined
      const { status } = answer
      throw failed(`Optics answered getcaseattribute with ${status}${applicationError(answer)}`, { status })
    } catch (error) {
      if (!(error instanceof ExchangeFailed)) throw error
      throw failed(`Optics did not answer getcaseattribute: ${error.reason}, ${error.message}`, { cause: error })
    }
  }

  // Enough for a token and a case, each with its own waits to connect, answer and read. The SDK allows at most an hour.
  const attemptSeconds = Math.min(3600, Math.max(300, 5 * timeoutSeconds))
  return { timeZone, attemptSeconds, settleSeconds, createCase, ...(duplicateCheck === 'external-id' && { findCase }) }
}

function isUnauthorised({ status }: OpticsAnswer): boolean {
  return status === 401 || status === 403
}

/**
 * Whether Optics refused the token with 400 and `invalid_grant`. A lookup also gets 400 when there is no case, so the two
 * must be told apart. For createcase any 400 is uncertain.
 */
function isInvalidGrant({ status, header }: OpticsAnswer): boolean {
  return status === 400 && header('x-application-error-code') === '19002'
}

/**
 * Whether a lookup answered that there is no case: 400, with a code that says so, or with a page as Optics sends it and no code. The
 * other codes that are known mean that the lookup itself failed: those of each service end alike, 000 for a wrong method,
 * 001 for a wrong address, 099 for anything. What is neither a page nor has a code comes from something in between.
 */
function isNoSuchCase(answer: OpticsAnswer): boolean {
  const code = answer.header('x-application-error-code').trim()
  if (answer.status !== 400 || isInvalidGrant(answer)) return false
  return code === '' ? PAGE_TYPE.test(answer.header('content-type')) : !/(000|001|099)$/.test(code)
}

/** Optics answers errors with pages, whatever format was asked for. An empty one may lack its type. */
const PAGE_TYPE = /^\s*(text\/html\b|$)/i

/** The error for a status other than 2xx. Only 401, 403 and 429 come before any work, so only they certainly created no case. */
function createcaseRefused(answer: OpticsAnswer): Error {
  answer.discard()
  const { status } = answer
  const message = `Optics answered createcase with ${status}${applicationError(answer)}`
  if (isUnauthorised(answer)) return new OpticsError('ERR_OPTICS_UNAUTHORISED', message, { status })
  if (status === 429)
    return new OpticsError('ERR_OPTICS_BUSY', message, {
      status,
      retryAfterSeconds: retryAfterSeconds(answer.header('retry-after')),
    })
  if (status >= 500) return uncertain('ERR_OPTICS_FAILED', message, { status })
  if (status >= 400) return uncertain('ERR_OPTICS_REJECTED', message, { status })
  return uncertain('ERR_OPTICS_ANSWER_UNKNOWN', message, { status })
}

function createcaseUnanswered(cause: ExchangeFailed): Error {
  const { mayHaveArrived, reason, message } = cause
  if (!mayHaveArrived && reason === 'aborted') return notSent()
  if (!mayHaveArrived)
    return new OpticsError('ERR_OPTICS_UNREACHABLE', `could not connect to Optics for createcase: ${message}`, {
      cause,
    })
  if (reason === 'broken')
    return uncertain('ERR_OPTICS_BROKEN_OFF', `the connection broke after createcase was sent: ${message}`, { cause })
  return uncertain('ERR_OPTICS_TIMEOUT', `Optics did not answer createcase in time: ${message}`, { cause })
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw notSent()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(notSent())
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function notSent(): OpticsError {
  return new OpticsError('ERR_OPTICS_NOT_SENT', 'the attempt was cancelled before the request was sent')
}
