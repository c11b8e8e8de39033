/** A stand-in for GOV.UK Notify: it speaks its API, checks what Notify checks, and sends nothing. For development and tests. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { decodeJwt, jwtVerify } from 'jose'

/** The body of a request for an e-mail. */
export interface EmailRequest {
  readonly email_address: string
  readonly template_id: string
  readonly personalisation: Readonly<Record<string, unknown>>
  readonly reference: string | null
}

/** An e-mail that it took. */
export interface StoredEmail extends EmailRequest {
  readonly id: string
  readonly created_at: string
}

/** An answer. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** What goes wrong with one request. `made`: first it is done as asked. */
export interface Failure {
  readonly made?: boolean
  /** Another answer, or none: the connection is closed, or stays open. */
  readonly answer: Answer | 'reset' | 'hang'
}

export interface NotifyStandIn extends AsyncDisposable {
  readonly url: string
  readonly apiKey: string
  readonly templateId: string
  readonly emails: readonly StoredEmail[]
  /** Every request, with the status that it got; null: no answer. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly status: number | null }[]
  /** Lets the next requests with this method fail, one for each. */
  failNext(method: 'GET' | 'POST', ...failures: readonly Failure[]): void
  /** Forgets what it was sent, and what is to fail. */
  clear(): void
}

/** The errors of Notify that a sender cannot cause by itself. */
export const ERRORS = {
  rateLimit: errorOf(429, 'RateLimitError', 'Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds'),
  dailyLimit: errorOf(429, 'TooManyRequestsError', 'Exceeded send limits (250000) for today'),
  trialMode: errorOf(400, 'BadRequestError', "Can't send to this recipient when service is in trial mode"),
  internal: errorOf(500, 'Exception', 'Internal server error'),
}

/** Starts it at a free port of this machine, with a service, an API key and a template of its own. */
export async function startNotify(
  options: { readonly onEmail?: (email: StoredEmail) => void } = {},
): Promise<NotifyStandIn> {
  const [serviceId, secret, templateId] = [randomUUID(), randomUUID(), randomUUID()]
  const emails: StoredEmail[] = []
  const requests: { method: string; path: string; status: number | null }[] = []
  const failures: Record<string, Failure[]> = { GET: [], POST: [] }

  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    const body = await text(request)
    const failure = failures[method]?.shift()
    const done =
      failure === undefined || failure.made ? await act(method, path, headers.authorization, body) : undefined
    const answer = failure?.answer ?? done
    const isAnswered = typeof answer === 'object'
    requests.push({ method, path, status: isAnswered ? answer.status : null })
    if (isAnswered) {
      response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers })
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
    } else if (answer === 'reset') {
      request.socket.destroy()
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function act(method: string, path: string, authorisation: string | undefined, body: string): Promise<Answer> {
    const refusal = await refusalOf(authorisation, serviceId, secret)
    if (refusal !== undefined) return refusal
    const { pathname, searchParams } = new URL(path, url)
    if (method === 'POST' && pathname === '/v2/notifications/email') return take(body)
    if (method === 'GET' && pathname === '/v2/notifications') return list(searchParams)
    if (method !== 'GET' && method !== 'POST') return errorOf(405, 'MethodNotAllowed', 'The method is not allowed')
    return errorOf(404, 'NoResultFound', 'No result found')
  }

  function take(body: string): Answer {
    const request = parse(body)
    const problem = problemOf(request, templateId)
    if (problem !== undefined) return problem
    const email = { reference: null, ...request, id: randomUUID(), created_at: new Date().toISOString() } as StoredEmail
    emails.push(email)
    options.onEmail?.(email)
    const { id, reference } = email
    const template = { id: templateId, version: 1, uri: `${url}/services/${serviceId}/templates/${templateId}` }
    const content = {
      subject: 'A complaint',
      body: contentOf(email),
      from_email: 'service@notifications.service.gov.uk',
    }
    return { status: 201, body: { id, reference, content, uri: `${url}/v2/notifications/${id}`, template } }
  }

  function list(query: URLSearchParams): Answer {
    const [reference, type] = [query.get('reference'), query.get('template_type')]
    if (type !== null && !['sms', 'email', 'letter'].includes(type))
      return errorOf(400, 'ValidationError', `template_type ${type} is not one of [sms, email, letter]`)
    const notifications = emails
      .filter((email) => (reference === null || email.reference === reference) && (type ?? 'email') === 'email')
      .map((email) => ({ ...email, ...{ type: 'email', status: 'sending', body: contentOf(email) } }))
      .toReversed()
    const last = notifications.at(-1)
    const next = last && { next: `${url}/v2/notifications?${new URLSearchParams({ older_than: last.id })}` }
    return { status: 200, body: { notifications, links: { current: `${url}/v2/notifications?${query}`, ...next } } }
  }

  return {
    url,
    apiKey: `stand_in-${serviceId}-${secret}`,
    templateId,
    emails,
    requests,
    failNext: (method, ...next) => failures[method]?.push(...next),
    clear() {
      for (const list of [emails, requests, ...Object.values(failures)]) list.length = 0
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What is wrong with the token, if anything is. */
async function refusalOf(header: string | undefined, serviceId: string, secret: string): Promise<Answer | undefined> {
  if (!header) return errorOf(401, 'AuthError', 'Unauthorized: authentication token must be provided')
  const [, token] = /^Bearer (.+)$/i.exec(header) ?? []
  if (token === undefined) return errorOf(401, 'AuthError', 'Unauthorized: authentication bearer scheme must be used')
  const refused = (message: string) => errorOf(403, 'AuthError', message)
  try {
    const { iss, iat } = decodeJwt(token)
    if (iss === undefined) return refused('Invalid token: iss field not provided')
    if (!UUID.test(iss)) return refused('Invalid token: service id is not the right data type')
    if (iss !== serviceId) return refused('Invalid token: service not found')
    await jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ['HS256'], typ: 'JWT' })
    if (iat === undefined || Math.abs(Date.now() / 1000 - iat) > CLOCK_SECONDS)
      return refused('Error: Your system clock must be accurate to within 30 seconds')
    return undefined
  } catch {
    return refused('Invalid token: API key not found')
  }
}

const CLOCK_SECONDS = 30
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** The placeholders of its template: each has to be given. */
const PLACEHOLDERS = ['submission_id', 'name', 'complaint', 'files']
const PROPERTIES = ['email_address', 'template_id', 'personalisation', 'reference', 'email_reply_to_id']
const LONGEST_BYTES = 2_000_000

/** What is wrong with a request for an e-mail, if anything is. */
function problemOf(request: Readonly<Record<string, unknown>> | undefined, templateId: string): Answer | undefined {
  if (request === undefined) return errorOf(400, 'BadRequestError', 'Invalid JSON supplied in POST data')
  const invalid = (message: string) => errorOf(400, 'ValidationError', message)
  const { email_address, template_id, personalisation = {}, reference } = request
  for (const name of ['email_address', 'template_id'])
    if (request[name] === undefined) return invalid(`${name} is a required property`)
  const unknown = Object.keys(request).find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) return invalid(`Additional properties are not allowed (${unknown} was unexpected)`)
  if (typeof email_address !== 'string' || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email_address))
    return invalid('email_address is not a valid email address')
  if (typeof template_id !== 'string' || !UUID.test(template_id)) return invalid('template_id is not a valid UUID')
  if (reference !== undefined && (typeof reference !== 'string' || reference.length > 1000))
    return invalid('reference is not of type string, or is too long')
  if (!isObject(personalisation)) return invalid('personalisation is not of type object')
  if (template_id !== templateId) return errorOf(400, 'BadRequestError', 'Template not found')
  const missing = PLACEHOLDERS.filter((name) => (personalisation[name] ?? null) === null)
  if (missing.length > 0) return errorOf(400, 'BadRequestError', `Missing personalisation: ${missing.join(', ')}`)
  const bytes = Buffer.byteLength(JSON.stringify(personalisation))
  if (bytes > LONGEST_BYTES)
    return errorOf(
      400,
      'BadRequestError',
      `Emails cannot be longer than 2000000 bytes. Your message is ${bytes} bytes.`,
    )
  return undefined
}

function contentOf({ personalisation }: EmailRequest): string {
  return PLACEHOLDERS.map((name) => `${name}: ${personalisation[name]}`).join('\n')
}

function parse(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function errorOf(status: number, error: string, message: string): Answer {
  return { status, body: { status_code: status, errors: [{ error, message }] } }
}
