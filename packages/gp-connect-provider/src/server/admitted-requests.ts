/** Marks the requests that arrive through the provider's own server. */
import type { IncomingMessage } from 'node:http'

/** The requests of one provider's server. A mark on the request costs less than an entry in a weak set. */
export class AdmittedRequests {
  readonly #mark = Symbol('admitted')

  add(request: IncomingMessage): void {
    Object.assign(request, { [this.#mark]: true })
  }

  has(request: IncomingMessage): boolean {
    return Object.hasOwn(request, this.#mark)
  }
}
