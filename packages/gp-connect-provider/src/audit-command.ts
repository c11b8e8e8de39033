/** The command `gp-connect-audit`: searches, exports and verifies an audit trail. */
import { createReadStream, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { createGunzip } from 'node:zlib'
import { CSV_HEAD, csvLine } from './audit/csv.ts'
import type { ChainEnd } from './audit/record.ts'
import { isSelected, type Selection, trailLines } from './audit/selection.ts'
import { verifyAuditTrail } from './audit/verifier.ts'

/** What the exit codes of the command mean. */
export const EXIT_CODES = {
  0: 'done',
  1: 'the trail is broken, or has a line that was changed',
  2: 'the command was not understood, or names what cannot be used',
} as const

const NAME = 'npx @formbuilder/gp-connect-provider'
const HELP = `Usage: ${NAME} search [options] <file...>
       ${NAME} export [options] <file...>
       ${NAME} verify [options] <file...>
       ${NAME} gateway --help

Searches, exports and verifies an audit trail. The files are those of one trail,
oldest first; those whose names end with .gz are decompressed.

Commands:
  search                        print one JSON record a line
  export                        print all records as CSV, or as a JSON list
  verify                        say whether a line was changed, removed or added
  gateway                       guard a system behind it; has help of its own

Options of search and export:
  --practice <asid>             only requests to the service root with this ASID
  --patient <text>              only those of an NHS number, or of a reference
                                such as Patient/1
  --user <text>                 only those of an SDS user id, a local id, or a
                                part of a name
  --since <time>                only from this time on, such as 2026-01-05 or
                                2026-01-05T09:00:00Z
  --until <time>                only before this time
  --code <code>                 only with an error code, an outcome or a status,
                                such as NO_PATIENT_CONSENT, refused or 403
  --format <format>             export: csv (default) or json

Options of verify:
  --checkpoint <sequence:hash>  a record that was written down earlier

Options:
  -V, --version                 output the version number
  -h, --help                    display help for command

Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}`

const OPTIONS = {
  practice: { type: 'string' },
  patient: { type: 'string' },
  user: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  code: { type: 'string' },
  format: { type: 'string' },
  checkpoint: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

/** Where a command writes. It waits for a promise, so that a long trail is never in memory as a whole. */
export interface Output {
  write(text: string): Promise<void> | void
  error(text: string): void
}

/** Runs the command with its arguments. Resolves to the exit code. */
export async function runAuditCommand(args: readonly string[], output: Output): Promise<keyof typeof EXIT_CODES> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
    const [command, ...files] = positionals
    if (values.version === true) {
      output.write(`${version()}\n`)
      return 0
    }
    if (values.help === true) {
      output.write(`${HELP}\n`)
      return 0
    }
    if (command === undefined) {
      output.error(`${HELP}\n`)
      return 2
    }
    const allowed = ALLOWED.get(command)
    if (allowed === undefined) throw new TypeError(`unknown command '${command}'`)
    const strange = Object.keys(values).find((name) => !allowed.has(name))
    if (strange !== undefined) throw new TypeError(`${command} has no option '--${strange}'`)
    if (files.length === 0) throw new TypeError("missing required argument 'file'")
    if (command === 'verify') return await verify(files, checkpointOf(values.checkpoint), output)
    const selection = { ...values, since: timeOf(values.since), until: timeOf(values.until) }
    return await print(command === 'search' ? LINES : formatOf(values.format), files, selection, output)
  } catch (error) {
    output.error(`error: ${mistakeText(error)}\n(${NAME} --help shows how to use it)\n`)
    return 2
  }
}

/** What is wrong with a command, as one clause. */
export function mistakeText(error: unknown): string {
  if (!(error instanceof Error)) return 'unexpected'
  // The rest of the sentence is about arguments that no command has.
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    const [sentence = ''] = error.message.split(/\.(?: |$)/)
    return sentence.charAt(0).toLowerCase() + sentence.slice(1)
  }
  return error.message
}

/** The version of the package. */
export function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

const SELECTION = ['practice', 'patient', 'user', 'since', 'until', 'code']
const ALLOWED: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['search', new Set(SELECTION)],
  ['export', new Set([...SELECTION, 'format'])],
  ['verify', new Set(['checkpoint'])],
])

async function verify(files: readonly string[], checkpoint: ChainEnd | undefined, output: Output): Promise<0 | 1> {
  const verdict = await verifyAuditTrail(contents(files), checkpoint)
  output.write(
    verdict.intact
      ? `intact: ${verdict.end.sequence} records, last hash ${verdict.end.hash}\n`
      : `broken at line ${verdict.line}: ${verdict.reason}\n`,
  )
  return verdict.intact ? 0 : 1
}

interface Format {
  readonly head: string
  readonly between: string
  readonly line: typeof csvLine
  readonly end: string
}

const LINES: Format = { head: '', between: '', line: (record) => `${JSON.stringify(record)}\n`, end: '' }
const FORMATS: Readonly<Record<string, Format>> = {
  csv: { head: CSV_HEAD, between: '', line: csvLine, end: '' },
  json: { head: '[', between: ',', line: (record) => `\n${JSON.stringify(record)}`, end: '\n]\n' },
}

async function print(
  { head, between, line: write, end }: Format,
  files: readonly string[],
  selection: Selection,
  output: Output,
): Promise<0 | 1> {
  let count = 0
  let wrong = 0
  // Not before a file could be read: where the command is mistaken, nothing is printed.
  let start = head
  for await (const { line, record } of trailLines(contents(files))) {
    if (record === undefined) {
      wrong += 1
      output.error(`line ${line} is not a record, or was changed\n`)
    } else if (isSelected(record, selection)) {
      await output.write((count === 0 ? start : between) + write(record))
      count += 1
      start = ''
    }
  }
  output.write(start + end)
  return wrong === 0 ? 0 : 1
}

async function* contents(files: readonly string[]): AsyncIterable<string> {
  for (const file of files) {
    const bytes: Readable = createReadStream(file)
    const text = file.endsWith('.gz') ? bytes.compose(createGunzip()) : bytes
    try {
      yield* text.setEncoding('utf8') as AsyncIterable<string>
    } catch (error) {
      throw new TypeError(`the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
        cause: error,
      })
    }
  }
}

function formatOf(name = 'csv'): Format {
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
  if (format === undefined) throw new TypeError('--format is neither csv nor json')
  return format
}

function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (Number.isNaN(time.getTime())) throw new TypeError('--since and --until are times such as 2026-01-05T09:00:00Z')
  return time
}

function checkpointOf(text: string | undefined): ChainEnd | undefined {
  if (text === undefined) return undefined
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? []
  if (sequence === undefined || hash === undefined) throw new TypeError('--checkpoint is not SEQUENCE:HASH')
  return { sequence: Number(sequence), hash }
}
