/** Defines the commands of people's decisions: redrive, discard and retry-now. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Entry, Filter } from '../store/entry.ts'
import { type ActionName, cleaned, type Done, type Plan, REASON_LENGTH, reasonProblem } from './actions.ts'
import { type CommandContext, operator, placeOf, printer, withLedger } from './commands.ts'
import { erasureText, type KeepDays } from './erasure.ts'
import { addNarrowing, type FilterOptions, filterOf, wholeNumber } from './filter-options.ts'
import { interruptible } from './interrupts.ts'
import type { Ledger } from './ledger.ts'
import { waitsText } from './pauses.ts'
import { progressOf } from './progress.ts'
import { countText, listText } from './text.ts'
import { pageOf } from './text-table.ts'

/** What the commands of decisions need. */
export interface ActionContext extends CommandContext {
  /** Called when some were left out (7), nothing was done on purpose (8), or the action was interrupted (130). */
  readonly onExit: (code: 7 | 8 | 130) => void
}

/** Adds redrive, discard and retry-now. */
export function addActionCommands(root: Command, context: ActionContext): void {
  for (const [name, { description, reason }] of Object.entries(COMMANDS) as [
    ActionName,
    (typeof COMMANDS)[ActionName],
  ][]) {
    const command = root
      .command(name)
      .description(description)
      .argument('[id]', 'submissionId')
      .option('--code <code>', 'those with this error code')
      .option('--form <form>', 'only those of this form')
      .option('--of-reason <text>', 'only those with this reason')
    addNarrowing(command)
      .option(
        '--revision <number>',
        'with an id: only if nothing has changed since `show` showed this',
        wholeNumber(0, 999_999_999),
      )
      .option('--include-uncertain', 'also those of which a case may exist already; needs --reason')
      .option('--dry-run', 'list what would be done, and do nothing')
      .option('--yes', 'do not ask')
      .option(
        '--expect <count>',
        'only if it is so many; with --yes where nobody can be asked',
        wholeNumber(0, 999_999_999),
      )
      .option('--by <name>', 'who decides, recorded as claimed; default: user and host', person)
      .option('--json', 'as JSON')
    if (name !== 'discard') command.option('--all', `all ${name === 'redrive' ? 'dead letters' : 'that wait'}`)
    if (reason) command.requiredOption('--reason <text>', REASON, reasonText)
    else command.option('--reason <text>', `${REASON}; required for uncertain ones`, reasonText)
    command.action((id: string | undefined, options: Options) => act(root, context, name, id, options))
  }
}

/** What a reason is, in the help. */
export const REASON = 'why, for the record, without personal data'
const COMMANDS = {
  redrive: {
    description: 'put dead letters back into the queue with all their retries',
    reason: false,
    verb: 'Redrive',
    done: 'redriven',
  },
  discard: {
    description: 'end dead letters without making a case, with a reason on record',
    reason: true,
    verb: 'Discard',
    done: 'discarded',
  },
  'retry-now': { description: 'make what waits for a retry due now', reason: false, verb: 'Retry', done: 'retried' },
} as const

interface Options extends Omit<FilterOptions, 'id' | 'uncertain'> {
  readonly all?: boolean
  readonly ofReason?: string
  readonly revision?: number
  readonly includeUncertain?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly expect?: number
  readonly by?: string
  readonly reason?: string
  readonly json?: boolean
}

async function act(
  root: Command,
  context: ActionContext,
  action: ActionName,
  id: string | undefined,
  options: Options,
): Promise<void> {
  const { output, environment } = context
  const filter = selection(root, action, id, options)
  const isBulk = id === undefined
  if (isBulk && options.revision !== undefined) root.error('error: --revision needs an id')
  if (options.includeUncertain && options.reason === undefined) root.error('error: --include-uncertain needs --reason')
  const isRisky = isBulk && (action === 'discard' || options.includeUncertain === true)
  const isUnseen = isRisky && output.ask === undefined && options.dryRun !== true
  if (isUnseen && !(options.yes === true && options.expect !== undefined)) {
    root.error('error: without a terminal this needs --yes and --expect COUNT; --dry-run shows the count')
  }
  const keep = keepDays(environment)
  await withLedger(context, options.dryRun !== true, async (ledger) => {
    const { includeUncertain = false, revision } = options
    const plan = await ledger.plan({ action, filter, isNamed: !isBulk, includeUncertain, revision })
    if (isBulk && plan.count + plan.leftOut.uncertain === 0) await ledger.assertKnown(filter)
    if (options.dryRun) return await showPlan(context, ledger, plan, options)
    const problem = reasonProblem(options.reason ?? '', plan.needsReason)
    if (problem !== undefined) root.error('error: the outcome is uncertain: --reason is required')
    const refusal = await refusalOf(context, plan, options, isBulk, keep)
    if (refusal !== undefined) {
      output.error(`nothing was done: ${refusal}`)
      return context.onExit(8)
    }
    const progress = progressOf(output, COMMANDS[action].done, plan.count)
    const record = { by: options.by ?? operator(), reason: options.reason ?? null }
    const done = await interruptible((signal) => ledger.carryOut(plan, record, signal, progress.add)).finally(
      progress.end,
    )
    show(context, plan, done, options, keep)
    if (done.remaining > 0) context.onExit(130)
    else if (done.leftOut.uncertain + done.leftOut.changed > 0) context.onExit(7)
  })
}

/** Why a plan is not carried out: another count was expected, or somebody at a terminal said no. */
async function refusalOf(
  { output }: ActionContext,
  plan: Plan,
  { expect, yes }: Options,
  isBulk: boolean,
  keep: KeepDays,
): Promise<string | undefined> {
  const { action, count, leftOut } = plan
  if (expect !== undefined && expect !== count) return `it is ${count}, and --expect says ${expect}`
  if (!isBulk || count === 0 || yes === true || output.ask === undefined) return undefined
  if (leftOut.uncertain > 0) output.error(leftOutText(leftOut))
  if (action === 'discard') output.error(erasureText(keep))
  const question = `${COMMANDS[action].verb} ${countText(count, '').trim()}${doubtText(plan)}?`
  const answer = await output.ask(`${question} [y/N] `)
  return /^y(es)?$/i.test(answer.trim()) ? undefined : 'the answer was no'
}

function doubtText({ action, doubtful }: Plan): string {
  if (doubtful === 0) return ''
  return action === 'discard'
    ? `, of which ${doubtful} may have a case or none`
    : `, which may double ${doubtful} ${doubtful === 1 ? 'case' : 'cases'}`
}

function show(context: ActionContext, plan: Plan, done: Done, options: Options, keep: KeepDays): void {
  const { output } = context
  const { done: word } = COMMANDS[plan.action]
  const { count, leftOut, settling, remaining } = done
  const paused = waitsText(plan.paused)
  const erasure = plan.action === 'discard' ? { erasure: keep } : {}
  printer(output)(options.json, { [word]: count, leftOut, settling, remaining, ...pausedOf(plan), ...erasure }, () =>
    [
      plan.count + leftOut.uncertain + leftOut.changed === 0 ? 'no submissions match' : countText(count, word),
      ...(leftOut.uncertain + leftOut.changed > 0 ? [leftOutText(leftOut)] : []),
      ...(settling === null
        ? []
        : [`${settling.count} uncertain: the case system is not asked before ${settling.until} (the settle time)`]),
      ...(paused === undefined ? [] : [paused]),
      ...(remaining > 0 ? [`interrupted: ${remaining} not done; run the command again for the rest`] : []),
    ].join('\n'),
  )
  if (plan.action === 'discard' && count > 0 && !options.json) output.error(erasureText(keep))
}

/** Forms that are paused, in JSON. */
function pausedOf({ paused }: Plan): { readonly paused?: readonly string[] } {
  return paused.length === 0 ? {} : { paused }
}

function leftOutText({ uncertain, changed }: Done['leftOut']): string {
  return [
    ...(uncertain > 0 ? [`${uncertain} left out: uncertain, a case may exist (--include-uncertain)`] : []),
    ...(changed > 0 ? [`${changed} left out: changed since shown`] : []),
  ].join('\n')
}

/** Lists what would be done a page at a time: it may be much. */
async function showPlan(
  { output, environment, onExit }: ActionContext,
  ledger: Ledger,
  plan: Plan,
  { json }: Options,
): Promise<void> {
  const { count, leftOut, doubtful, askedFirst, action } = plan
  const head = { dryRun: true, action, count, leftOut, doubtful, askedFirst, ...pausedOf(plan) }
  const paused = waitsText(plan.paused)
  if (json && count === plan.entries.length) {
    output.out(JSON.stringify({ ...head, submissions: plan.entries.map(planned) }, null, 2))
  } else if (json) {
    output.out(`${JSON.stringify(head, null, 2).slice(0, -2)},\n  "submissions": [`)
    let left = count
    for await (const entries of ledger.matched(plan)) {
      left -= entries.length
      const rows = entries.map((entry) => `    ${JSON.stringify(planned(entry))}`)
      output.out(`${rows.join(',\n')}${left > 0 ? ',' : ''}`)
    }
    output.out('  ]\n}')
  } else {
    if (count > plan.entries.length) {
      for await (const entries of ledger.matched(plan)) output.out(listText(entries, pageOf(output)))
    }
    output.out(
      [
        ...(count === 0 || count > plan.entries.length ? [] : [listText(plan.entries, pageOf(output))]),
        count === 0
          ? 'nothing would be done'
          : `${countText(count, `would be ${COMMANDS[action].done}`)}${doubtText(plan)} (--expect ${count})`,
        ...(leftOut.uncertain + leftOut.changed > 0 ? [leftOutText(leftOut)] : []),
        ...(paused === undefined ? [] : [paused]),
        ...(action === 'discard' ? [erasureText(keepDays(environment))] : []),
      ].join('\n'),
    )
  }
  if (leftOut.uncertain + leftOut.changed > 0) onExit(7)
}

function planned({ id, submissionId, form, state, code, uncertain, revision }: Entry) {
  return { id, submissionId, form, state, code, uncertain, revision }
}

/** The chosen submissions. Exactly one way of choosing is allowed, so that a typing error cannot choose others. */
function selection(root: Command, action: ActionName, id: string | undefined, chosen: Options): Filter {
  const { all, code, ofReason } = chosen
  const ways = [id !== undefined, all === true, code !== undefined].filter(Boolean).length
  const narrowing = Object.keys(filterOf(root, { ...chosen, code: undefined })).length > 0 || ofReason !== undefined
  if (ways !== 1) root.error(`error: choose by ${action === 'discard' ? 'an id or --code' : 'an id, --code or --all'}`)
  if (id !== undefined && narrowing) root.error('error: an id chooses one submission, and needs no other choice')
  return {
    ...(id === undefined ? {} : { id }),
    ...(ofReason === undefined ? {} : { reason: ofReason }),
    ...filterOf(root, chosen),
  }
}

function keepDays(environment: CommandContext['environment']): KeepDays {
  const { ATTACHMENT_KEEP_DAYS = 7, KEEP_DAYS = 35 } = placeOf(environment)
  return { attachmentKeepDays: ATTACHMENT_KEEP_DAYS, keepDays: KEEP_DAYS }
}

/** Reads the name of a person from the command line. */
export function person(text: string): string {
  const name = cleaned(text)
  if (name === '' || name.length > 200) throw new InvalidArgumentError('It must have 1 to 200 characters.')
  return name
}

/** Reads a reason from the command line. */
export function reasonText(text: string): string {
  const reason = cleaned(text)
  if (reasonProblem(reason, true) !== undefined) {
    throw new InvalidArgumentError(`It must have 1 to ${REASON_LENGTH} characters.`)
  }
  return reason
}
