/** Defines the command that lists submissions: a page of them, or all, as a table, JSON or CSV. */
import { type Command, Option } from 'commander'
import type { Entry, Filter, State } from '../store/entry.ts'
import { type CommandContext, withLedger } from './commands.ts'
import { type CsvColumn, csvHead, csvRows } from './csv.ts'
import { addFormats, addNarrowing, type FilterOptions, filterOf, STATES, wholeNumber } from './filter-options.ts'
import type { Ledger } from './ledger.ts'
import type { Output } from './output.ts'
import { progressOf } from './progress.ts'
import { countText, ENTRY_COLUMNS } from './text.ts'
import { pageOf, TextTable } from './text-table.ts'

interface Options extends FilterOptions {
  readonly state?: State
  readonly reason?: string
  readonly limit?: number
  readonly offset: number
  readonly all?: boolean
  readonly json?: boolean
  readonly csv?: boolean
}

/** Adds the command. */
export function addListCommand(root: Command, context: CommandContext): void {
  const command = root
    .command('submissions')
    .description('list submissions, newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--form <form>', 'only those of this form')
    .option('--code <code>', 'only those with this error code')
    .option('--reason <text>', 'only those with this reason')
    .option('--uncertain', 'only those of which the case system may have made a case')
    .option('--no-uncertain', 'only those of which that is certain')
    .option('--id <beginning>', 'only those whose submissionId is this, or begins with it')
  addNarrowing(command)
    .option('--limit <count>', `how many at most, 1 to ${PAGE}; default: ${DEFAULT_LIMIT}`, wholeNumber(1, PAGE))
    .option('--offset <count>', 'leave out so many of the newest', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .addOption(new Option('--all', 'all of them, however many').conflicts('limit'))
  addFormats(command, 'as JSON, with every field').action(async (options: Options) => {
    const { state, reason, offset, limit = DEFAULT_LIMIT, all = false } = options
    const filter: Filter = {
      ...filterOf(root, options),
      ...(state === undefined ? {} : { state }),
      ...(reason === undefined ? {} : { reason }),
    }
    await withLedger(context, false, async (ledger) => {
      const first = await ledger.list({ ...filter, ...(all ? { limit: PAGE } : { limit, offset }) })
      if (first.length === 0) await ledger.assertKnown(filter)
      const printer = printerOf(options, context.output)
      if (all) await printAll(ledger, filter, first, offset, printer, context.output)
      else printer.rows(first)
      printer.end()
      if (all || options.json || first.length < limit) return
      const total = await ledger.count(filter)
      if (total > offset + first.length) {
        context.output.error(
          `${first.length} of ${countText(total, '').trim()}: --offset ${offset + first.length} shows the next, --all shows all`,
        )
      }
    })
  })
}

/** Most rows of one statement. */
const PAGE = 1000
const DEFAULT_LIMIT = 50

/** A part at a time, so that a million is never in memory. */
async function printAll(
  ledger: Ledger,
  filter: Filter,
  first: readonly Entry[],
  offset: number,
  printer: Printer,
  output: Output,
): Promise<void> {
  if (first.length < PAGE) return printer.rows(first.slice(offset))
  const progress = progressOf(output, 'submissions', await ledger.count(filter))
  let skip = offset
  for await (const entries of ledger.everyMatch(filter)) {
    if (output.closed?.aborted) break
    printer.rows(entries.slice(skip))
    skip = Math.max(0, skip - entries.length)
    progress.add(entries.length)
  }
  progress.end()
}

/** Prints a list in parts. */
interface Printer {
  rows(entries: readonly Entry[]): void
  end(): void
}

function printerOf({ json, csv }: Options, output: Output): Printer {
  return json ? jsonPrinter(output) : csv ? csvPrinter(output) : textPrinter(output)
}

function textPrinter(output: Output): Printer {
  const table = new TextTable(ENTRY_COLUMNS, pageOf(output))
  let isEmpty = true
  return {
    rows(entries) {
      if (entries.length === 0) return
      output.out(table.add(entries))
      isEmpty = false
    },
    end() {
      if (isEmpty) output.out('no submissions')
      for (const line of table.end()) output.out(line)
    },
  }
}

function jsonPrinter(output: Output): Printer {
  // A line that is held back until it is known whether a comma follows it.
  let held = ''
  return {
    rows(entries) {
      for (const entry of entries) {
        output.out(held === '' ? '[' : `${held},`)
        held = JSON.stringify(entry, null, 2).replaceAll(/^/gm, '  ')
      }
    },
    end() {
      output.out(held === '' ? '[]' : `${held}\n]`)
    },
  }
}

/** The output adds the second half of each last line break. */
function csvPrinter(output: Output): Printer {
  output.out(csvHead(CSV_COLUMNS).slice(0, -1))
  return {
    rows(entries) {
      if (entries.length > 0) output.out(csvRows(CSV_COLUMNS, entries).slice(0, -1))
    },
    end() {},
  }
}

/** The fields of an entry, in the order of the table and then of what it leaves out. */
export const CSV_COLUMNS: readonly CsvColumn<Entry>[] = [
  'submissionId',
  'form',
  'state',
  'uncertain',
  'code',
  'reason',
  'reference',
  'attempts',
  'receivedAt',
  'changedAt',
  'dueAt',
  'files',
  'missingFiles',
  'serviceSlug',
  'revision',
  'id',
].map((name) => [name, (entry) => entry[name as keyof Entry]])
