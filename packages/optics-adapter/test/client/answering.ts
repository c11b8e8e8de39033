/** Servers that answer in place of Optics. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Issues a token on request, and gives every other request the same answer. */
export async function answering(answer: { status: number; headers?: Record<string, string>; body: string | Buffer }) {
  return listening((request, response) => {
    if (request.url?.startsWith('/token')) return response.end('{"access_token":"token","expires_in":3600}')
    return response.writeHead(answer.status, answer.headers).end(answer.body)
  })
}

/** A server that answers every request in this way, for Optics in shapes that the stand-in does not have. */
export async function listening(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server: Server = createServer((request, response) => {
    request.resume()
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
