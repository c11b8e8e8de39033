/** One client connection: its stage, its unanswered requests, and when it closes. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { addressKey } from '../address.ts'
import { unmapped } from '../networks.ts'
import type { SecuredResponse } from './messages.ts'

/** The stage of a connection. One that is `working` has sent a complete request, and is not interrupted to make room. */
export type Stage = 'handshaking' | 'waiting' | 'receiving' | 'working'

/** Why a client gets 495 or 496 for every request. */
export type CertificateRefusal = 'certificate-missing' | 'certificate-refused'

/** What is known of a connection when it arrives; the members are those of `Connection`. */
export interface Arrival {
  readonly address: string
  readonly isProxy: boolean
  readonly isCounted: boolean
  readonly stage: Stage
}

/** State of one connection. Only `Connections.move` may set `stage`, because it keeps a set of connections per stage. */
export class Connection {
  readonly socket: Socket
  /** Whether the peer is a trusted proxy, which may name the client's address. */
  readonly isProxy: boolean
  readonly openedAt = Date.now()
  stage: Stage
  /** Whether limits per address count it. Only `Connections` may set it, which keeps a set of connections per address. */
  isCounted: boolean
  #address: string
  #clientAddress: string
  #isNamed = false
  #stream: Socket | TLSSocket | undefined
  /** In the order of their requests. */
  readonly #unanswered: SecuredResponse[] = []
  #requests = 0
  #answer: SecuredResponse | undefined
  #isEnding = false
  #isOver = false
  #isUsed = false
  #isClosedByUs = false
  #refusal: CertificateRefusal | undefined

  constructor(socket: Socket, { address, isProxy, isCounted, stage }: Arrival) {
    this.socket = socket
    this.#address = address
    this.#clientAddress = socket.remoteAddress === undefined ? 'unknown' : unmapped(socket.remoteAddress)
    this.isProxy = isProxy
    this.isCounted = isCounted
    this.stage = stage
  }

  /** The key under which limits count it: see `addressKey`. */
  get address(): string {
    return this.#address
  }

  /**
   * As events name it: the peer, or the client that a load balancer names in its PROXY header. IPv4 mapped into IPv6 is written
   * as IPv4; `unknown` if the peer has closed before.
   */
  get clientAddress(): string {
    return this.#clientAddress
  }

  /** Whether a load balancer has named the client. */
  get isNamed(): boolean {
    return this.#isNamed
  }

  /** Whether the client has closed a connection on which it asked for nothing, as health probes do. */
  get isProbe(): boolean {
    return !this.#isUsed && !this.#isClosedByUs && this.#refusal !== 'certificate-refused'
  }

  /** Requests started and not yet answered; more than one when the client pipelines. */
  get unanswered(): number {
    return this.#unanswered.length
  }

  /** Requests started, answered or not. */
  get requests(): number {
    return this.#requests
  }

  /** The answer that the client waits for first. */
  get oldest(): SecuredResponse | undefined {
    return this.#unanswered[0]
  }

  /** The answer to the newest request, until it is sent. */
  get answer(): SecuredResponse | undefined {
    return this.#answer
  }

  /** The last answer is sent or being sent. Whatever still arrives is ignored. */
  get isOver(): boolean {
    return this.#isOver
  }

  get refusal(): CertificateRefusal | undefined {
    return this.#refusal
  }

  /** Records the stream that carries HTTP once the TLS handshake is done. */
  secure(stream: TLSSocket): void {
    this.#stream = stream
  }

  /** Records the client that a load balancer names. */
  name(client: string): void {
    this.#isNamed = true
    this.#clientAddress = client
    this.#address = addressKey(client)
  }

  /** Records that the client has asked for something, whether it is served or refused. */
  use(): void {
    this.#isUsed = true
  }

  /** Makes every request of this client answered with 495 or 496. */
  refuse(refusal: CertificateRefusal): void {
    this.#refusal = refusal
  }

  startRequest(answer: SecuredResponse): void {
    this.use()
    this.#unanswered.push(answer)
    this.#requests += 1
    this.#answer = answer
  }

  endRequest(answer: SecuredResponse): void {
    const position = this.#unanswered.indexOf(answer)
    if (position >= 0) this.#unanswered.splice(position, 1)
    if (this.#answer === answer) this.#answer = undefined
  }

  /** Closes the connection after the answer to its newest request. */
  endWithNextAnswer(): void {
    this.#isEnding = true
  }

  /** Ignores everything that still arrives: the last answer is sent or being sent. */
  stopReading(): void {
    this.#isEnding = true
    this.#isOver = true
  }

  /** Whether this answer must carry `Connection: close`. If so, everything that still arrives is ignored. */
  endsWith(answer: SecuredResponse): boolean {
    if (!this.#isEnding || this.#answer !== answer) return false
    this.#isOver = true
    return true
  }

  /** Closes the connection at once, even during a request. */
  destroy(): void {
    this.#isClosedByUs = true
    this.#stream?.destroy()
    this.socket.destroy()
  }
}

/**
 * Identifies an open connection by its four addresses and ports: no two of one server are equal in all of them at the same
 * time. A client may use one port of its own for two addresses of the server.
 */
export function peerOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`
}

/**
 * The address of the client of a request's `socket`: the one that a load balancer has named in its PROXY header, otherwise the
 * peer's own. IPv4 mapped into IPv6 is written as IPv4. Undefined if the peer has closed before.
 */
export function clientAddressOf(socket: Socket): string | undefined {
  const { remoteAddress } = socket
  return named.get(socket) ?? (remoteAddress && unmapped(remoteAddress))
}

/** Records whom `clientAddressOf` names for a stream. */
export function nameClientOf(stream: Socket, client: string): void {
  named.set(stream, client)
}

const named = new WeakMap<Socket, string>()
