/** Connects for one request: notes when, and checks that a connection to this machine stays on it. */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as secure, type ConnectionOptions as TlsOptions } from 'node:tls'
import { assertLoopback, isLocal } from './endpoint.ts'

/** What a connection needs, and whom it tells. */
export interface ConnectionOptions {
  /** Certificate authorities in PEM, for an endpoint on this machine. */
  readonly ca?: string | undefined
  /** Ends the connection. */
  readonly signal: AbortSignal
  /** The address was reached; nothing was sent yet. */
  readonly onConnected?: () => void
  /** The certificate was accepted. Not called for http. */
  readonly onSecured?: (protocol: string | null) => void
  /** Opens the connection; replaced by tests. */
  readonly open?: (options: TcpNetConnectOpts) => Socket
}

/** The agents of one request. They use no proxy and keep no connection. */
export function agentsFor(endpoint: URL, options: ConnectionOptions): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const httpAgent = new HttpAgent({ keepAlive: false })
  httpAgent.createConnection = created((wanted) => reached(endpoint, wanted, options))

  const ca = isLocal(endpoint) && options.ca !== undefined ? { ca: options.ca } : {}
  // `rejectUnauthorized` is set explicitly, so that no environment variable can turn it off.
  const httpsAgent = new HttpsAgent({ keepAlive: false, minVersion: 'TLSv1.2', rejectUnauthorized: true, ...ca })
  httpsAgent.createConnection = created(async (wanted) => {
    const socket = secure({ ...(wanted as TlsOptions), socket: await reached(endpoint, wanted, options) })
    return socket.once('secureConnect', () => options.onSecured?.(socket.getProtocol()))
  })
  return { httpAgent, httpsAgent }
}

/** Resolves when the address is reached and, for an endpoint on this machine, is one of its own. */
function reached(endpoint: URL, wanted: TcpNetConnectOpts, options: ConnectionOptions): Promise<Socket> {
  const socket = (options.open ?? connect)({ ...wanted, signal: options.signal })
  return new Promise((resolve, reject) => {
    // Stays: an error that comes later reaches the request in another way, and must not end the process here.
    socket.on('error', reject)
    socket.once('connect', () => {
      try {
        if (isLocal(endpoint)) assertLoopback(socket.remoteAddress)
        options.onConnected?.()
        resolve(socket)
      } catch (error) {
        socket.destroy()
        reject(error)
      }
    })
  })
}

type CreateConnection = HttpAgent['createConnection']

/** The form in which an agent of Node wants a connection that takes time. */
function created(connection: (wanted: TcpNetConnectOpts) => Promise<Duplex>): CreateConnection {
  return (wanted, create) => {
    connection(wanted as TcpNetConnectOpts).then(
      (socket) => create?.(null, socket),
      (error) => create?.(error, undefined as never), // the agent reads no socket beside an error
    )
    return undefined
  }
}
