/** Reads the shared key from a file, and writes a new key to a file. */
import { open } from 'node:fs/promises'
import { AdapterError, type Key, keyProblem, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { withoutMark } from './byte-order-mark.ts'

/**
 * Reads a key. The whole file is the key, except for a byte order mark and one line break at its end. `warnings` lists what is allowed but unsafe:
 * a file that others can read, or a key that is easy to guess.
 * @throws {AdapterError} ERR_KEY_INVALID. Errors of the file system are passed on.
 */
export async function readKeyFile(path: string): Promise<{ key: Key; warnings: readonly string[] }> {
  const { text, mode } = await readStart(path)
  if (text.length > LIMIT_BYTES) throw new AdapterError('ERR_KEY_INVALID', 'the key file is too long to be a key')
  const keyText = text.replace(/\r?\n$/, '')
  const [key] = parseKeyring(keyText).keys
  if (key === undefined) throw new AdapterError('ERR_KEY_INVALID', 'the key is missing')
  const warnings: string[] = []
  if ((mode & OTHER_USERS) !== 0)
    warnings.push('other users of this machine can read the key file; run chmod 600 on it')
  const weakness = keyProblem(keyText)
  if (weakness !== undefined)
    warnings.push(`the key ${weakness}; make a new one with: npx @formbuilder/submitter keygen`)
  return { key, warnings }
}

/** Writes a key to a new file that only its owner can read. Fails with EEXIST if the file exists. */
export async function writeKeyFile(path: string, key: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  // No line break, because it would become part of a secret that is made from this file.
  await file.writeFile(key)
  await file.sync()
}

const LIMIT_BYTES = 256
const OTHER_USERS = 0o077

async function readStart(path: string): Promise<{ text: string; mode: number }> {
  await using file = await open(path, 'r')
  const stat = await file.stat()
  const { bytesRead, buffer } = await file.read(Buffer.alloc(LIMIT_BYTES + 1))
  // The permissions of a pipe mean nothing here, and Windows does not report any.
  const mode = stat.isFile() && process.platform !== 'win32' ? stat.mode : 0
  return { text: withoutMark(buffer.subarray(0, bytesRead)).toString('latin1'), mode }
}
