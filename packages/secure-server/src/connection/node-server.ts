/** Creates Node's server with our message classes and time limits. */
import { createServer as createPlainServer, type Server as PlainServer, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import type { Limits } from '../limits.ts'
import { CountedRequest, SecuredResponse } from './messages.ts'

export type NodeServer = PlainServer<typeof CountedRequest, typeof SecuredResponse>

/** A server that is not listening yet: HTTPS with a context, else plain HTTP. */
export function createNodeServer(
  limits: Limits,
  tls: (SecureContextOptions & { readonly requestCert: boolean }) | undefined,
): NodeServer {
  const options: ServerOptions<typeof CountedRequest, typeof SecuredResponse> = {
    IncomingMessage: CountedRequest,
    ServerResponse: SecuredResponse,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersSeconds * 1000,
    requestTimeout: limits.requestSeconds * 1000,
    keepAliveTimeout: limits.idleSeconds * 1000,
    connectionsCheckingInterval: Math.min(1000, Math.max(50, limits.headersSeconds * 250)),
    // Node's own refusal of a missing Host bypasses every hook; ours is in request/request-syntax.ts.
    requireHostHeader: false,
    insecureHTTPParser: false,
  }
  const server: NodeServer =
    tls === undefined
      ? createPlainServer(options)
      : createTlsServer({
          ...options,
          ...tls,
          // This server refuses certificates itself, because it knows the reason.
          rejectUnauthorized: false,
          handshakeTimeout: limits.handshakeSeconds * 1000,
          ALPNProtocols: ['http/1.1'],
        })
  // Beyond a count set here Node drops headers silently; request/request-syntax.ts refuses the request instead.
  server.maxHeadersCount = 0
  server.timeout = limits.stallSeconds * 1000
  return server
}

/** Removes Node's own listener from an event and returns it, so that our listener decides whether it runs. */
export function takeOver(server: NodeServer, event: 'connection' | 'secureConnection'): (socket: Socket) => void {
  const listeners = server.listeners(event)
  server.removeAllListeners(event)
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket)
  }
}

/** Resolves to the port once connections are accepted. */
export function listen(server: NodeServer, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
