/** Directs what is written to a response elsewhere, so that no byte of an answer is sent before its record. */
import type { ServerResponse } from 'node:http'

const NAMES = ['writeHead', 'write', 'end', 'flushHeaders', 'writeEarlyHints', 'writeProcessing'] as const

const INTERCEPTOR = Symbol('interceptor')
/** The prototype that a response has at first. Frameworks replace it: Express with its own. */
const ORIGINAL = Symbol('original')

/** The methods of a response that send something. */
export type WritingMethod = (typeof NAMES)[number]

/** What gets the calls of a response's methods. */
export interface Interceptor {
  /** Whether the methods write again. */
  readonly passes: boolean
  /**
   * Gets a call instead of the response. It must not throw: a stream that is piped into the response calls from an event,
   * where an error would end the process.
   */
  call(name: WritingMethod, given: readonly unknown[]): unknown
  /** Lets the methods write again. */
  release(): void
}

/** Replaces every method that writes. */
export function intercept(response: ServerResponse, interceptor: Interceptor): void {
  // The methods stay for good, because deleting a property would make every later use of the response slow.
  Object.assign(response, { [INTERCEPTOR]: interceptor, [ORIGINAL]: Object.getPrototypeOf(response) }, METHODS)
}

/** Lets a response write again, if it is intercepted. */
export function release(response: ServerResponse & { [INTERCEPTOR]?: Interceptor }): void {
  response[INTERCEPTOR]?.release()
}

/** Calls the response's own method. */
export function write(response: ServerResponse, name: WritingMethod, given: readonly unknown[]): unknown {
  return originalOf(response)[name].apply(response, [...given])
}

/** What the response itself says, whatever an interceptor shows. */
export function read(response: ServerResponse, name: 'headersSent' | 'writableEnded'): boolean {
  return Reflect.get(originalOf(response), name, response)
}

/** Whether the head was sent, or the connection has closed. */
export function isSent(response: ServerResponse): boolean {
  return response.destroyed || read(response, 'headersSent')
}

/** The methods of a response as they were before it was intercepted. */
export function originalOf(response: ServerResponse & { [ORIGINAL]?: Methods }): Methods {
  return response[ORIGINAL] ?? Object.getPrototypeOf(response)
}

type Methods = { readonly [Name in WritingMethod | 'setHeader' | 'removeHeader']: (...given: unknown[]) => unknown }

/** A response that sends nothing until `release`. */
export interface HeldResponse {
  /** Whether anything was written to it. */
  readonly used: boolean
}

/** Drops everything that is written. Once `isRefused` the server itself answers, so the methods write again. */
export function holdResponse(response: ServerResponse, isRefused: () => boolean): HeldResponse {
  const hold = new Hold(response, isRefused)
  intercept(response, hold)
  return hold
}

class Hold implements HeldResponse, Interceptor {
  used = false
  #released = false
  readonly #response: ServerResponse
  readonly #isRefused: () => boolean

  constructor(response: ServerResponse, isRefused: () => boolean) {
    this.#response = response
    this.#isRefused = isRefused
  }

  get passes(): boolean {
    return this.#released || this.#isRefused()
  }

  call(name: WritingMethod): unknown {
    this.used = true
    return name === 'write' ? true : this.#response
  }

  release(): void {
    this.#released = true
  }
}

type Method = (this: ServerResponse & { [INTERCEPTOR]: Interceptor }, ...given: unknown[]) => unknown

/** The same functions for every response, so that all responses keep one shape. */
const METHODS: Readonly<Record<string, Method>> = Object.fromEntries(
  NAMES.map((name) => [name, interceptedMethod(name)]),
)

function interceptedMethod(name: WritingMethod): Method {
  return function method(...given) {
    const interceptor = this[INTERCEPTOR]
    return interceptor.passes ? write(this, name, given) : interceptor.call(name, given)
  }
}
