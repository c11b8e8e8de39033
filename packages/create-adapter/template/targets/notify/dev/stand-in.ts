/** Imitates GOV.UK Notify, for development and tests: it checks each token, keeps e-mails, and sends none. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { jwtVerify } from 'jose'

export interface Email {
  readonly id: string
  readonly reference: string
  readonly email_address: string
  readonly template_id: string
  readonly personalisation: Readonly<Record<string, unknown>>
}

export interface StandIn {
  /** The settings with which the adapter finds it. */
  readonly environment: Readonly<Record<string, string>>
  readonly emails: readonly Email[]
  /** Answers the next request in another way. `'lost'` sends the e-mail and closes the connection. */
  next?: { readonly status: number; readonly body?: object } | 'lost'
  stop(): Promise<void>
}

export async function startStandIn(): Promise<StandIn> {
  const [serviceId, secret] = [randomUUID(), randomUUID()]
  const emails: Email[] = []
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    const refuse = (status: number, error: string) =>
      answer(status, { status_code: status, errors: [{ error, message: 'said by the stand-in' }] })
    const posted = request.method === 'POST' ? await json(request).catch(() => undefined) : undefined
    const { next } = standIn
    delete standIn.next
    if (next !== undefined && next !== 'lost') return answer(next.status, next.body ?? {})
    if (!(await isOurs(request.headers.authorization))) return refuse(403, 'AuthError')
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in')
    if (request.method === 'GET' && pathname === '/v2/notifications') {
      const reference = searchParams.get('reference')
      return answer(200, { notifications: emails.filter((email) => email.reference === reference), links: {} })
    }
    if (pathname !== '/v2/notifications/email') return refuse(404, 'NotFound')
    const email = { id: randomUUID(), ...(posted as Omit<Email, 'id'>) }
    if (!email.email_address || !email.template_id) return refuse(400, 'ValidationError')
    emails.push(email)
    return next === 'lost' ? void request.socket.destroy() : answer(201, { id: email.id, reference: email.reference })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const standIn: StandIn = {
    environment: {
      NOTIFY_URL: `http://127.0.0.1:${port}`,
      NOTIFY_API_KEY: `stand-in-${serviceId}-${secret}`,
      NOTIFY_TEMPLATE_ID: randomUUID(),
      NOTIFY_EMAIL_ADDRESS: 'team@example.gov.uk',
    },
    emails,
    async stop() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
  return standIn

  /** As Notify does: signed with the secret, by the service, and not older than 30 seconds. */
  async function isOurs(authorization = ''): Promise<boolean> {
    const options = { issuer: serviceId, algorithms: ['HS256'], maxTokenAge: '30 seconds', typ: 'JWT' }
    const token = authorization.replace(/^Bearer /, '')
    return await jwtVerify(token, new TextEncoder().encode(secret), options).then(
      () => true,
      () => false,
    )
  }
}
