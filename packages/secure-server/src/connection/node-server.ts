/** Creates Node's server with our message classes and time limits, and replaces its listeners. */
import { createServer as createPlainServer, type Server as PlainServer, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import type { Limits } from '../limits.ts'
import { CountedRequest, SecuredResponse } from './messages.ts'

export type NodeServer = PlainServer<typeof CountedRequest, typeof SecuredResponse>

/** A server that is not listening yet: HTTPS if `tls` is given, otherwise plain HTTP. */
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
    // Node would refuse a missing Host without calling any hook; request/request-syntax.ts refuses it instead.
    requireHostHeader: false,
    insecureHTTPParser: false,
  }
  const server: NodeServer =
    tls === undefined
      ? createPlainServer(options)
      : createTlsServer({
          ...options,
          ...tls,
          // Node would close a refused client without its reason; connection/client-admission.ts does it instead.
          rejectUnauthorized: false,
          handshakeTimeout: limits.handshakeSeconds * 1000,
          ALPNProtocols: ['http/1.1'],
        })
  // A client that closes its sending side still waits for its answer. Node's types lack this property.
  Object.assign(server, { httpAllowHalfOpen: true })
  // With a count set here Node would silently drop the rest; request/request-syntax.ts refuses the request instead.
  server.maxHeadersCount = 0
  server.timeout = limits.stallSeconds * 1000
  return server
}

/** Removes Node's own listeners of an event and returns a function that calls them, so that ours decide whether they run. */
export function takeOver(server: NodeServer, event: 'connection' | 'secureConnection'): (socket: Socket) => void {
  const listeners = server.listeners(event)
  server.removeAllListeners(event)
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket)
  }
}

/** Starts listening. Resolves to the port once connections are accepted. */
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
