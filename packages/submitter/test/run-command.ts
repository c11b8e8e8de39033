/** Runs the command in this process. */
import { PassThrough, Readable } from 'node:stream'
import { main } from '../src/cli.ts'

/** How it ended, and what it wrote. */
export interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function runCommand(args: readonly string[], input = '', stderr = new PassThrough()): Promise<Run> {
  const stdout = new PassThrough()
  const err: string[] = []
  stderr.on('data', (chunk) => err.push(String(chunk)))
  const code = await main(args, { stdin: Readable.from([Buffer.from(input)]), stdout, stderr })
  stdout.end()
  const out = await stdout.toArray()
  return { code, out: out.map(String).join(''), err: err.join('') }
}
