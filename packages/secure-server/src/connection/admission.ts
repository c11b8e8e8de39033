/** The way of a connection from the listening socket to the first byte of HTTP. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { addressKey } from '../address.ts'
import type { Doorkeeper } from './client-admission.ts'
import { type Connection, type Connections, peerOf } from './connections.ts'
import { type NodeServer, takeOver } from './node-server.ts'

/** Who asks what of a connection. */
export interface Entrance {
  readonly isProxy: (address: string | undefined) => boolean
  readonly isStopping: () => boolean
  readonly tls: boolean
  /** Set when clients need a certificate. */
  readonly doorkeeper: Doorkeeper | undefined
}

/** Lets connections in, notes them by the stream that speaks HTTP, and hands them to Node's own listeners. */
export function acceptConnections(
  server: NodeServer,
  connections: Connections,
  byStream: WeakMap<Duplex, Connection>,
  { isProxy, isStopping, tls, doorkeeper }: Entrance,
): void {
  const accept = takeOver(server, 'connection')
  const byPeer = new Map<string, Connection>()

  server.on('connection', (socket: Socket) => {
    socket.on('error', ignore)
    const { remoteAddress } = socket
    const stage = tls ? 'handshaking' : 'waiting'
    const connection = connections.admit(socket, addressKey(remoteAddress), isProxy(remoteAddress), stage)
    if (connection === undefined) return
    connection.ending = isStopping()
    if (tls) {
      // The TLS socket that Node puts around this one can only be found again by its peer.
      const peer = peerOf(socket)
      byPeer.set(peer, connection)
      socket.once('close', () => byPeer.delete(peer))
    } else byStream.set(socket, connection)
    accept(socket)
  })
  if (!tls) return

  const serve = takeOver(server, 'secureConnection')
  server.on('secureConnection', (stream: TLSSocket) => {
    stream.on('error', ignore)
    const connection = byPeer.get(peerOf(stream))
    if (connection === undefined) return void stream.destroy()
    connection.stream = stream
    byStream.set(stream, connection)
    const admitted = (): void => {
      connections.move(connection, 'waiting')
      serve(stream)
    }
    if (doorkeeper === undefined) admitted()
    else doorkeeper.meet(connection, stream, admitted)
  })
}

/** A client may reset its connection at any moment; 'close' follows, and there we forget it. */
function ignore(): void {}
