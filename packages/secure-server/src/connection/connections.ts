/** Every open connection by stage, and which one is closed when a limit is reached. */
import type { Socket } from 'node:net'
import type { ConnectionRefusal } from '../events.ts'
import type { Limits } from '../limits.ts'
import { type Arrival, Connection, type Stage } from './connection.ts'

/**
 * Limits the connections in total and per address. When a new one arrives at a limit, the oldest connection of the earliest
 * stage is closed to make room: a flood of idle connections displaces its own connections, not those of honest clients.
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

  /** Adds a new connection. At a limit where no other connection may be closed, destroys it and returns undefined. */
  admit(socket: Socket, arrival: Arrival): Connection | undefined {
    const { address, isCounted, stage } = arrival
    if (isCounted && !this.#hasRoom(address)) return this.#refuse(socket, 'address', address)
    if (this.#all.size >= this.#limits.connections && !this.#evict(this.#earliestOfAll()))
      return this.#refuse(socket, 'total', address)

    const connection = new Connection(socket, arrival)
    this.#all.add(connection)
    this.#stages[stage].add(connection)
    if (isCounted) this.#group(connection)
    socket.once('close', () => this.#forget(connection))
    return connection
  }

  /** Counts a connection for the client that its load balancer names. At a limit, as `admit`: destroys it and returns false. */
  name(connection: Connection, client: string): boolean {
    connection.name(client)
    if (!this.#hasRoom(connection.address)) {
      this.#refused('address', connection.address)
      connection.destroy()
      return false
    }
    connection.isCounted = true
    this.#group(connection)
    return true
  }

  /** From now on the connection counts in the total only. */
  exempt(connection: Connection): void {
    connection.isCounted = false
    this.#ungroup(connection)
  }

  /** Records that a connection has reached a stage. */
  move(connection: Connection, stage: Stage): void {
    if (connection.stage === stage || !this.#all.has(connection)) return
    this.#stages[connection.stage].delete(connection)
    connection.stage = stage
    this.#stages[stage].add(connection)
  }

  /** Makes room for one more connection of an address, and returns false if none may be closed for it. */
  #hasRoom(address: string): boolean {
    const group = this.#byAddress.get(address)
    return group === undefined || group.size < this.#limits.connectionsPerAddress || this.#evict(earliest(group))
  }

  #group(connection: Connection): void {
    const group = this.#byAddress.get(connection.address)
    if (group === undefined) this.#byAddress.set(connection.address, new Set([connection]))
    else group.add(connection)
  }

  #ungroup(connection: Connection): void {
    const group = this.#byAddress.get(connection.address)
    group?.delete(connection)
    if (group?.size === 0) this.#byAddress.delete(connection.address)
  }

  #earliestOfAll(): Connection | undefined {
    for (const stage of EVICTION_ORDER) for (const connection of this.#stages[stage]) return connection
    return earliest(this.#stages.working)
  }

  #evict(connection: Connection | undefined): boolean {
    if (connection === undefined) return false
    this.#refused('evicted', connection.address)
    // The close event would remove it too late: the new connection needs its place now.
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
    this.#ungroup(connection)
  }
}

const EVICTION_ORDER = ['handshaking', 'waiting', 'receiving'] as const

/** The connection to close first: the earliest stage, then the oldest, since a Set iterates in order of insertion. */
function earliest(connections: Iterable<Connection>): Connection | undefined {
  let found: Connection | undefined
  let rank: number = EVICTION_ORDER.length
  for (const connection of connections) {
    const order = (EVICTION_ORDER as readonly Stage[]).indexOf(connection.stage)
    // The answer is complete and still not sent: the client reads slowly, or not at all.
    if (order < 0 && found === undefined && connection.answer?.writableEnded) found = connection
    if (order >= 0 && order < rank) {
      found = connection
      rank = order
      if (rank === 0) break
    }
  }
  return found
}
