/** Every open connection, how far it got, and which one goes when there is no room. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionRefusal } from '../events.ts'
import type { Limits } from '../limits.ts'
import type { SecuredResponse } from './messages.ts'

/** How far a connection got. `working`: its request is complete, and what answers it is not interrupted to make room. */
export type Stage = 'handshaking' | 'waiting' | 'receiving' | 'working'

/** One client connection. */
export interface Connection {
  readonly socket: Socket
  /** What limits count: see `addressKey`. */
  readonly address: string
  /** Whether the peer is a proxy that may speak for others. */
  readonly proxy: boolean
  readonly openedAt: number
  /** Once the handshake is done; on plain HTTP the same as `socket`. */
  stream: Socket | TLSSocket | undefined
  stage: Stage
  /** Requests begun and not yet answered; more than one when the client pipelines. */
  unanswered: number
  /** The answer to the newest of them. */
  answer: SecuredResponse | undefined
  /** Requests begun, answered or not. */
  requests: number
  /** The newest answer is to be the last. */
  ending: boolean
  /** The last answer is given: nothing that still arrives is looked at. */
  over: boolean
  /** Why this client is answered 495 or 496 only. */
  refusal: 'certificate-missing' | 'certificate-refused' | undefined
}

/**
 * Bounds the connections in all and per address. When one more arrives at a bound, the one that got least far, and of
 * those the oldest, is closed for it: a flood of connections that do nothing pushes out itself, not an honest sender.
 */
export class Connections {
  readonly #limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>
  readonly #refused: (reason: ConnectionRefusal, address: string) => void
  readonly #all = new Set<Connection>()
  readonly #stages: Record<Stage, Set<Connection>> = {
    handshaking: new Set(),
    waiting: new Set(),
    receiving: new Set(),
    working: new Set(),
  }
  readonly #byAddress = new Map<string, Set<Connection>>()

  constructor(
    limits: Pick<Limits, 'connections' | 'connectionsPerAddress'>,
    refused: (reason: ConnectionRefusal, address: string) => void,
  ) {
    this.#limits = limits
    this.#refused = refused
  }

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values()
  }

  /** Takes a new connection in, or destroys it and returns undefined when there is no room and none can be made. */
  admit(socket: Socket, address: string, proxy: boolean, stage: Stage): Connection | undefined {
    const ofAddress = this.#byAddress.get(address)
    // All clients of a proxy share its address: they are bounded by the total, and by the proxy.
    if (!proxy && ofAddress !== undefined && ofAddress.size >= this.#limits.connectionsPerAddress) {
      if (!this.#evict(leastFar(ofAddress))) return this.#refuse(socket, 'address', address)
    }
    if (this.#all.size >= this.#limits.connections && !this.#evict(this.#leastFarOfAll()))
      return this.#refuse(socket, 'total', address)

    const connection: Connection = {
      socket,
      address,
      proxy,
      openedAt: Date.now(),
      stream: undefined,
      stage,
      unanswered: 0,
      answer: undefined,
      requests: 0,
      ending: false,
      over: false,
      refusal: undefined,
    }
    this.#all.add(connection)
    this.#stages[stage].add(connection)
    const group = this.#byAddress.get(address)
    if (group === undefined) this.#byAddress.set(address, new Set([connection]))
    else group.add(connection)
    socket.once('close', () => this.#forget(connection))
    return connection
  }

  /** Notes how far a connection got. */
  move(connection: Connection, stage: Stage): void {
    if (connection.stage === stage || !this.#all.has(connection)) return
    this.#stages[connection.stage].delete(connection)
    connection.stage = stage
    this.#stages[stage].add(connection)
  }

  #leastFarOfAll(): Connection | undefined {
    for (const stage of EVICTION_ORDER) for (const connection of this.#stages[stage]) return connection
    return leastFar(this.#stages.working)
  }

  #evict(connection: Connection | undefined): boolean {
    if (connection === undefined) return false
    this.#refused('evicted', connection.address)
    // The close event comes later; the room is needed now.
    this.#forget(connection)
    destroy(connection)
    return true
  }

  #refuse(socket: Socket, reason: ConnectionRefusal, address: string): undefined {
    this.#refused(reason, address)
    socket.destroy()
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection)
    this.#stages[connection.stage].delete(connection)
    const group = this.#byAddress.get(connection.address)
    group?.delete(connection)
    if (group?.size === 0) this.#byAddress.delete(connection.address)
  }
}

/** Closes a connection at once, whatever it is doing. */
export function destroy(connection: Connection): void {
  connection.stream?.destroy()
  connection.socket.destroy()
}

/** What tells apart two open connections of one server. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`
}

const EVICTION_ORDER = ['handshaking', 'waiting', 'receiving'] as const

/** Sets keep the order of insertion: the first of a stage is its oldest. */
function leastFar(connections: Iterable<Connection>): Connection | undefined {
  let found: Connection | undefined
  let rank: number = EVICTION_ORDER.length
  for (const connection of connections) {
    const its = (EVICTION_ORDER as readonly Stage[]).indexOf(connection.stage)
    // A whole answer that is not taken: the client reads slowly, or not at all.
    if (its < 0 && found === undefined && connection.answer?.writableEnded) found = connection
    if (its >= 0 && its < rank) {
      found = connection
      rank = its
      if (rank === 0) break
    }
  }
  return found
}
