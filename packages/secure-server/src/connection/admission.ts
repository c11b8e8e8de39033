/** Admits connections: from the TCP connection, through the TLS handshake, to the first byte of HTTP. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { addressKey } from '../address.ts'
import type { ClientAdmission } from './client-admission.ts'
import { type Connection, peerOf } from './connection.ts'
import type { Connections } from './connections.ts'
import { probeHalfClosed } from './half-closed.ts'
import { type NodeServer, takeOver } from './node-server.ts'

/** What decides whether and how a connection is admitted. */
export interface AdmissionRules {
  readonly isProxy: (address: string | undefined) => boolean
  readonly isStopping: () => boolean
  readonly tls: boolean
  readonly halfClosedSeconds: number
  /** Present when clients need a certificate. */
  readonly clients: ClientAdmission | undefined
}

/** Admits connections, records in `byStream` which stream carries each one's HTTP, and passes them to Node's own listeners. */
export function admitConnections(
  server: NodeServer,
  connections: Connections,
  byStream: WeakMap<Duplex, Connection>,
  { isProxy, isStopping, tls, halfClosedSeconds, clients }: AdmissionRules,
): void {
  const passOn = takeOver(server, 'connection')
  const byPeer = new Map<string, Connection>()

  server.on('connection', (socket: Socket) => {
    socket.on('error', ignore)
    const { remoteAddress } = socket
    const stage = tls ? 'handshaking' : 'waiting'
    const connection = connections.admit(socket, addressKey(remoteAddress), isProxy(remoteAddress), stage)
    if (connection === undefined) return
    if (isStopping()) connection.endWithNextAnswer()
    if (tls) {
      // Node wraps this socket in a TLS socket and has no public link between the two; only the peer is the same.
      const peer = peerOf(socket)
      byPeer.set(peer, connection)
      socket.once('close', () => byPeer.delete(peer))
    } else {
      byStream.set(socket, connection)
      probeHalfClosed(connection, socket, halfClosedSeconds)
    }
    passOn(socket)
  })
  if (!tls) return

  const serve = takeOver(server, 'secureConnection')
  server.on('secureConnection', (stream: TLSSocket) => {
    stream.on('error', ignore)
    const connection = byPeer.get(peerOf(stream))
    if (connection === undefined) return void stream.destroy()
    connection.secure(stream)
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

/** A client may reset its connection at any moment. The `close` event follows and does the cleaning up. */
function ignore(): void {}
