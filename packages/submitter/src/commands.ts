/** The commands `send`, `verify`, `keygen` and `keycheck`. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { AdapterError, generateKey } from '@formbuilder/adapter-sdk/protocol'
import { withoutMark } from './byte-order-mark.ts'
import { UsageError } from './exit-code.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { withProgress } from './progress.ts'
import { print, printNote, type Streams } from './streams.ts'
import { submit, type Target } from './submit.ts'
import { verifyEndpoint } from './verify.ts'

/** Options of `send` and `verify`. */
export interface TargetOptions {
  readonly endpoint: string
  readonly keyFile: string
  readonly timeoutSeconds: number
  readonly allowLocal?: true
  readonly caFile?: string
  readonly json?: true
}

/** Options of `keygen`. */
export interface KeygenOptions {
  readonly length: '16' | '32'
  readonly out?: string
  readonly json?: true
}

/** Sends the submission from a file or from standard input. */
export async function send(file: string, options: TargetOptions & { retry: number }, streams: Streams): Promise<void> {
  const target = await readTarget(options, streams)
  const submission = file === '-' ? await readStdin(streams.stdin) : await withFile(file, readFile)
  const receipt = await withProgress(
    'waiting for the receiver',
    (line) => printNote(streams, line),
    submit({
      ...target,
      submission,
      retries: options.retry,
      onRetry: (attempt, seconds, { message }) =>
        printNote(streams, `attempt ${attempt}: ${message}; trying again in ${Math.ceil(seconds)} s`),
    }),
  )
  const { outcome, status, submissionId, attempts } = receipt
  if (outcome === 'unrecognised') {
    const why = `answered ${status}, but not that it has the submission: another server may have answered`
    throw new AdapterError('ERR_RECEIVER_REFUSED', `the receiver ${why}; sending again is safe`)
  }
  const meaning = outcome === 'duplicate' ? 'the receiver already had it' : 'the receiver has it'
  const atAttempt = attempts > 1 ? `, at attempt ${attempts}` : ''
  print(streams, options.json, receipt, `${outcome}: ${meaning} (${status}${atAttempt}), submission ${submissionId}`)
}

/** Asks an endpoint to prove that it has the key. */
export async function verify(options: TargetOptions, streams: Streams): Promise<void> {
  const target = await readTarget(options, streams)
  const proof = await withProgress(
    'waiting for the receiver',
    (line) => printNote(streams, line),
    verifyEndpoint(target),
  )
  const relay =
    proof.origin === null
      ? '\nThe adapter does not know its own host name (HOST), so another host could have forwarded the challenge to it.'
      : ''
  const human = `proven: form ${proof.form} of adapter ${proof.version} has this key${relay}`
  print(streams, options.json, { outcome: 'proven', ...proof }, human)
}

/** Makes a key, and writes it to a file or to standard output. */
export async function keygen({ length, out, json }: KeygenOptions, streams: Streams): Promise<void> {
  const key = generateKey(length === '16' ? 16 : 32)
  const bits = length === '16' ? 95 : 190
  if (out !== undefined) await withFile(out, (path) => writeKeyFile(path, key))
  const made = { length: Number(length), bits, ...(out === undefined ? { key } : { file: out }) }
  print(streams, json, made, out === undefined ? key : `${length} characters, ${bits} bits, written to ${out}`)
  printNote(streams, KEY_ADVICE)
}

/** Checks a key. A problem is an error, so that scripts see it in the exit code. */
export async function keycheck({ keyFile, json }: { keyFile: string; json?: true }, streams: Streams): Promise<void> {
  const { warnings } = await withFile(keyFile, readKeyFile)
  if (warnings.length > 0) throw new AdapterError('ERR_KEY_INVALID', warnings.join('; '))
  print(streams, json, { outcome: 'sound' }, 'no problem found with the key')
}

async function readTarget(options: TargetOptions, streams: Streams): Promise<Target> {
  const { endpoint, timeoutSeconds, allowLocal = false, caFile } = options
  if (allowLocal) printNote(streams, ALLOW_LOCAL_WARNING)
  if (caFile !== undefined && !allowLocal) throw new UsageError('--ca-file needs --allow-local')
  const { key, warnings } = await withFile(options.keyFile, readKeyFile)
  for (const warning of warnings) printNote(streams, `warning: ${warning}`)
  const ca = caFile === undefined ? {} : { ca: await readCa(caFile) }
  return { endpoint, key, timeoutSeconds, allowLocal, ...ca }
}

/** Node passes over a file without certificates in silence, and then trusts nobody. */
async function readCa(path: string): Promise<string> {
  const ca = withoutMark(await withFile(path, (name) => readFile(name))).toString()
  const blocks = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new UsageError(`the file ${path} has no certificate in PEM`)
  const wrong = blocks.findIndex((block) => !isCertificate(block))
  if (wrong !== -1) throw new UsageError(`certificate ${wrong + 1} in the file ${path} does not parse`)
  return ca
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.byteLength > 0
  } catch {
    return false
  }
}

/** Reads or writes a file that the command line names. Turns an error of the file system into a usage error. */
async function withFile<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(path)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'already exists and is not overwritten' : `cannot be opened (${code})`
    throw new UsageError(`the file ${path} ${why}`)
  }
}

async function readStdin(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const ALLOW_LOCAL_WARNING = `
*** WARNING: --allow-local is for development only. ***
*** The submission may go to this machine instead of a gov.uk host. Never use it with real submissions. ***
`
const KEY_ADVICE =
  'Keep the key in a secret store. Give it only to Form Builder (SERVICE_OUTPUT_JSON_KEY) and to the adapter (JWE_SHARED_KEY).'
