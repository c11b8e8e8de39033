/** Admits connections: from the TCP connection, through the PROXY header and the TLS handshake, to the first byte of HTTP. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { addressKey } from '../address.ts'
import type { ConnectionRefusal, ServerEvent } from '../events.ts'
import type { ClientAdmission } from './client-admission.ts'
import { type Connection, nameClientOf, peerOf } from './connection.ts'
import type { Connections } from './connections.ts'
import { probeHalfClosed } from './half-closed.ts'
import { type NodeServer, takeOver } from './node-server.ts'
import { readProxyHeader } from './proxy-protocol.ts'

/** What decides whether and how a connection is admitted. */
export interface AdmissionRules {
  readonly isProxy: (address: string | undefined) => boolean
  /** Whether a peer must send a PROXY header; undefined if nobody may. */
  readonly isBalancer: ((address: string | undefined) => boolean) | undefined
  readonly isStopping: () => boolean
  readonly tls: boolean
  readonly handshakeSeconds: number
  readonly halfClosedSeconds: number
  /** Present when clients need a certificate. */
  readonly clients: ClientAdmission | undefined
  readonly onEvent: (event: ServerEvent) => void
}

/** Finds connections by their streams. */
export interface AdmittedConnections {
  /** The connection whose HTTP this stream carries. */
  readonly of: (stream: Duplex) => Connection | undefined
  /** The connection that is still in the TLS handshake on this stream. */
  readonly handshaking: (stream: Duplex) => Connection | undefined
}

/** Admits connections, and passes them to Node's own listeners. */
export function admitConnections(
  server: NodeServer,
  connections: Connections,
  { isProxy, isBalancer, isStopping, tls, handshakeSeconds, halfClosedSeconds, clients, onEvent }: AdmissionRules,
): AdmittedConnections {
  const passOn = takeOver(server, 'connection')
  const byStream = new WeakMap<Duplex, Connection>()
  const byPeer = new Map<string, Connection>()

  server.on('connection', (socket: Socket) => {
    socket.on('error', ignore)
    const { remoteAddress } = socket
    const throughBalancer = isBalancer?.(remoteAddress) ?? false
    const isProxyPeer = isProxy(remoteAddress)
    const connection = connections.admit(socket, {
      address: addressKey(remoteAddress),
      isProxy: isProxyPeer,
      // All clients of a proxy or a balancer share its address, so only the total limits them until they are named.
      isCounted: !isProxyPeer && !throughBalancer,
      stage: tls ? 'handshaking' : 'waiting',
    })
    if (connection === undefined) return
    if (isStopping()) connection.endWithNextAnswer()
    // Nobody can ask a closed socket for its peer.
    const peer = peerOf(socket)
    socket.once('close', () => {
      if (connection.isProbe) onEvent({ type: 'connection.probed', address: connection.clientAddress, peer })
    })
    if (!tls) {
      byStream.set(socket, connection)
      probeHalfClosed(connection, socket, halfClosedSeconds)
      passOn(socket)
      return
    }
    // Node wraps this socket in a TLS socket and has no public link between the two; only the peer is the same.
    byPeer.set(peer, connection)
    socket.once('close', () => byPeer.delete(peer))
    if (isBalancer === undefined) passOn(socket)
    else startWithHeader(connection, throughBalancer)
  })
  if (tls) serveSecured()
  return {
    of: (stream) => byStream.get(stream),
    handshaking: (stream) => byPeer.get(peerOf(stream as Socket)),
  }

  function startWithHeader(connection: Connection, isExpected: boolean): void {
    const { socket } = connection
    // Node's own timer starts with the handshake.
    const timer = setTimeout(() => {
      if (isExpected) refuse(connection, 'proxy-timeout')
      else refuse(connection, 'handshake', 'ERR_TLS_HANDSHAKE_TIMEOUT')
    }, handshakeSeconds * 1000)
    socket.once('close', () => clearTimeout(timer))
    readProxyHeader(socket, isExpected, (result) => {
      clearTimeout(timer)
      if ('refusal' in result) refuse(connection, result.refusal)
      else if (result.client === undefined || connections.name(connection, result.client)) passOn(socket)
    })
  }

  function refuse(connection: Connection, reason: ConnectionRefusal, code?: string): void {
    const { address } = connection
    onEvent({ type: 'connection.refused', reason, address, ...(code !== undefined && { code }) })
    connection.destroy()
  }

  function serveSecured(): void {
    const serve = takeOver(server, 'secureConnection')
    server.on('secureConnection', (stream: TLSSocket) => {
      stream.on('error', ignore)
      const connection = byPeer.get(peerOf(stream))
      if (connection === undefined) return void stream.destroy()
      connection.secure(stream)
      if (connection.isNamed) nameClientOf(stream, connection.clientAddress)
      // From here on only: half a handshake is of no use to anybody.
      stream.allowHalfOpen = true
      probeHalfClosed(connection, stream, halfClosedSeconds)
      byStream.set(stream, connection)
      const serveStream = (): void => {
        connections.move(connection, 'waiting')
        serve(stream)
      }
      if (clients === undefined) serveStream()
      else clients.admit(connection, stream, serveStream)
    })
  }
}

/** A client may reset its connection at any moment. The `close` event follows and does the cleaning up. */
function ignore(): void {}
