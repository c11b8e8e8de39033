/** Prints results to stdout and everything else to stderr, and never prints a key, an answer or a link. */
import type { Readable, Writable } from 'node:stream'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import { adviceFor } from './advice.ts'
import { UsageError } from './exit-code.ts'
import { RefusalError } from './refusal.ts'

/** Where the command reads and writes, such as `process`. */
export interface Streams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Prints a result, as text or as one line of JSON. */
export function print(streams: Streams, json: true | undefined, result: object, human: string): void {
  streams.stdout.write(`${json === true ? JSON.stringify(result) : human}\n`)
}

/** Prints a line that is not a result. */
export function printNote(streams: Streams, line: string): void {
  streams.stderr.write(`${line}\n`)
}

/** Prints an error without any part of the input. */
export function printError(error: unknown, json: boolean, streams: Streams): void {
  const code = error instanceof AdapterError ? error.code : error instanceof UsageError ? 'usage' : 'internal'
  // The message of an unexpected error may quote the input, so only its name is printed.
  const message =
    code === 'internal'
      ? `unexpected ${error instanceof Error ? error.name : 'error'}`
      : String((error as Error).message)
  const advice = adviceFor(error)
  const status = error instanceof RefusalError ? { status: error.status } : {}
  if (json)
    streams.stdout.write(
      `${JSON.stringify({ outcome: 'failed', code, message, ...status, ...(advice && { advice }) })}\n`,
    )
  else
    printNote(
      streams,
      `${code === 'usage' || code === 'internal' ? 'error' : code}: ${message}${advice === undefined ? '' : `; ${advice}`}`,
    )
}
