/** Imitates the case system, for development and tests: POST /cases makes one case for each Idempotency-Key. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface StandIn {
  /** The settings with which the adapter finds it. */
  readonly environment: Readonly<Record<string, string>>
  /** What was posted, by key. */
  readonly cases: ReadonlyMap<string, unknown>
  /** Answers the next request in another way: `'cut'` closes the connection, once it has the request. */
  next?: { readonly status: number; readonly body?: object } | 'cut'
  stop(): Promise<void>
}

export async function startStandIn(): Promise<StandIn> {
  const token = 'token-of-the-stand-in'
  const cases = new Map<string, unknown>()
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object = {}) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    const posted = await json(request).catch(() => undefined)
    const { next } = standIn
    delete standIn.next
    if (next === 'cut') return void request.socket.destroy()
    if (next !== undefined) return answer(next.status, next.body)
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401)
    if (request.method !== 'POST' || request.url !== '/cases') return answer(404)
    const key = String(request.headers['idempotency-key'])
    if (!cases.has(key)) cases.set(key, posted)
    return answer(201, { id: `C-${[...cases.keys()].indexOf(key) + 1}` })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const standIn: StandIn = {
    environment: { CASE_SYSTEM_URL: `http://127.0.0.1:${port}`, CASE_SYSTEM_TOKEN: token },
    cases,
    async stop() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
  return standIn
}
