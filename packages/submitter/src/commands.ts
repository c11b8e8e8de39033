/** The commands `verify`, `keygen` and `keycheck`. */
import { AdapterError, generateKey } from '@formbuilder/adapter-sdk/protocol'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { Progress } from './progress.ts'
import { print, printNote, type Streams } from './streams.ts'
import { readTarget, type TargetOptions, withFile } from './target.ts'
import { verifyEndpoint } from './verify.ts'

/** Options of `keygen`. */
export interface KeygenOptions {
  readonly length: '16' | '32'
  readonly out?: string
  readonly json?: true
}

/** Asks an endpoint to prove that it has the key. */
export async function verify(options: TargetOptions, streams: Streams): Promise<void> {
  const target = await readTarget(options, streams)
  using progress = new Progress(streams.stderr)
  progress.waitFor((seconds) => `waiting for the receiver, ${seconds} s ...`)
  const proof = await verifyEndpoint(target)
  progress.end()
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

const KEY_ADVICE =
  'Keep the key in a secret store. Give it only to Form Builder (SERVICE_OUTPUT_JSON_KEY) and to the adapter (JWE_SHARED_KEY).'
