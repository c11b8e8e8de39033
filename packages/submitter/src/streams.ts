/** Where the command reads and writes. Results go to stdout, everything else to stderr; no key, answer or link to either. */
import type { Readable, Writable } from 'node:stream'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'
import { UsageError } from './exit-code.ts'
import { RefusalError } from './refusal.ts'

/** `process` is one. */
export interface Streams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Prints a result: for people, or as one line of JSON. */
export function print(streams: Streams, json: true | undefined, result: object, human: string): void {
  streams.stdout.write(`${json === true ? JSON.stringify(result) : human}\n`)
}

/** Writes a line that is no result. */
export function note(streams: Streams, line: string): void {
  streams.stderr.write(`${line}\n`)
}

/** Tells an error, in words that carry nothing of the input. */
export function tell(error: unknown, json: boolean, streams: Streams): void {
  const code = error instanceof AdapterError ? error.code : error instanceof UsageError ? 'usage' : 'internal'
  // An unexpected error may quote what it was given: only its name is told.
  const message =
    code === 'internal'
      ? `unexpected ${error instanceof Error ? error.name : 'error'}`
      : String((error as Error).message)
  const status = error instanceof RefusalError ? { status: error.status } : {}
  if (json) streams.stdout.write(`${JSON.stringify({ outcome: 'failed', code, message, ...status })}\n`)
  else note(streams, `${code}: ${message}`)
}
