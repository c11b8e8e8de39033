/** The command line of operators: subpath ./cli, for adapters that offer the same commands under their own name. */
import { userInfo } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { adapterOf } from './adapter-file.ts'
import type { Environment } from './config.ts'
import { SETTINGS } from './config-table.ts'
import { AdapterError, type ErrorCode } from './errors.ts'
import { errorName } from './events.ts'
import { openapi } from './openapi.ts'
import { adapterChecks, type Check, diagnose } from './operator/check.ts'
import { countText, findingsText, listText, recordText } from './operator/text.ts'
import { generateKey } from './protocol/keyring.ts'
import { readSettings } from './settings.ts'
import type { Filter, State } from './store/entry.ts'
import type { Operations } from './store/ledger-socket.ts'
import { openOperations } from './store/operations.ts'

export type { Check, Finding } from './operator/check.ts'

/** What a program says of itself when it offers the commands. */
export interface CommandOptions {
  /** How the program is called. Default `adapter`. */
  readonly name?: string
  /** Settings. Default `process.env`. */
  readonly environment?: Environment
  /** What the program does without a command, such as starting its adapter. Absent: it shows its help. */
  readonly start?: () => Promise<void>
  /** Forms whose keys `check` looks for. Default: those that have a key of their own. */
  readonly forms?: readonly string[]
  /** What `check` looks at beside the adapter's own settings, keys, certificate and store. */
  readonly checks?: readonly Check[]
  /** Where output goes. Default: the process's streams. */
  readonly output?: Output
}

/** Where a command writes, a line at a time. */
export interface Output {
  /** To standard output: results. */
  out(text: string): void
  /** To standard error: everything else. */
  error(text: string): void
  /** Columns of the terminal; absent: output goes to a program or a file. */
  readonly width?: number | undefined
}

/** What a command ends with. */
export const EXIT_CODES = {
  0: 'Done',
  1: 'An unexpected failure',
  2: 'The command was not understood',
  3: 'No submission has this id',
  4: 'The submission is not a dead letter',
  5: 'The store cannot be reached, or another process holds it',
  6: '`check` found a problem',
} as const

/** One of the exit codes. */
export type ExitCode = keyof typeof EXIT_CODES

/** Runs one command; returns the exit code. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<ExitCode> {
  const output = options.output ?? processOutput()
  const result: Result = { code: 0, isStarting: false }
  try {
    await program(options, output, result).parseAsync([...argv], { from: 'user' })
    return result.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    // A program that cannot start is looked at by those who wrote it: with the stack.
    if (result.isStarting && !(error instanceof AdapterError)) throw error
    output.error(error instanceof AdapterError ? `${error.code}: ${error.message}` : `unexpected: ${errorName(error)}`)
    return error instanceof AdapterError && !result.isStarting ? (EXITS[error.code] ?? 1) : 1
  }
}

const EXITS: Partial<Record<ErrorCode, ExitCode>> = {
  ERR_SUBMISSION_NOT_FOUND: 3,
  ERR_STATE_CONFLICT: 4,
  ERR_STORE_UNAVAILABLE: 5,
  ERR_STORE_LOCKED: 5,
}

interface Result {
  code: ExitCode
  isStarting: boolean
}

interface Selection {
  readonly form?: string
  readonly code?: string
}

function program(options: CommandOptions, output: Output, result: Result): Command {
  const { name = 'adapter', environment = process.env } = options
  const print = (json: boolean | undefined, value: unknown, text: () => string) =>
    output.out(json ? JSON.stringify(value, null, 2) : text())
  const withLedger = async <T>(work: (ledger: Operations) => Promise<T>): Promise<T> => {
    const { values } = readSettings(SETTINGS, environment)
    await using open = await openOperations(values)
    return await work(open.operations)
  }

  const root = new Command(name)
    .description(
      `${options.start === undefined ? '' : 'Without a command: starts the adapter. '}Shows what an adapter holds, and puts dead letters back or ends them.`,
    )
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.error(text.trimEnd()),
    })
    .exitOverride()
    .showHelpAfterError(`(${name} --help tells how it is called)`)
    .addHelpText('after', epilogue(name))
  root.allowExcessArguments().action(async (_options, { args: [unknown] }: Command) => {
    if (unknown !== undefined) root.error(`error: unknown command '${unknown}'`)
    if (options.start === undefined) return root.help({ error: true })
    result.isStarting = true
    await options.start()
  })

  root
    .command('submissions')
    .description('list submissions, newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--form <form>', 'only those of this form')
    .option('--code <code>', 'only those with this error code')
    .option('--limit <count>', 'how many at most', count, 50)
    .option('--json', 'as JSON, with every field')
    .action(async ({ json, ...filter }: Filter & { json?: boolean }) => {
      const entries = await withLedger((ledger) => ledger.list(filter))
      print(json, entries, () => listText(entries, output.width))
    })

  root
    .command('show')
    .description('show one submission: how it is, all that happened to it, and what to do')
    .argument('<id>', 'submissionId')
    .option('--json', 'as JSON')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const record = await withLedger((ledger) => ledger.show(id))
      print(json, record, () => recordText(record, name, output.width))
    })

  root
    .command('redrive')
    .description('put dead letters back into the queue, with all their retries')
    .argument('[id]', 'submissionId')
    .option('--all', 'all dead letters')
    .option('--code <code>', 'those with this error code')
    .option('--form <form>', 'of this form only, with --all or --code')
    .option('--json', 'as JSON')
    .action(async (id: string | undefined, { json, ...chosen }: Selection & { all?: boolean; json?: boolean }) => {
      const filter = selection(root, id, chosen, 'an id, --code or --all')
      const redriven = await withLedger((ledger) => ledger.redrive(filter, operator()))
      print(json, { redriven }, () => countText(redriven, 'redriven'))
    })

  root
    .command('discard')
    .description('end dead letters, on record: nothing more is done with them')
    .argument('[id]', 'submissionId')
    .requiredOption('--reason <text>', 'why, for the record; no personal data')
    .option('--code <code>', 'those with this error code')
    .option('--form <form>', 'of this form only, with --code')
    .option('--json', 'as JSON')
    .action(async (id: string | undefined, given: Selection & { reason: string; json?: boolean }) => {
      const { json, reason, ...chosen } = given
      const filter = selection(root, id, chosen, 'an id or --code')
      const discarded = await withLedger((ledger) => ledger.discard(filter, operator(), reason))
      print(json, { discarded }, () => countText(discarded, 'discarded'))
    })

  root
    .command('keygen')
    .description('make a shared key of letters and digits, to be given to the sender')
    .addOption(new Option('--length <characters>', 'of the key').choices(['16', '32']).default('16'))
    .option('--json', 'as JSON')
    .action(({ length, json }: { length: string; json?: boolean }) => {
      const key = generateKey(length === '32' ? 32 : 16)
      print(json, { key }, () => key)
    })

  root
    .command('check')
    .description('look at settings, keys, certificate and store, and whether a target answers')
    .option('--target <url...>', 'what the adapter has to reach')
    .option('--json', 'as JSON')
    .action(async ({ target = [], json }: { target?: string[]; json?: boolean }) => {
      const checks = adapterChecks(environment, options.forms ?? formsWithKeys(environment), target)
      const findings = await diagnose([...checks, ...(options.checks ?? [])])
      const ok = findings.every((finding) => finding.result !== 'problem')
      if (!ok) result.code = 6
      print(json, { ok, findings }, () => findingsText(findings))
    })

  root
    .command('openapi')
    .description('describe the routes of an adapter, as an OpenAPI 3.1 document in JSON')
    .argument('<module>', 'file that exports the adapter and does not start it')
    .action(async (module: string) => print(true, openapi(await adapterOf(module)), () => ''))

  return root
}

const STATES = ['waiting', 'running', 'delivered', 'dead', 'discarded'] as const satisfies readonly State[]

/** What is chosen: exactly one way of choosing, so that nothing is moved by a slip. */
function selection(
  root: Command,
  id: string | undefined,
  chosen: Selection & { all?: boolean },
  expected: string,
): Filter {
  const { all, code, form } = chosen
  const ways = [id !== undefined, all === true, code !== undefined].filter(Boolean).length
  if (ways !== 1 || (id !== undefined && form !== undefined)) root.error(`error: choose by ${expected}`)
  return {
    ...(id === undefined ? {} : { id }),
    ...(code === undefined ? {} : { code }),
    ...(form === undefined ? {} : { form }),
  }
}

function count(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > 1000) throw new InvalidArgumentError('1 to 1000.')
  return value
}

/** Who did it, for the record. */
function operator(): string {
  try {
    return userInfo().username
  } catch {
    // In a container the user may have no name.
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}

function formsWithKeys(environment: Environment): string[] {
  return Object.keys(environment).flatMap((name) => {
    const suffix = /^JWE_SHARED_KEY__([A-Z0-9_]+)$/.exec(name)?.[1]
    return suffix === undefined ? [] : [suffix.toLowerCase().replaceAll('_', '-')]
  })
}

function epilogue(name: string): string {
  const exits = Object.entries(EXIT_CODES).map(([code, meaning]) => `  ${code}  ${meaning.replaceAll('`', '')}`)
  return `
Where the store is, the same settings say as for the adapter: DATABASE_URL, or DATA_DIR.
A running adapter goes on meanwhile. No answer, name or file of a citizen is shown.

Examples:
  ${name} submissions --state dead
  ${name} show 72c49803-e9c3-42ac-bde1-09c04595a2d3
  ${name} redrive --code ERR_ANSWERS_INVALID
  ${name} discard 72c49803-e9c3-42ac-bde1-09c04595a2d3 --reason "entered by hand, case 492233"
  ${name} check --target https://uat.icasework.com

Exit codes:
${exits.join('\n')}`
}

function processOutput(): Output {
  return {
    out: (text) => process.stdout.write(`${text}\n`),
    error: (text) => process.stderr.write(`${text}\n`),
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
  }
}
