/** Admits clients by their certificate, and closes connections whose certificate is refused later. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ServerEvent } from '../events.ts'
import { type ClientCertificates, summaryOf } from '../tls/client-certificates.ts'
import { type Connection, peerOf } from './connection.ts'
import type { Connections } from './connections.ts'

/** Decides about a client after its TLS handshake, before the first byte of HTTP is read. */
export class ClientAdmission {
  readonly #clients: ClientCertificates
  readonly #connections: Connections
  readonly #onEvent: (event: ServerEvent) => void
  readonly #admitted = new WeakMap<Connection, X509Certificate>()

  constructor(clients: ClientCertificates, connections: Connections, onEvent: (event: ServerEvent) => void) {
    this.#clients = clients
    this.#connections = connections
    this.#onEvent = onEvent
  }

  /** Calls `serve` if the client is accepted, or is to be refused with an HTTP status; otherwise closes the connection. */
  admit(connection: Connection, stream: TLSSocket, serve: () => void): void {
    const leaf = stream.getPeerX509Certificate()
    const conclude = (code: string | undefined): void => {
      if (stream.destroyed) return
      if (code === undefined && leaf !== undefined) this.#accept(connection, leaf)
      else if (!this.#refuse(connection, leaf, code ?? 'CERT_MISSING')) return
      serve()
    }
    const code = attempt(() => this.#clients.refusalOf(stream))
    if (leaf === undefined && this.#clients.mode === 'strict') {
      // A health probe has no certificate either, and closes by itself.
      untilLeftOr(stream, PROBE_MILLISECONDS, () => conclude(code))
      return
    }
    const check = code === undefined && leaf !== undefined ? this.#clients.check(leaf) : undefined
    if (check === undefined) conclude(code)
    // The CA and CRL files may have changed while the check ran.
    else void check.then((refused) => conclude(refused ?? attempt(() => this.#clients.refusalOf(stream))))
  }

  /** Closes open connections whose certificate would be refused now. */
  review(): void {
    for (const connection of this.#connections) {
      const leaf = this.#admitted.get(connection)
      const code = leaf && attempt(() => this.#clients.refusalNow(leaf))
      if (leaf === undefined || code === undefined) continue
      this.#note(connection, leaf, code)
      connection.destroy()
    }
  }

  #accept(connection: Connection, leaf: X509Certificate): void {
    this.#admitted.set(connection, leaf)
    if (this.#clients.areOne) this.#connections.exempt(connection)
  }

  /** Returns true if the connection stays open so that each of its requests is answered with the refusal. */
  #refuse(connection: Connection, leaf: X509Certificate | undefined, code: string): boolean {
    this.#note(connection, leaf, code)
    if (this.#clients.mode === 'strict') {
      connection.destroy()
      return false
    }
    connection.refuse(leaf === undefined ? 'certificate-missing' : 'certificate-refused')
    return true
  }

  #note({ clientAddress: address, socket }: Connection, leaf: X509Certificate | undefined, code: string): void {
    const peer = peerOf(socket)
    this.#onEvent({ type: 'client.refused', code, address, peer, ...(leaf && { certificate: summaryOf(leaf) }) })
  }
}

/** How long a client without a certificate may take to send something, or to leave, before it is refused. */
const PROBE_MILLISECONDS = 1000

/** Closes the stream if the client ends it, and calls `stays` if it sends something instead, or nothing for this long. */
function untilLeftOr(stream: TLSSocket, milliseconds: number, stays: () => void): void {
  const timer = setTimeout(decide, milliseconds)
  stream.once('close', () => clearTimeout(timer))
  stream.once('end', () => stream.destroy())
  stream.on('readable', look)

  function look(): void {
    if (stream.read() !== null) decide()
  }

  function decide(): void {
    clearTimeout(timer)
    stream.off('readable', look)
    stays()
  }
}

/** A certificate that OpenSSL accepts and our code cannot read is refused. It must not crash the process. */
function attempt(check: () => string | undefined): string | undefined {
  try {
    return check()
  } catch {
    return 'CHECK_FAILED'
  }
}
