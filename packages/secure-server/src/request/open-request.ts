/** One request that is served: its body while it arrives, and its place on its connection until it is answered. */
import type { Connection } from '../connection/connection.ts'
import type { Connections } from '../connection/connections.ts'
import type { BodyWatch, CountedRequest, SecuredResponse, Served } from '../connection/messages.ts'
import type { BodyBudget, HeldBody } from './body-budget.ts'
import type { Refusal } from './request-syntax.ts'

/** What all requests of a server share. */
export interface Serving {
  readonly connections: Connections
  readonly bodies: BodyBudget
  readonly refuse: (request: OpenRequest, refusal: Refusal) => void
  readonly onAnswered: () => void
}

/** Made for each request: so it is one object with methods, and not a handful of closures. */
export class OpenRequest implements BodyWatch, HeldBody, Served {
  readonly connection: Connection
  readonly request: CountedRequest
  readonly response: SecuredResponse
  /** That limits count for the body. */
  readonly address: string
  bytes = 0
  readonly #serving: Serving
  #isExceeded = false

  constructor(
    serving: Serving,
    connection: Connection,
    request: CountedRequest,
    response: SecuredResponse,
    address: string,
  ) {
    this.#serving = serving
    this.connection = connection
    this.request = request
    this.response = response
    this.address = address
  }

  /** Whether the connection closes after the answer. Called when its head is written. */
  get endsConnection(): boolean {
    return this.connection.endsWith(this.response)
  }

  arrived(bytes: number): boolean {
    return this.#serving.bodies.take(this, bytes)
  }

  exceeded(): void {
    if (this.#isExceeded) return
    this.#isExceeded = true
    this.#serving.refuse(this, { status: 413, reason: 'body-too-large' })
  }

  completed(): void {
    const { bodies, connections } = this.#serving
    bodies.complete(this)
    connections.move(this.connection, 'working')
  }

  /** Its bytes are needed for others. */
  refuse(): void {
    this.#serving.refuse(this, NO_ROOM)
  }

  closed(): void {
    const { connection, request } = this
    const { bodies, connections, onAnswered } = this.#serving
    if (request.watch === this) request.watch = undefined
    bodies.release(this)
    onAnswered()
    connection.endRequest(this.response)
    if (connection.unanswered > 0) return
    connections.move(connection, 'waiting')
    if (connection.isOver) request.socket.end()
  }
}

const NO_ROOM: Refusal = { status: 503, reason: 'bodies', headers: { 'Retry-After': '1' } }
