/** What happens between the end of a TLS handshake and the first byte of HTTP. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ServerEvent } from '../events.ts'
import { type ClientCertificates, summaryOf } from '../tls/client-certificates.ts'
import { type Connection, type Connections, destroy, peerOf } from './connections.ts'

/** Lets clients in by their certificate, and ends those that would not be let in any more. */
export class Doorkeeper {
  readonly #clients: ClientCertificates
  readonly #connections: Connections
  readonly #onEvent: (event: ServerEvent) => void
  readonly #admitted = new WeakMap<Connection, X509Certificate>()

  constructor(clients: ClientCertificates, connections: Connections, onEvent: (event: ServerEvent) => void) {
    this.#clients = clients
    this.#connections = connections
    this.#onEvent = onEvent
  }

  /** Calls `serve` when the connection may speak HTTP, if only to be refused there; else closes it. */
  meet(connection: Connection, stream: TLSSocket, serve: () => void): void {
    const leaf = stream.getPeerX509Certificate()
    const conclude = (code: string | undefined): void => {
      if (stream.destroyed) return
      if (code === undefined && leaf !== undefined) this.#admitted.set(connection, leaf)
      else if (!this.#refuse(connection, leaf, code ?? 'CERT_MISSING')) return
      serve()
    }
    const code = attempt(() => this.#clients.refusalOf(stream))
    const check = code === undefined && leaf !== undefined ? this.#clients.check(leaf) : undefined
    if (check === undefined) conclude(code)
    // Trust may have changed while the check ran.
    else void check.then((refused) => conclude(refused ?? attempt(() => this.#clients.refusalOf(stream))))
  }

  /** Ends open connections whose certificate is refused by now. */
  review(): void {
    for (const connection of this.#connections) {
      const leaf = this.#admitted.get(connection)
      const code = leaf && attempt(() => this.#clients.refusalNow(leaf))
      if (leaf === undefined || code === undefined) continue
      this.#note(connection, leaf, code)
      destroy(connection)
    }
  }

  /** Whether the connection stays open, to be told of its refusal. */
  #refuse(connection: Connection, leaf: X509Certificate | undefined, code: string): boolean {
    this.#note(connection, leaf, code)
    if (this.#clients.mode === 'strict') {
      destroy(connection)
      return false
    }
    connection.refusal = leaf === undefined ? 'certificate-missing' : 'certificate-refused'
    return true
  }

  #note({ address, socket }: Connection, leaf: X509Certificate | undefined, code: string): void {
    const peer = peerOf(socket)
    this.#onEvent({ type: 'client.refused', code, address, peer, ...(leaf && { certificate: summaryOf(leaf) }) })
  }
}

/** A certificate that OpenSSL took and we stumble over is refused; it must not end the process. */
function attempt(judge: () => string | undefined): string | undefined {
  try {
    return judge()
  } catch {
    return 'CHECK_FAILED'
  }
}
