/** Optics, as the forms see it: makes a case once, and can say whether one is there. */
import type { Outcome } from '@formbuilder/adapter-sdk'
import axios, { type AxiosInstance } from 'axios'
import type { OpticsConfig } from '../config.ts'
import { OpticsError, uncertain } from '../errors.ts'
import { caseIds, isPage } from './case-id.ts'
import { DATABASE } from './createcase.ts'
import { ExchangeFailed, exchange, type OpticsAnswer, type OpticsRequest } from './exchange.ts'
import { applicationError, retryAfterSeconds } from './refusal.ts'
import { Tokens } from './token.ts'

/** What a form needs of Optics. */
export interface CaseSystem {
  /** IANA time zone of the day of receipt. */
  readonly timeZone: string
  /** Time that an attempt may need when Optics is slow, in seconds. */
  readonly attemptSeconds: number
  /** Makes the case, and sends that request once. */
  createCase(body: Buffer, step: Step): Promise<Outcome>
  /** Looks a case up by the submissionId that was sent as its ExternalId. Absent: it is not sent. */
  readonly findCase?: (submissionId: string, step: Step) => Promise<Outcome | undefined>
}

/** How one step of an attempt may be ended, and announced. */
export interface Step {
  readonly signal: AbortSignal
  /** Called right before a request that Optics may act upon. */
  readonly acting?: () => Promise<void>
}

/** What a client of Optics may be given beside its configuration. */
export interface OpticsParts {
  /** Sends the requests. An interceptor may add headers, such as `traceparent`. An agent of its own must not keep connections. */
  readonly client?: AxiosInstance
  /** The time in milliseconds. */
  readonly now?: () => number
}

/** A client of Optics. It holds one token, so one client serves all forms of a process. */
export function createOptics(
  config: OpticsConfig,
  { client = axios.create(), now = Date.now }: OpticsParts = {},
): CaseSystem {
  const { endpoint, timeoutSeconds, duplicateCheck, timeZone } = config
  const tokens = new Tokens(client, config, now)

  /** Sends a request with a token, and once more with a new one if the token was refused. */
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
      if (answer.status < 200 || answer.status > 299) throw notMade(answer)
      const text = await answer.text()
      const [reference] = caseIds(text)
      if (reference !== undefined) return { reference }
      if (isPage(answer.header('content-type'), text))
        throw uncertain('ERR_OPTICS_ANSWER_UNKNOWN', `createcase was answered with ${answer.status} and a page`)
      // An answer without a case id is an answer: the live adapter never asked for more than its status.
      return {}
    } catch (error) {
      throw error instanceof ExchangeFailed ? unanswered(error) : error
    }
  }

  async function findCase(submissionId: string, step: Step): Promise<Outcome | undefined> {
    const query = new URLSearchParams({ db: DATABASE, Format: 'json', Attribute: 'CaseId', ExternalId: submissionId })
    const failed = (what: string) => new OpticsError('ERR_OPTICS_LOOKUP_FAILED', `getcaseattribute ${what}`)
    try {
      const answer = await authorised({ method: 'GET', url: `${endpoint}/getcaseattribute?${query}` }, step)
      if (answer.status === 200) return found(await answer.text(), answer, failed)
      answer.discard()
      if (answer.status === 400 && !isInvalidGrant(answer)) return undefined
      throw failed(`was answered with ${answer.status}${applicationError(answer)}`)
    } catch (error) {
      throw error instanceof ExchangeFailed ? failed(`had no answer: ${error.how}, ${error.message}`) : error
    }
  }

  // A token and a case, each connected, answered and read within the time allowed; the SDK allows an hour at most.
  const attemptSeconds = Math.min(3600, Math.max(300, 5 * timeoutSeconds))
  return { timeZone, attemptSeconds, createCase, ...(duplicateCheck === 'external-id' && { findCase }) }
}

function isUnauthorised({ status }: OpticsAnswer): boolean {
  return status === 401 || status === 403
}

/**
 * Optics refuses credentials with 400 and `invalid_grant`. To a lookup 400 also says that there is no case, and the two
 * must not be mistaken; to createcase any 400 stays uncertain.
 */
function isInvalidGrant({ status, header }: OpticsAnswer): boolean {
  return status === 400 && header('x-application-error-code') === '19002'
}

/** What a status other than 2xx means. Only refusals that come before any work are known to have made nothing. */
function notMade(answer: OpticsAnswer): Error {
  answer.discard()
  const message = `createcase was answered with ${answer.status}${applicationError(answer)}`
  if (isUnauthorised(answer)) return new OpticsError('ERR_OPTICS_UNAUTHORISED', message)
  if (answer.status === 429)
    return new OpticsError('ERR_OPTICS_BUSY', message, { retryAfterSeconds: retryAfterSeconds(answer) })
  if (answer.status >= 500) return uncertain('ERR_OPTICS_FAILED', message)
  if (answer.status >= 400) return uncertain('ERR_OPTICS_REJECTED', message)
  return uncertain('ERR_OPTICS_ANSWER_UNKNOWN', message)
}

function unanswered({ written, how, message }: ExchangeFailed): Error {
  if (!written && how === 'aborted') return notSent()
  if (!written) return new OpticsError('ERR_OPTICS_UNREACHABLE', `no connection for createcase: ${message}`)
  if (how === 'broken')
    return uncertain('ERR_OPTICS_BROKEN_OFF', `createcase was sent, then the connection broke: ${message}`)
  return uncertain('ERR_OPTICS_TIMEOUT', `createcase was sent and not answered in time: ${message}`)
}

/**
 * A case that was asked for and is there: 200 says so, and the shape of the body is not documented. Several cases can share an
 * ExternalId; all are named. An empty answer (a wrong database gets one) or a page (of a proxy, of maintenance) is not
 * taken for a case: that would end the submission.
 */
function found(text: string, answer: OpticsAnswer, failed: (what: string) => Error): Outcome {
  if (/^[\s[\]{}"]*$/.test(text)) throw failed('was answered with 200 and nothing')
  if (isPage(answer.header('content-type'), text)) throw failed('was answered with 200 and a page')
  const references = caseIds(text)
  return references.length === 0 ? {} : { reference: references.join(', ') }
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
  return new OpticsError('ERR_OPTICS_NOT_SENT', 'the attempt was given up before the request was sent')
}
