/** The command `submitter`. Results go to stdout, everything else to stderr; no key, answer or link to either. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { AdapterError, generateKey } from '@formbuilder/adapter-sdk/protocol'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { exitCode, UsageError } from './exit-code.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { withProgress } from './progress.ts'
import { RefusalError } from './refusal.ts'
import { submit, type Target } from './submit.ts'
import { verifyEndpoint } from './verify.ts'

/** Where the command reads and writes; `process` is one. */
export interface Streams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Runs the command with its arguments, and returns its exit code. Never throws. */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  const program = createProgram(streams)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // Commander has already told
    tell(error, args.includes('--json'), streams)
    return exitCode(error)
  }
}

/** The program, with every option and its help. */
function createProgram(streams: Streams): Command {
  const program = new Command('submitter')
    .description("Form Builder's side of an adapter: sends a submission, verifies an endpoint, makes a key.")
    .version(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: (text) => streams.stderr.write(text) })
    .addHelpText('after', EXIT_HELP)

  targeted(program.command('send'))
    .description('Encrypts a submission as Form Builder does, and posts it.')
    .argument('<file>', 'JSON of a submission; - reads standard input')
    .option('--retry <times>', 'try again when there is no answer, or 429 or 5xx (0 to 25)', whole(0, 25), 0)
    .addHelpText('after', SEND_HELP)
    .action((file: string, options: TargetOptions & { retry: number }) => send(file, options, streams))

  targeted(program.command('verify'))
    .description('Asks an endpoint to prove that it holds the key. Nothing is stored, no case is made.')
    .addHelpText('after', VERIFY_HELP)
    .action((options: TargetOptions) => verify(options, streams))

  program
    .command('keygen')
    .description('Makes a shared key of letters and digits.')
    .addOption(
      new Option('--length <characters>', '16: A128GCM, as Form Builder uses; 32: A256GCM')
        .choices(['16', '32'])
        .default('16'),
    )
    .option('--out <file>', 'write it to a new file that only you may read, instead of printing it')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', KEYGEN_HELP)
    .action((options: KeygenOptions) => keygen(options, streams))

  program
    .command('keycheck')
    .description('Says what is wrong with a key, if anything. Never prints it.')
    .requiredOption('--key-file <file>', 'file that holds the shared key and nothing else')
    .option('--json', 'print one line of JSON')
    .action((options: { keyFile: string; json?: true }) => keycheck(options, streams))

  return program
}

interface TargetOptions {
  readonly endpoint: string
  readonly keyFile: string
  readonly timeoutSeconds: number
  readonly allowLocal?: true
  readonly caFile?: string
  readonly json?: true
}

interface KeygenOptions {
  readonly length: '16' | '32'
  readonly out?: string
  readonly json?: true
}

function targeted(command: Command): Command {
  return command
    .requiredOption('--endpoint <url>', "the form's address: https, on gov.uk")
    .requiredOption('--key-file <file>', 'file that holds the shared key and nothing else')
    .option('--timeout-seconds <seconds>', 'time for one attempt (1 to 600)', whole(1, 600), 60)
    .option('--allow-local', 'development only: also send to localhost, at any port')
    .option('--ca-file <file>', 'with --allow-local: certificate authority to trust for localhost (PEM)')
    .option('--json', 'print one line of JSON')
}

async function send(file: string, options: TargetOptions & { retry: number }, streams: Streams): Promise<void> {
  const target = await readTarget(options, streams)
  const submission = file === '-' ? await readStdin(streams.stdin) : await use(file, readFile)
  const receipt = await withProgress(
    'waiting for the receiver',
    (line) => note(streams, line),
    submit({
      ...target,
      submission,
      retries: options.retry,
      onRetry: (attempt, seconds, { message }) =>
        note(streams, `attempt ${attempt}: ${message}; trying again in ${Math.ceil(seconds)} s`),
    }),
  )
  const { outcome, status, submissionId, attempts } = receipt
  const had = outcome === 'duplicate' ? 'the receiver already had it' : 'the receiver has it'
  const again = attempts > 1 ? `, at attempt ${attempts}` : ''
  print(streams, options.json, receipt, `${outcome}: ${had} (${status}${again}), submission ${submissionId}`)
}

async function verify(options: TargetOptions, streams: Streams): Promise<void> {
  const target = await readTarget(options, streams)
  const proof = await withProgress('waiting for the receiver', (line) => note(streams, line), verifyEndpoint(target))
  const relay =
    proof.origin === null
      ? '\nThe adapter does not know its own address (HOST), so another host may have passed the challenge on to it.'
      : ''
  const human = `proven: form ${proof.form}, adapter ${proof.version}, holds this key${relay}`
  print(streams, options.json, { outcome: 'proven', ...proof }, human)
}

async function keygen({ length, out, json }: KeygenOptions, streams: Streams): Promise<void> {
  const key = generateKey(length === '16' ? 16 : 32)
  const bits = length === '16' ? 95 : 190
  if (out !== undefined) await use(out, (path) => writeKeyFile(path, key))
  const made = { length: Number(length), bits, ...(out === undefined ? { key } : { file: out }) }
  print(streams, json, made, out === undefined ? key : `${length} characters, ${bits} bits, written to ${out}`)
  note(streams, KEEPING)
}

async function keycheck({ keyFile, json }: { keyFile: string; json?: true }, streams: Streams): Promise<void> {
  const { warnings } = await use(keyFile, readKeyFile)
  if (warnings.length > 0) throw new AdapterError('ERR_KEY_INVALID', warnings.join('; '))
  print(streams, json, { outcome: 'sound' }, 'nothing wrong with the key')
}

async function readTarget(options: TargetOptions, streams: Streams): Promise<Target> {
  const { endpoint, timeoutSeconds, allowLocal = false, caFile } = options
  if (allowLocal) note(streams, ALLOW_LOCAL_WARNING)
  if (caFile !== undefined && !allowLocal) throw new UsageError('--ca-file is for --allow-local only')
  const { key, warnings } = await use(options.keyFile, readKeyFile)
  for (const warning of warnings) note(streams, `warning: ${warning}`)
  const ca = caFile === undefined ? {} : { ca: (await use(caFile, readFile)).toString() }
  return { endpoint, key, timeoutSeconds, allowLocal, ...ca }
}

/** Does something with a file that the command line names; if the file system objects, says so. */
async function use<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(path)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'exists already and is not replaced' : `cannot be used (${code})`
    throw new UsageError(`the file ${path} ${why}`)
  }
}

async function readStdin(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed.`)
  }
}

function print(streams: Streams, json: true | undefined, result: object, human: string): void {
  streams.stdout.write(`${json === true ? JSON.stringify(result) : human}\n`)
}

function note(streams: Streams, line: string): void {
  streams.stderr.write(`${line}\n`)
}

function tell(error: unknown, json: boolean, streams: Streams): void {
  const code = error instanceof AdapterError ? error.code : error instanceof UsageError ? 'usage' : 'internal'
  // An unexpected error may quote what it was given: only its name is told.
  const message =
    code === 'internal'
      ? `unexpected ${error instanceof Error ? error.name : 'error'}`
      : String((error as Error).message)
  const status = error instanceof RefusalError ? { status: error.status } : {}
  if (json) streams.stdout.write(`${JSON.stringify({ outcome: 'failed', code, message, ...status })}\n`)
  else note(streams, `${code}: ${message}`)
}

const ALLOW_LOCAL_WARNING = `
*** WARNING: --allow-local is for development only. ***
*** The submission may go to this machine instead of a gov.uk host. Never use it with what citizens wrote. ***
`
const KEEPING =
  'Keep the key in a secret store. Give it to Form Builder (SERVICE_OUTPUT_JSON_KEY) and to the adapter (JWE_SHARED_KEY), and to nobody else.'
const EXIT_HELP = `
Exit codes:
  0  done
  1  a defect in the submitter
  2  wrong command line, or a file that cannot be used
  3  the endpoint is refused: nothing was sent
  4  the key is wrong: nothing was sent
  5  the submission is wrong: nothing was sent
  6  the receiver answered, and did not accept
  7  no answer from the receiver
  8  the endpoint did not prove that it holds the key`
const SEND_HELP = `
Examples:
  submitter send --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt submission.json
  submitter send --endpoint https://localhost:8443/v2/complaint --allow-local --ca-file ca.pem --key-file key.txt - < submission.json`
const VERIFY_HELP = `
Example:
  submitter verify --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt`
const KEYGEN_HELP = `
Examples:
  submitter keygen --out key.txt
  submitter keygen --length 32 --out key.txt`
