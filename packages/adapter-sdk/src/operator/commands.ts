/** Defines the commands that show submissions, make a key and check an installation. */
import { hostname, userInfo } from 'node:os'
import { type Command, Option } from 'commander'
import type { Environment } from '../config.ts'
import { SETTINGS } from '../config-table.ts'
import { AdapterError } from '../errors.ts'
import { generateKey } from '../protocol/keyring.ts'
import { readSettings } from '../settings.ts'
import { HORIZON_SECONDS, openStore, refusedAsRestored } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { adapterChecks, type Check, diagnose } from './check.ts'
import { paintOf } from './colour.ts'
import { Ledger } from './ledger.ts'
import type { Output } from './output.ts'
import { allStatsText, readStats } from './stats.ts'
import { entryText, findingsText } from './text.ts'
import { pageOf } from './text-table.ts'

/** What every command needs. */
export interface CommandContext {
  /** Name of the command line program. */
  readonly name: string
  readonly environment: Environment
  readonly output: Output
}

/** Opens the ledger for one command. `decides`: whether it changes what happens to submissions. */
export async function withLedger<T>(
  context: CommandContext,
  decides: boolean,
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  return await withStore(context, decides, (store) => work(new Ledger(store, () => undefined)))
}

/** Opens the store for one command. `decides`: whether it changes what happens to submissions. */
export async function withStore<T>(
  { environment, output }: CommandContext,
  decides: boolean,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const place = { ...placeOf(environment), DATABASE_CONNECTIONS: 2 }
  const refusal = await refusedAsRestored(place)
  // It can be looked at. A decision is made when it is known what may have been delivered since the backup.
  if (refusal !== undefined && decides) throw refusal
  if (refusal !== undefined) output.error(`warning: ${refusal.message}`)
  const store = await openStore(place, {
    migrate: false,
    horizonSeconds: HORIZON_SECONDS,
    busySeconds: BUSY_SECONDS,
  })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** Adds the commands that show one submission, and how many there are. */
export function addLedgerCommands(root: Command, context: CommandContext): void {
  const { name, output } = context
  const print = printer(output)

  root
    .command('stats')
    .description('count submissions by state; show paused forms, and what is with its sender because of its files')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const stats = await withStore(context, false, readStats)
      print(json, stats, () => allStatsText(stats, pageOf(output)))
    })

  root
    .command('show')
    .description('show one submission with its history, and what to do about it')
    .argument('<id>', 'submissionId')
    .option('--json', 'as JSON')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const entry = await withLedger(context, false, (ledger) => ledger.show(id))
      print(json, entry, () => entryText(entry, name, pageOf(output)))
    })
}

/** What the commands for setting up need. */
export interface CheckContext extends CommandContext {
  /** Forms whose keys `check` examines. Default: those that have their own key. */
  readonly forms: readonly string[] | undefined
  /** Checks of the program itself, after those of the adapter. */
  readonly checks: readonly Check[]
  /** Called if a check finds a problem. */
  readonly onProblem: () => void
}

/** Adds the commands that make a key and check an installation. */
export function addSetupCommands(root: Command, context: CheckContext): void {
  const { environment, output } = context
  const print = printer(output)

  root
    .command('keygen')
    .description('make a shared key of letters and digits, to give to the sender')
    .addOption(new Option('--length <characters>', 'length of the key').choices(['16', '32']).default('16'))
    .option('--json', 'as JSON')
    .action(({ length, json }: { length: string; json?: boolean }) => {
      const key = generateKey(length === '32' ? 32 : 16)
      print(json, { key }, () => key)
    })

  root
    .command('check')
    .description('check settings, keys, certificate and store, and whether a target answers')
    .option('--target <url...>', 'URLs that the adapter must reach')
    .option('--deep', 'look at every index of the store in DATA_DIR too; takes minutes for gigabytes')
    .option('--json', 'as JSON')
    .action(async ({ target = [], deep, json }: { target?: string[]; deep?: boolean; json?: boolean }) => {
      const forms = context.forms ?? formsWithKeys(environment)
      const checks = adapterChecks({ environment, forms, targets: target, deep: deep === true })
      const findings = await diagnose([...checks, ...context.checks])
      const ok = findings.every((finding) => finding.result !== 'problem')
      if (!ok) context.onProblem()
      print(json, { ok, findings }, () => findingsText(findings, paintOf(output)))
    })
}

/** Prints a result as JSON, or as text. */
export function printer(output: Output) {
  return (json: boolean | undefined, value: unknown, text: () => string) =>
    output.out(json ? JSON.stringify(value, null, 2) : text())
}

/**
 * Where the store is, and every other setting.
 * @throws {AdapterError} ERR_CONFIG_INVALID: a setting that says where the store is cannot be read. Without it, a command
 * would work on another store.
 */
export function placeOf(environment: Environment) {
  const { values, problems } = readSettings(SETTINGS, environment)
  const ofStore = problems.filter((problem) => /^(DATABASE_URL|DATABASE_CONNECTIONS|DATA_DIR) /.test(problem))
  if (ofStore.length > 0) throw new AdapterError('ERR_CONFIG_INVALID', ofStore.join('; '))
  return values
}

/** How long a command waits for its turn to write. */
const BUSY_SECONDS = 30

/** User and host, for the record. */
export function operator(): string {
  return `${userName()}@${hostname()}`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // The user of a container may have no name.
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}

/** Forms that have their own key. */
export function formsWithKeys(environment: Environment): string[] {
  return Object.keys(environment).flatMap((name) => {
    const suffix = /^JWE_SHARED_KEY__([A-Z0-9_]+)$/.exec(name)?.[1]
    return suffix === undefined ? [] : [suffix.toLowerCase().replaceAll('_', '-')]
  })
}
