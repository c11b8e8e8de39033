/** A receiver on a real socket that answers as the test says and records what it was sent. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Certificate, makeCertificate } from './certificate.ts'

export interface Received {
  readonly method: string
  readonly url: string
  /** In order, with names as they were sent. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export type Reply = (received: Received, response: ServerResponse, request: IncomingMessage) => unknown

export class Receiver implements AsyncDisposable {
  readonly received: Received[] = []
  readonly certificate: Certificate
  readonly #server: Server
  /** How it answers. May be changed while it runs. */
  reply: Reply

  constructor(certificate: Certificate, reply: Reply) {
    this.certificate = certificate
    this.reply = reply
    this.#server = createServer(certificate, (request, response) => void this.#receive(request, response))
  }

  static async start(reply: Reply, certificate?: Certificate): Promise<Receiver> {
    const receiver = new Receiver(certificate ?? (await makeCertificate()), reply)
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The URL of a form. */
  url(path = '/v2/complaint'): string {
    return `https://localhost:${this.port}${path}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers: [string, string][] = []
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? ''])
    const received = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers,
      body: Buffer.concat(chunks).toString(),
    }
    this.received.push(received)
    await this.reply(received, response, request)
  }
}

/** A reply with a status, a JSON body and additional headers. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  const type = status >= 400 ? 'application/problem+json' : 'application/json; charset=utf-8'
  return (_received, response) =>
    response.writeHead(status, { 'Content-Type': type, ...headers }).end(JSON.stringify(body))
}
