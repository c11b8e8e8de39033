/** Where a command sends to, from its options and the files that they name. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { withoutMark } from './byte-order-mark.ts'
import { UsageError } from './exit-code.ts'
import { readKeyFile } from './key-file.ts'
import { printNote, type Streams } from './streams.ts'
import type { Target } from './submit.ts'

/** Options of `send` and `verify`. */
export interface TargetOptions {
  readonly endpoint: string
  readonly keyFile: string
  readonly timeoutSeconds: number
  readonly allowLocal?: true
  readonly caFile?: string
  readonly json?: true
}

/** Reads the key and the certificate authority, and warns of what is unsafe. */
export async function readTarget(options: TargetOptions, streams: Streams): Promise<Target> {
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
export async function withFile<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(path)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'already exists and is not overwritten' : `cannot be opened (${code})`
    throw new UsageError(`the file ${path} ${why}`)
  }
}

/** All of standard input. */
export async function readStdin(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const ALLOW_LOCAL_WARNING = `
*** WARNING: --allow-local is for development only. ***
*** The submission may go to this machine instead of a gov.uk host. Never use it with real submissions. ***
`
