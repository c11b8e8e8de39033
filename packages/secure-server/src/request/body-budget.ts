/** Bounds the bytes of bodies in memory over all connections. */

/** The body of one request, from its first byte until the request is answered or refused. */
export interface HeldBody {
  readonly address: string
  /** Called when its bytes are needed for others: the request has to be refused, and its bytes to be dropped. */
  refuse(): void
  bytes: number
}

/**
 * Counts the bytes of bodies that have arrived and are not answered yet. Nothing waits: what does not fit is refused at once,
 * because a connection that is not read fills the buffers of the system instead. When bytes arrive beyond the limit, the
 * address with the most bytes of bodies that are not whole gives way, with its oldest one: who withholds the ends of many
 * bodies displaces those, and not the body of another address. A whole body is never dropped.
 */
export class BodyBudget {
  readonly #limitBytes: number
  /** Bodies that are not whole, by address, each in the order of their first byte. */
  readonly #parts = new Map<string, Set<HeldBody>>()
  readonly #counted = new Set<HeldBody>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Bytes of all bodies now. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts bytes of a body that have arrived. False: the body itself had to give way, and has been refused. */
  take(body: HeldBody, bytes: number): boolean {
    if (bytes === 0) return true
    if (!this.#counted.has(body)) this.#open(body)
    body.bytes += bytes
    this.#bytes += bytes
    while (this.#bytes > this.#limitBytes) {
      const first = this.#firstToGo() ?? body
      this.release(first)
      first.refuse()
      if (first === body) return false
    }
    return true
  }

  /** The last byte has arrived. From here on the body is kept until its request is answered. */
  complete(body: HeldBody): void {
    if (body.bytes === 0) return
    const parts = this.#parts.get(body.address)
    parts?.delete(body)
    if (parts?.size === 0) this.#parts.delete(body.address)
  }

  /** The request is answered or refused. May be called again. */
  release(body: HeldBody): void {
    if (body.bytes === 0) return
    this.complete(body)
    if (this.#counted.delete(body)) this.#bytes -= body.bytes
  }

  #open(body: HeldBody): void {
    this.#counted.add(body)
    const parts = this.#parts.get(body.address)
    if (parts === undefined) this.#parts.set(body.address, new Set([body]))
    else parts.add(body)
  }

  #firstToGo(): HeldBody | undefined {
    let most = 0
    let found: HeldBody | undefined
    for (const parts of this.#parts.values()) {
      let bytes = 0
      for (const part of parts) bytes += part.bytes
      if (bytes > most) {
        most = bytes
        found = parts.values().next().value
      }
    }
    return found
  }
}
