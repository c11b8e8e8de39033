/** Adds to the error of a failed request the lines of the code that made it: the stack of a socket ends in Node itself. */
import { AdapterError } from '../errors.ts'
import { isA, isError, read } from '../failure.ts'

/** The code that makes a request. Its stack becomes text only when it is read, so that it costs little. */
export interface Caller {
  readonly stack: string
}

/** The code that is making a request now. */
export function captureCaller(): Caller {
  const caller = { stack: '' }
  const { stackTraceLimit } = Error
  // Between the channel and the code that called `fetch` are about twenty places in Node.
  Error.stackTraceLimit = MOST_PLACES
  Error.captureStackTrace(caller, captureCaller)
  Error.stackTraceLimit = stackTraceLimit
  return caller
}

/** Never throws, whatever the error is. An error of ours is left as it is: it may end other attempts too. */
export function addCaller(error: unknown, caller: Caller | undefined): void {
  if (caller === undefined || !isError(error) || isA(error, AdapterError)) return
  try {
    const stack = read(error, 'stack')
    if (typeof stack !== 'string') return
    const places = String(caller.stack).split('\n')
    const published = places.findLastIndex((place) => place.includes(PUBLISHED))
    const lines = places.slice(published + 1).filter((place) => IS_CODE.test(place) && !stack.includes(place))
    if (lines.length > 0) error.stack = [stack, ...lines].join('\n')
  } catch {
    // Its stack cannot be read or changed.
  }
}

/** Whether it is the error of an AbortSignal, and names no place in a file. */
export function isAbort(error: unknown): boolean {
  const name = read(error, 'name')
  if (!isError(error) || (name !== 'TimeoutError' && name !== 'AbortError')) return false
  const stack = read(error, 'stack')
  return typeof stack === 'string' && !stack.split('\n').some((place) => IS_CODE.test(place))
}

const MOST_PLACES = 50
const PUBLISHED = 'node:diagnostics_channel:'
/** A place in a file, and none in Node. */
const IS_CODE = /^ {4}at (?!.*\bnode:).*[/\\].*:\d+:\d+\)?$/
