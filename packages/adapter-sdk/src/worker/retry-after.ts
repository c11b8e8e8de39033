/** Reads how long a target asks to be left alone, from whatever error a handler threw. */
import { read, statusOf } from '../failure.ts'
import { retryAfterSeconds as secondsOf } from '../protocol/retry-after.ts'

/**
 * Seconds, more than 0: what the error says itself (`RetryError`, `retryAfterSeconds`), or the `Retry-After` of an answer 429 or
 * 503, as axios and wrappers of fetch carry it. Undefined: nothing that can be read, or a time that is over.
 */
export function secondsAskedFor(error: unknown, now = Date.now()): number | undefined {
  const own = read(error, 'retryAfterSeconds')
  const status = statusOf(error)
  const isAsked = status === 429 || status === 503
  const header = isAsked
    ? (retryAfter(read(read(error, 'response'), 'headers')) ?? retryAfter(read(error, 'headers')))
    : undefined
  const seconds = typeof own === 'number' ? own : secondsOf(header, now)
  return seconds !== undefined && Number.isFinite(seconds) && seconds > 0 ? seconds : undefined
}

/** The header in a plain object, AxiosHeaders or Headers. */
function retryAfter(headers: unknown): string | undefined {
  try {
    if (typeof headers !== 'object' || headers === null) return undefined
    const get = read(headers, 'get')
    const got: unknown = typeof get === 'function' ? get.call(headers, 'retry-after') : undefined
    const value = got ?? Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1]
    const first: unknown = Array.isArray(value) ? value[0] : value
    return typeof first === 'string' || typeof first === 'number' ? String(first).slice(0, 100) : undefined
  } catch {
    return undefined
  }
}
