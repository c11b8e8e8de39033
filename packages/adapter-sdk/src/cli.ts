/** The command line of operators. Subpath ./cli, for programs that offer the same commands under their own name. */
import '../node-version.cjs'
import { Command, CommanderError } from 'commander'
import { adapterOf } from './adapter-file.ts'
import type { Environment } from './config.ts'
import { AdapterError, type ErrorCode } from './errors.ts'
import { errorName } from './events.ts'
import { openapi } from './openapi.ts'
import { addActionCommands } from './operator/action-commands.ts'
import { addBackupCommands } from './operator/backup-commands.ts'
import type { Check } from './operator/check.ts'
import { addLedgerCommands, addSetupCommands } from './operator/commands.ts'
import { addCompletionCommand } from './operator/completion.ts'
import { addKeysCommand } from './operator/keys.ts'
import { addListCommand } from './operator/list-command.ts'
import { type Output, processOutput } from './operator/output.ts'
import { addPauseCommands } from './operator/pause-commands.ts'
import { folded } from './operator/text-table.ts'
import { addWatchCommand } from './operator/watch-command.ts'
import { ownPackage, PACKAGE } from './package-folder.ts'

export type { Check, Finding } from './operator/check.ts'
export { completionScript, type Shell } from './operator/completion.ts'
export type { Output } from './operator/output.ts'

/** Options of a program that offers the commands. */
export interface CommandOptions {
  /** How the program is called, for its help and messages. Default `npx @formbuilder/adapter-sdk`. */
  readonly name?: string
  /** The version of the program. Default: that of this package. */
  readonly version?: string
  /** Settings. Default `process.env`. */
  readonly environment?: Environment
  /** What the program does without a command, such as starting its adapter. Default: show the help. */
  readonly start?: () => Promise<void>
  /** Forms whose keys `check` examines and `keys` shows. Default: those that have their own key, and for `keys` those of the store. */
  readonly forms?: readonly string[]
  /** Checks that `check` runs after those of settings, keys, certificate and store. */
  readonly checks?: readonly Check[]
  /** Where output goes. Default: the process's streams. */
  readonly output?: Output
}

/** Exit codes of the commands. */
export const EXIT_CODES = {
  0: 'done',
  1: 'it failed: the message says why',
  2: 'the command was not understood, or names what cannot be used',
  3: 'no submission has this id',
  4: 'the submission is in another state: not a dead letter, or not waiting; or the form is paused already, or not paused',
  5: 'the store cannot be reached or used',
  6: '`check` found a problem',
  7: 'done, and some were left out: the message says how many, and why',
  8: 'nothing was done: the answer was no, or the count is not that of `--expect`',
  130: 'interrupted: the message says what is left to do',
} as const

/** One of the exit codes. */
export type ExitCode = keyof typeof EXIT_CODES

/** Runs one command; returns the exit code. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<ExitCode> {
  const output = options.output ?? processOutput(options.environment ?? process.env)
  const result: Result = { code: 0, isStarting: false }
  try {
    await program(options, output, result).parseAsync([...argv], { from: 'user' })
    return result.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    // The developers of a program need the stack to see why it cannot start.
    if (result.isStarting && !(error instanceof AdapterError)) throw error
    output.error(
      error instanceof AdapterError ? `${error.code}: ${error.message}` : `error: unexpected ${errorName(error)}`,
    )
    if (!(error instanceof AdapterError) || result.isStarting) return 1
    return error.code === result.mistake ? 2 : (EXITS[error.code] ?? 1)
  }
}

const EXITS: Partial<Record<ErrorCode, ExitCode>> = {
  ERR_SUBMISSION_NOT_FOUND: 3,
  ERR_STATE_CONFLICT: 4,
  ERR_STORE_UNAVAILABLE: 5,
  ERR_REASON_INVALID: 2,
  ERR_FILTER_UNKNOWN: 2,
}

interface Result {
  code: ExitCode
  /** The code of an error that stands for a mistake in the command. */
  mistake?: ErrorCode
  isStarting: boolean
}

function program(options: CommandOptions, output: Output, result: Result): Command {
  const { name = `npx ${PACKAGE}`, environment = process.env } = options
  const context = { name, environment, output }

  const root = new Command(name)
    .description(
      `${options.start === undefined ? '' : 'Without a command: starts the adapter. '}Shows the submissions of an adapter, and redrives or discards dead letters.`,
    )
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.error(text.trimEnd()),
    })
    .version(options.version ?? ownPackage()?.version ?? 'unknown')
    .exitOverride()
    .helpCommand('help [command]', 'display help for command')
    .showHelpAfterError(`(${name} --help shows how to use it)`)
    .addHelpText('after', epilogue(name))
  root.allowExcessArguments().action(async (_options, { args: [unknown] }: Command) => {
    if (unknown !== undefined) root.error(`error: unknown command '${unknown}'`)
    if (options.start === undefined) return root.help({ error: true })
    result.isStarting = true
    await options.start()
  })

  addListCommand(root, context)
  addLedgerCommands(root, context)
  addWatchCommand(root, context)
  addActionCommands(root, {
    ...context,
    onExit: (code) => {
      result.code = code
    },
  })
  addPauseCommands(root, context)
  addBackupCommands(root, context)
  addKeysCommand(root, { ...context, forms: options.forms })
  addSetupCommands(root, {
    ...context,
    forms: options.forms,
    checks: options.checks ?? [],
    onProblem: () => {
      result.code = 6
    },
  })

  root
    .command('openapi')
    .description('describe the routes of an adapter, as an OpenAPI 3.1 document in JSON')
    .argument('<module>', 'file that exports the adapter and does not start it')
    .action(async (module: string) => {
      const adapter = await adapterOf(module).catch((error: unknown) => {
        // What the command names cannot be used.
        if (error instanceof AdapterError) result.mistake = error.code
        throw error
      })
      output.out(JSON.stringify(openapi(adapter), null, 2))
    })

  // The name of the program, or of the command where it is called through npx.
  addCompletionCommand(root, /\s/.test(name) ? 'adapter' : name, output.out)
  // An argument too many is a typing error. The program itself takes any, to say which command is unknown.
  for (const command of root.commands) command.allowExcessArguments(false)
  return root
}

function epilogue(name: string): string {
  const exits = Object.entries(EXIT_CODES).map(([code, meaning]) => {
    const [first, ...others] = folded(meaning.replaceAll('`', ''), HELP_WIDTH - 7)
    return [`  ${code.padEnd(3)}  ${first}`, ...others.map((line) => `       ${line}`)].join('\n')
  })
  return `
The store is found by the adapter's own settings: DATABASE_URL or DATA_DIR.
The adapter may run all the time, except for restored. No answer, name or file
of a citizen is shown.

Examples:
  ${name} stats
  ${name} submissions --state dead --since 2h
  ${name} submissions --all --csv > submissions.csv
  ${name} watch
  ${name} show 72c49803-e9c3-42ac-bde1-09c04595a2d3
  ${name} redrive --code ERR_ANSWERS_INVALID
  ${name} discard 72c49803-e9c3-42ac-bde1-09c04595a2d3 --reason "entered by hand, case 492233"
  ${name} pause complaint --reason "the case system is being moved"
  ${name} keys
  ${name} backup /backup/adapter
  ${name} restored --backup-taken 2026-11-28T01:00:00Z --lost-at 2026-11-28T09:30:00Z
  ${name} check --target https://uat.icasework.com

Exit codes:
${exits.join('\n')}`
}

const HELP_WIDTH = 80
