/** A command on a pseudo-terminal, as a person has it before them. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'

/** Waits until the text was shown, then types, or writes a file. */
export interface Step {
  readonly wait: string
  readonly type?: string
  readonly write?: readonly [file: string, text: string]
}

/** What the terminal showed, with and without its commands, and the exit code. */
export async function onTerminal(
  command: readonly string[],
  { cwd, env, steps }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly steps: readonly Step[] },
): Promise<{ readonly shown: string; readonly text: string; readonly exitCode: number }> {
  const args = [join(import.meta.dirname, 'terminal.py'), JSON.stringify(steps), ...command]
  const { stdout } = await promisify(execFile)('python3', args, { cwd, env, maxBuffer: 16 * 1024 * 1024 })
  const [, shown = '', exitCode] = /^(.*)\nexit (-?\d+)$/s.exec(stdout) ?? []
  return { shown, text: stripVTControlCharacters(shown), exitCode: Number(exitCode) }
}
