/** Prints whole errors, with messages, stacks and causes: for development, where nobody's words are in them. */
import { inspect } from 'node:util'
import { isError, read } from '../failure.ts'

/** Writes an error to standard error. `what`: what failed. Never throws. */
export function printWholeError(what: string, error: unknown): void {
  process.stderr.write(`${what}\n${wholeError(error)}\n`)
}

/** The text of an error: its stack, its own properties, the answer of another server, and its causes. */
export function wholeError(error: unknown): string {
  const seen = new Set<unknown>()
  const text = (each: unknown): string => {
    if (!isError(each) || seen.has(each) || seen.size >= MOST_ERRORS) return shown(each)
    seen.add(each)
    const stack = read(each, 'stack')
    const response = read(each, 'response')
    const answer = response === undefined ? {} : { status: read(response, 'status'), data: read(response, 'data') }
    const causes = [read(each, 'cause'), ...errorsOf(each)].filter((cause) => cause !== undefined)
    return [
      typeof stack === 'string' ? stack : shown(each),
      ...Object.entries({ ...properties(each), ...answer }).map(([name, value]) => `  ${name}: ${shown(value)}`),
      ...causes.map((cause) => `caused by ${text(cause)}`),
    ].join('\n')
  }
  return text(error)
}

const MOST_ERRORS = 10
/** Shown apart, or thousands of lines long: a request of axios holds its agent and every socket. */
const LEFT_OUT: ReadonlySet<string> = new Set(['stack', 'message', 'cause', 'errors', 'config', 'request', 'response'])

function properties(error: object): Record<string, unknown> {
  try {
    return Object.fromEntries(
      Object.keys(error)
        .filter((name) => !LEFT_OUT.has(name))
        .map((name) => [name, read(error, name)]),
    )
  } catch {
    return {}
  }
}

function errorsOf(error: unknown): unknown[] {
  const errors = read(error, 'errors')
  return errors === undefined ? [] : [0, 1, 2].map((position) => read(errors, String(position)))
}

function shown(value: unknown): string {
  try {
    return inspect(value, { depth: 2, breakLength: 120, maxArrayLength: 20, maxStringLength: 2000 })
  } catch {
    return `a ${typeof value} that cannot be shown`
  }
}
