/** The file that holds the shared key: read strictly, written once. */
import { open } from 'node:fs/promises'
import { AdapterError, type Key, keyProblem, parseKeyring } from '@formbuilder/adapter-sdk/protocol'

/**
 * Reads a key: the whole file is the key, but for one line break at its end. `warnings` say what is allowed and unwise:
 * a file that others may read, a key that is easy to guess.
 * @throws {AdapterError} ERR_KEY_INVALID; or what the file system throws.
 */
export async function readKeyFile(path: string): Promise<{ key: Key; warnings: readonly string[] }> {
  const { text, mode } = await readStart(path)
  if (text.length > LIMIT_BYTES) throw new AdapterError('ERR_KEY_INVALID', 'the key file is too long to hold a key')
  const keyText = text.replace(/\r?\n$/, '')
  const [key] = parseKeyring(keyText).keys
  if (key === undefined) throw new AdapterError('ERR_KEY_INVALID', 'there is no key')
  const warnings: string[] = []
  if ((mode & OTHERS) !== 0) warnings.push('others on this machine may read the key file; chmod 600 keeps them out')
  const weakness = keyProblem(keyText)
  if (weakness !== undefined) warnings.push(`the key ${weakness}; make a new one with: submitter keygen`)
  return { key, warnings }
}

/** Writes a key to a new file that only its owner may read. Fails with EEXIST rather than replace a file. */
export async function writeKeyFile(path: string, key: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  // No line break: what is made into a secret from this file must not carry one.
  await file.writeFile(key)
  await file.sync()
}

const LIMIT_BYTES = 256
const OTHERS = 0o077

async function readStart(path: string): Promise<{ text: string; mode: number }> {
  await using file = await open(path, 'r')
  const stat = await file.stat()
  const { bytesRead, buffer } = await file.read(Buffer.alloc(LIMIT_BYTES + 1))
  // A pipe has no permissions to speak of, and Windows reports none.
  const mode = stat.isFile() && process.platform !== 'win32' ? stat.mode : 0
  return { text: buffer.toString('latin1', 0, bytesRead), mode }
}
