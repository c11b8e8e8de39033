/** Runs a command of the adapter's command line in this process. */
import { type ExitCode, type Output, runCommand } from '../src/cli.ts'

/** How it ended, and what it wrote, a line for each call. */
export interface Result {
  readonly code: ExitCode
  readonly out: string
  readonly error: string
}

/** `more`: what else the output can do, such as ask; or what it does instead. */
export async function run(
  argv: readonly string[],
  environment: { readonly [name: string]: string } = {},
  more: Partial<Output> = {},
): Promise<Result> {
  const [out, error]: [string[], string[]] = [[], []]
  const output = { out: (text: string) => out.push(text), error: (text: string) => error.push(text), ...more }
  const code = await runCommand(argv, { environment, output })
  return { code, out: out.join('\n'), error: error.join('\n') }
}
