/** One client connection: how far it got, what it still waits for, and when it ends. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { SecuredResponse } from './messages.ts'

/** How far a connection got. `working`: its request is complete, and is not interrupted to make room for others. */
export type Stage = 'handshaking' | 'waiting' | 'receiving' | 'working'

/** Why a client gets 495 or 496 for every request. */
export type CertificateRefusal = 'certificate-missing' | 'certificate-refused'

/** Changes only by its own methods; `stage` by `Connections`, which keeps the connections of each stage. */
export class Connection {
  readonly socket: Socket
  /** What limits count: see `addressKey`. */
  readonly address: string
  /** Whether the peer is a proxy that may speak for others. */
  readonly isProxy: boolean
  readonly openedAt = Date.now()
  stage: Stage
  #stream: Socket | TLSSocket | undefined
  #unanswered = 0
  #requests = 0
  #answer: SecuredResponse | undefined
  #isEnding = false
  #isOver = false
  #refusal: CertificateRefusal | undefined

  constructor(socket: Socket, address: string, isProxy: boolean, stage: Stage) {
    this.socket = socket
    this.address = address
    this.isProxy = isProxy
    this.stage = stage
  }

  /** Requests started and not yet answered; more than one when the client pipelines. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Requests started, answered or not. */
  get requests(): number {
    return this.#requests
  }

  /** The answer to the newest unanswered request. */
  get answer(): SecuredResponse | undefined {
    return this.#answer
  }

  /** The last answer is given: what still arrives is not read. */
  get isOver(): boolean {
    return this.#isOver
  }

  get refusal(): CertificateRefusal | undefined {
    return this.#refusal
  }

  /** The handshake is done; HTTP is spoken on this stream. */
  secure(stream: TLSSocket): void {
    this.#stream = stream
  }

  /** Every request of this client is refused for its certificate. */
  refuse(refusal: CertificateRefusal): void {
    this.#refusal = refusal
  }

  startRequest(answer: SecuredResponse): void {
    this.#unanswered += 1
    this.#requests += 1
    this.#answer = answer
    answer.endsConnection = () => this.endsWith(answer)
  }

  endRequest(answer: SecuredResponse): void {
    this.#unanswered -= 1
    if (this.#answer === answer) this.#answer = undefined
  }

  /** The next answer to the newest request is the last one. */
  endWithNextAnswer(): void {
    this.#isEnding = true
  }

  /** No more is read: the last answer was given, or is on its way. */
  stopReading(): void {
    this.#isEnding = true
    this.#isOver = true
  }

  /** Whether this answer must say `Connection: close`. If so, no more is read. */
  endsWith(answer: SecuredResponse): boolean {
    if (!this.#isEnding || this.#answer !== answer) return false
    this.#isOver = true
    return true
  }

  /** Closes it at once, whatever it is doing. */
  destroy(): void {
    this.#stream?.destroy()
    this.socket.destroy()
  }
}

/** Tells two open connections of one server apart. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`
}
