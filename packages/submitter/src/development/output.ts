/** What `npm run dev` writes: readable lines on a terminal, and JSON elsewhere. */
import { styleText } from 'node:util'
import { readable } from './readable.ts'

/** Writes a line of the adapter's log. */
export function show(line: string): void {
  process.stdout.write(`${process.stdout.isTTY ? readable(line) : line}\n`)
}

/** Writes what happened in development, as a line of the log has it. */
export function say(level: 'info' | 'error', event: string, msg: string, fields: object = {}): void {
  show(JSON.stringify({ level, time: new Date().toISOString(), event, ...fields, msg }))
}

/** Writes lines for a person: nothing elsewhere than on a terminal. */
export function tell(lines: readonly string[]): void {
  if (process.stdout.isTTY) process.stdout.write(lines.map((line) => `  ${line}\n`).join(''))
}

/** Makes a text stand out. */
export function strong(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}
