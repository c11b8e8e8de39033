/** Runs the guard before the listener of any framework, and lets it answer only through a recorded response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Listener } from '@formbuilder/secure-server'
import type { Exchange } from '../exchange.ts'
import { type Transaction, transactionOf } from '../transaction.ts'
import type { Guard } from './guard.ts'
import { RecordedResponse, recordedOf } from './recorded-response.ts'

/** The requests of a provider's server that are not answered with Koa. */
export class GuardedRequests {
  readonly #guard: Guard
  readonly #exchange = Symbol('exchange')

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** A listener that gets only requests that have passed every check, and whose errors become answers. */
  listener(listener: Listener): Listener {
    return async (request, response) => {
      if ((await this.admit(request, response)) === 'refused') return
      try {
        // A listener may return a promise, though its type does not say so.
        await (listener(request, response) as unknown)
      } catch (error) {
        await this.fail(response, error)
      }
    }
  }

  /** The exchange of a request. Runs every check, unless they were run already. */
  admit(request: IncomingMessage, response: ServerResponse): Promise<Exchange | 'refused'> {
    const known: Promise<Exchange | 'refused'> | undefined = Reflect.get(request, this.#exchange)
    if (known !== undefined) return known
    const found = this.#admit(request, response)
    Object.assign(request, { [this.#exchange]: found })
    return found
  }

  /** The transaction of a request that has passed every check. */
  async transaction(request: IncomingMessage, response: ServerResponse): Promise<Transaction | 'refused'> {
    const exchange = await this.admit(request, response)
    return exchange === 'refused' ? 'refused' : transactionOf(exchange)
  }

  async #admit(request: IncomingMessage, response: ServerResponse): Promise<Exchange | 'refused'> {
    const exchange = await this.#guard.admit(request, response)
    if (exchange === 'refused') return 'refused'
    if (response.destroyed) {
      // The client has left during the checks, so that nothing needs to be done.
      this.#guard.abandon(exchange, request, 'ANSWER_NOT_SENT')
      return 'refused'
    }
    keepMethods(request)
    new RecordedResponse(this.#guard, exchange, request, response)
    return exchange
  }

  /** Answers an admitted request with a failure. Does nothing for any other request, which has its answer. */
  async fail(response: ServerResponse, thrown: unknown): Promise<void> {
    await recordedOf(response)?.fail(thrown)
  }
}

/**
 * Express replaces the prototype of a request, and with it the methods by which the server limits a body. So they become the
 * request's own.
 */
function keepMethods(request: IncomingMessage): void {
  const { push, _destroy } = Object.getPrototypeOf(request)
  Object.assign(request, { push, _destroy })
}
