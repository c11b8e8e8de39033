/** Holds a response back while a handler runs, so that no byte of an answer can be sent before its record. */
import type { ServerResponse } from 'node:http'

/** A response that sends nothing. */
export interface HeldResponse {
  /** Whether anything was written to it. */
  readonly used: boolean
  /** Lets the response write again. */
  release(): void
}

/**
 * Replaces every method that writes. They do nothing, and never throw: a stream that is piped into the response calls them
 * from an event, where an error would end the process. Once `isRefused` the server itself answers, so they write again.
 */
export function holdResponse(response: ServerResponse, isRefused: () => boolean): HeldResponse {
  const hold = new Hold(isRefused)
  // The methods stay for good, because deleting a property would make every later use of the response slow.
  Object.assign(response, { [HOLD]: hold }, METHODS)
  return hold
}

class Hold implements HeldResponse {
  used = false
  #released = false
  readonly #isRefused: () => boolean

  constructor(isRefused: () => boolean) {
    this.#isRefused = isRefused
  }

  get writes(): boolean {
    return this.#released || this.#isRefused()
  }

  release(): void {
    this.#released = true
  }
}

const HOLD = Symbol('hold')
const NAMES = ['writeHead', 'write', 'end', 'flushHeaders', 'writeEarlyHints', 'writeProcessing'] as const

type Method = (this: ServerResponse & { [HOLD]: Hold }, ...given: unknown[]) => unknown

/** The same functions for every response, so that all responses keep one shape. */
const METHODS: Readonly<Record<string, Method>> = Object.fromEntries(NAMES.map((name) => [name, heldMethod(name)]))

function heldMethod(name: (typeof NAMES)[number]): Method {
  return function method(...given) {
    const hold = this[HOLD]
    if (hold.writes) return Object.getPrototypeOf(this)[name].apply(this, given)
    hold.used = true
    return name === 'write' ? true : this
  }
}
