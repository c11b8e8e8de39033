/** GOV.UK Notify: sends an e-mail, and says whether one was sent. */
import { PermanentError, UncertainError } from '@formbuilder/adapter-sdk'
import axios from 'axios'
import { SignJWT } from 'jose'
import { API_KEY, settings } from './settings.ts'

/** The fields of the template. A list is shown with bullets. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/**
 * Returns Notify's id of the e-mail. `reference`: what `findEmail` finds it by.
 * Throws an error that says whether it was sent: a PermanentError says no, for good; an UncertainError says perhaps; any
 * other says not yet, and is repeated.
 */
export async function sendEmail(reference: string, fields: Fields, signal: AbortSignal): Promise<string> {
  const { NOTIFY_TEMPLATE_ID: template_id, NOTIFY_EMAIL_ADDRESS: email_address } = settings()
  const body = { email_address, template_id, personalisation: fields, reference }
  const { url, ...request } = await requestTo('/v2/notifications/email', signal)
  const { status, data } = await axios.post(url, body, request).catch((error) => {
    throw meaningOf(error)
  })
  const id: unknown = data?.id
  if (typeof id === 'string' && id !== '') return id
  throw new UncertainError('GOV.UK Notify answered, and named no e-mail', { status })
}

/** Returns Notify's id of the e-mail with this reference, if it was asked to send one in the last days. */
export async function findEmail(reference: string, signal: AbortSignal): Promise<string | undefined> {
  const { url, ...request } = await requestTo('/v2/notifications', signal)
  const { data } = await axios.get(url, { ...request, params: { reference } })
  if (!Array.isArray(data?.notifications)) throw new Error('GOV.UK Notify answered without a list of notifications')
  const found = data.notifications.find((each: Record<string, unknown>) => each['reference'] === reference)
  return found === undefined ? undefined : String(found.id)
}

/** Every request has a token of its own: it is valid for 30 seconds. */
async function requestTo(path: string, signal: AbortSignal) {
  const { NOTIFY_API_KEY, NOTIFY_URL } = settings()
  const { serviceId = '', secret = '' } = API_KEY.exec(NOTIFY_API_KEY)?.groups ?? {}
  const token = await new SignJWT()
    .setProtectedHeader({ typ: 'JWT', alg: 'HS256' })
    .setIssuer(serviceId)
    .setIssuedAt()
    .sign(new TextEncoder().encode(secret))
  const headers = { Authorization: `Bearer ${token}` }
  return { url: `${NOTIFY_URL}${path}`, headers, signal, timeout: 30_000, maxRedirects: 0 }
}

function meaningOf(error: unknown): unknown {
  const { response, code = '' } = axios.isAxiosError(error) ? error : { response: undefined }
  if (response === undefined) {
    return NEVER_SENT.has(code) ? error : new UncertainError('GOV.UK Notify did not answer', { cause: error })
  }
  const { status } = response
  if (NOT_NOW.has(status)) return error
  if (status >= 400 && status < 500) return new PermanentError('GOV.UK Notify refused the e-mail', { status })
  return new UncertainError('GOV.UK Notify failed, and may have sent the e-mail', { status, cause: error })
}

/** No connection was made. After that, Notify may have read the request. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** It sent nothing: it refused the API key, which a person can put right, or more was sent than it allows in this time. */
const NOT_NOW = new Set([401, 403, 408, 425, 429, 503])
