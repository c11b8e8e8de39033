/** Keeps every open connection, and chooses which one to close when the limit is reached. */
import type { Socket } from 'node:net'
import type { ConnectionRefusal } from '../events.ts'
import type { Limits } from '../limits.ts'
import { Connection, type Stage } from './connection.ts'

/**
 * Limits the connections in total and per address. If one more arrives at a limit, the connection that got least far, and of
 * those the oldest, is closed: a flood of idle connections evicts itself, not an honest sender.
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

  /** Admits a new connection, or destroys it and returns undefined if the limit is reached and none can be closed. */
  admit(socket: Socket, address: string, isProxy: boolean, stage: Stage): Connection | undefined {
    const ofAddress = this.#byAddress.get(address)
    // All clients of a proxy share its address: the total limits them, and so does the proxy.
    if (!isProxy && ofAddress !== undefined && ofAddress.size >= this.#limits.connectionsPerAddress) {
      if (!this.#evict(leastFar(ofAddress))) return this.#refuse(socket, 'address', address)
    }
    if (this.#all.size >= this.#limits.connections && !this.#evict(this.#leastFarOfAll()))
      return this.#refuse(socket, 'total', address)

    const connection = new Connection(socket, address, isProxy, stage)
    this.#all.add(connection)
    this.#stages[stage].add(connection)
    const group = this.#byAddress.get(address)
    if (group === undefined) this.#byAddress.set(address, new Set([connection]))
    else group.add(connection)
    socket.once('close', () => this.#forget(connection))
    return connection
  }

  /** Records how far a connection got. */
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
    connection.destroy()
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

const EVICTION_ORDER = ['handshaking', 'waiting', 'receiving'] as const

/** Sets keep the order of insertion: the first of a stage is its oldest. */
function leastFar(connections: Iterable<Connection>): Connection | undefined {
  let found: Connection | undefined
  let rank: number = EVICTION_ORDER.length
  for (const connection of connections) {
    const its = (EVICTION_ORDER as readonly Stage[]).indexOf(connection.stage)
    // The whole answer is written, but the client reads it slowly or not at all.
    if (its < 0 && found === undefined && connection.answer?.writableEnded) found = connection
    if (its >= 0 && its < rank) {
      found = connection
      rank = its
      if (rank === 0) break
    }
  }
  return found
}
