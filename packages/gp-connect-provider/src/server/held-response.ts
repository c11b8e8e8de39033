/** Holds a response back while a handler runs, so that no byte of an answer can be sent before its record. */
import type { ServerResponse } from 'node:http'

/** A response that sends nothing. */
export interface HeldResponse {
  /** Whether anything was written to it. */
  readonly used: boolean
  /** Gives the response its own methods back. */
  release(): void
}

/**
 * Replaces every method that writes. They do nothing, and never throw: a stream that is piped into the response calls them
 * from an event, where an error would end the process. Once `isRefused` the server itself answers, so they write again.
 */
export function holdResponse(response: ServerResponse, isRefused: () => boolean): HeldResponse {
  const held = { used: false, release }
  const original = response as unknown as Record<string, (...given: unknown[]) => unknown>
  const own = new Map(METHODS.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)]))
  for (const name of METHODS) {
    Object.defineProperty(response, name, {
      configurable: true,
      writable: true,
      value(...given: unknown[]): unknown {
        if (isRefused()) {
          release()
          return original[name]?.(...given)
        }
        held.used = true
        return name === 'write' ? true : response
      },
    })
  }
  return held

  function release(): void {
    for (const [name, descriptor] of own) {
      if (descriptor === undefined) Reflect.deleteProperty(response, name)
      else Object.defineProperty(response, name, descriptor)
    }
    own.clear()
  }
}

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders', 'writeEarlyHints', 'writeProcessing']
