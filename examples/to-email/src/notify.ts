/** GOV.UK Notify, as far as this adapter uses it: an e-mail is sent, or looked up by its reference. */
import { PermanentError, RetryError, UncertainError } from '@formbuilder/adapter-sdk'
import axios, { type AxiosResponse } from 'axios'
import { SignJWT } from 'jose'
import type { ApiKey } from './settings.ts'

export interface NotifyOptions {
  readonly url: string
  readonly apiKey: ApiKey
  /** Longest wait for an answer, in seconds. Default 30. */
  readonly timeoutSeconds?: number
}

/** An e-mail by a template of Notify. */
export interface Email {
  readonly template_id: string
  readonly email_address: string
  /** A list becomes a list in the e-mail. */
  readonly personalisation: Readonly<Record<string, string | readonly string[]>>
  /** Ours. Notify finds the e-mail by it, and does not mind having it twice. */
  readonly reference: string
}

export interface Notify {
  /**
   * Sends an e-mail, and returns its id. Only a 201 with an id says that Notify took it.
   * @throws {PermanentError} ERR_NOTIFY_REFUSED: Notify refuses this e-mail, and always will.
   * @throws {RetryError} ERR_NOTIFY_LIMIT: too many for now. ERR_NOTIFY_ACCESS: wrong key, clock or URL. Nothing was sent.
   * @throws {UncertainError} ERR_NOTIFY_UNCERTAIN: it may have been sent.
   */
  send(email: Email, signal: AbortSignal): Promise<string>
  /** The id of the e-mail with this reference, if Notify has one. @throws when it does not say so. */
  find(reference: string, signal: AbortSignal): Promise<string | undefined>
}

export function createNotify({ url, apiKey, timeoutSeconds = 30 }: NotifyOptions): Notify {
  const http = axios.create({
    ...{ baseURL: url, timeout: timeoutSeconds * 1000, maxRedirects: 0, maxContentLength: 4_000_000 },
    // What a status means is decided here.
    validateStatus: () => true,
  })
  // Notify refuses a token after 30 seconds, so each request has its own.
  const authorisation = async () => ({ Authorization: `Bearer ${await token(apiKey)}` })

  return {
    async send(email, signal) {
      const headers = await authorisation()
      const answer = await http.post('/v2/notifications/email', email, { headers, signal }).catch(asUnanswered)
      const { status } = answer
      const id: unknown = answer.data?.id
      if (status === 201 && isId(id)) return id
      if (status === 400 || status === 413) {
        const { error } = firstOf(answer)
        const message = `Notify refused the e-mail: ${error}`
        throw new PermanentError(message, { code: 'ERR_NOTIFY_REFUSED', status })
      }
      if (status > 400 && status < 500 && status !== 408) throw refused(answer)
      const message = 'Notify did not say whether it took the e-mail'
      throw new UncertainError(message, { code: 'ERR_NOTIFY_UNCERTAIN', status })
    },
    async find(reference, signal) {
      const parameters = { reference, template_type: 'email' }
      const answer = await http.get('/v2/notifications', {
        ...{ params: parameters, headers: await authorisation(), signal },
      })
      const found: unknown = answer.data?.notifications
      if (answer.status !== 200 || !Array.isArray(found)) throw refused(answer)
      return found.find((each) => each?.reference === reference && isId(each.id))?.id
    },
  }
}

function token({ serviceId, secret }: ApiKey): Promise<string> {
  const key = new TextEncoder().encode(secret)
  return new SignJWT().setProtectedHeader({ typ: 'JWT', alg: 'HS256' }).setIssuer(serviceId).setIssuedAt().sign(key)
}

/** No answer: unless no connection came about, Notify may be working on the request. */
function asUnanswered(error: unknown): never {
  if (axios.isAxiosError(error) && UNSENT.has(error.code ?? '')) throw error
  const message = 'Notify did not answer'
  throw new UncertainError(message, { code: 'ERR_NOTIFY_UNCERTAIN', cause: error })
}

const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])

/** Nothing was done, and the same may succeed later. */
function refused(answer: AxiosResponse): RetryError {
  const { status } = answer
  if (status === 429) {
    // There is no Retry-After: one limit is counted by the minute, the other by the day.
    const retryAfterSeconds = firstOf(answer).error === 'TooManyRequestsError' ? 3600 : 60
    return new RetryError('Notify has a limit', { code: 'ERR_NOTIFY_LIMIT', status, retryAfterSeconds })
  }
  return new RetryError(`Notify refused access: ${firstOf(answer).error}`, { code: 'ERR_NOTIFY_ACCESS', status })
}

/** The type of the error that Notify names. Its message is for people, changes, and may quote the e-mail. */
function firstOf({ data }: AxiosResponse): { readonly error: string } {
  const error: unknown = data?.errors?.[0]?.error
  return { error: typeof error === 'string' && /^[A-Za-z]{1,50}$/.test(error) ? error : 'no error named' }
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
}
