/** The command `gp-connect-audit`: searches, exports and verifies an audit trail. */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { createGunzip } from 'node:zlib'
import { CSV_HEAD, csvLine } from './audit/csv.ts'
import type { ChainEnd } from './audit/record.ts'
import { isSelected, type Selection, trailLines } from './audit/selection.ts'
import { verifyAuditTrail } from './audit/verifier.ts'

const HELP = `usage: npx @formbuilder/gp-connect-provider search [SELECTION] FILE...
       npx @formbuilder/gp-connect-provider export [--format csv|json] [SELECTION] FILE...
       npx @formbuilder/gp-connect-provider verify [--checkpoint SEQUENCE:HASH] FILE...
       npx @formbuilder/gp-connect-provider gateway --help

Files are those of one trail, oldest first; names that end with .gz are decompressed. search prints one JSON record a line, export
all of them as CSV or as a JSON list. Exit codes: 0, 1 if the trail is broken or has a line that was changed, 2 for a mistake.

SELECTION:
  --practice ASID   requests to the service root with this ASID
  --patient TEXT    an NHS number, or a reference such as Patient/1
  --user TEXT       the SDS user id, the local id, or a part of the name
  --since TIME      from this time on, such as 2026-01-05 or 2026-01-05T09:00:00Z
  --until TIME      before this time
  --code CODE       an error code, an outcome or a status, such as NO_PATIENT_CONSENT, refused or 403`

/** What the exit codes of the command mean. */
export const EXIT_CODES = {
  0: 'done',
  1: 'the trail is broken, or has a line that was changed',
  2: 'a mistake in the command, or a file that cannot be read',
} as const

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
    const [command = '', ...files] = positionals
    if (values.help === true) {
      output.write(`${HELP}\n`)
      return 0
    }
    const allowed = ALLOWED.get(command)
    const strange = Object.keys(values).find((name) => allowed?.has(name) !== true)
    if (allowed === undefined || strange !== undefined || files.length === 0) throw new TypeError(HELP)
    if (command === 'verify') return await verify(files, checkpointOf(values.checkpoint), output)
    const selection = { ...values, since: timeOf(values.since), until: timeOf(values.until) }
    return await print(command === 'search' ? LINES : formatOf(values.format), files, selection, output)
  } catch (error) {
    output.error(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
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
  output.write(head)
  for await (const { line, record } of trailLines(contents(files))) {
    if (record === undefined) {
      wrong += 1
      output.error(`line ${line} is not a record, or was changed\n`)
    } else if (isSelected(record, selection)) {
      await output.write((count === 0 ? '' : between) + write(record))
      count += 1
    }
  }
  output.write(end)
  return wrong === 0 ? 0 : 1
}

async function* contents(files: readonly string[]): AsyncIterable<string> {
  for (const file of files) {
    const bytes: Readable = createReadStream(file)
    const text = file.endsWith('.gz') ? bytes.compose(createGunzip()) : bytes
    yield* text.setEncoding('utf8') as AsyncIterable<string>
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
  if (sequence === undefined || hash === undefined) throw new TypeError(`--checkpoint is not SEQUENCE:HASH\n${HELP}`)
  return { sequence: Number(sequence), hash }
}
