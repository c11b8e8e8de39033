/** Examples of the names of @formbuilder/adapter-sdk/cli. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import {
  type Check,
  type CommandOptions,
  completionScript,
  EXIT_CODES,
  type ExitCode,
  type Finding,
  type Output,
  runCommand,
  type Shell,
} from '@formbuilder/adapter-sdk/cli'

// runCommand, CommandOptions, EXIT_CODES, ExitCode
{
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  const options: CommandOptions = {
    name: 'complaints',
    forms: adapter.forms,
    start: async () => void (await adapter.start()),
  }
  const code: ExitCode = await runCommand(process.argv.slice(2), options)
  if (code !== 0) console.error(EXIT_CODES[code])
  process.exitCode = code
}

// Check, Finding
{
  const check: Check = {
    name: 'the case system',
    async run() {
      const { ok, status } = await fetch('https://cases.example/health')
      const result: Finding['result'] = ok ? 'ok' : 'problem'
      return [{ result, detail: `it answers ${status}` }]
    },
  }
  process.exitCode = await runCommand(['check'], { checks: [check] })
}

// Output
{
  const lines: string[] = []
  const output: Output = { out: (text) => lines.push(text), error: (text) => lines.push(text) }
  await runCommand(['stats'], { output })
  console.log(lines.join('\n'))
}

// completionScript, Shell
{
  // A program made with commander, which has a command of its own for it.
  type Program = Parameters<typeof completionScript>[0]
  const printCompletion = (program: Program, shell: Shell) =>
    console.log(completionScript(program, shell, 'complaints'))
  console.log(printCompletion)
}
