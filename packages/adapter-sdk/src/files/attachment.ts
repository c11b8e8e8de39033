/** Reads a captured file: decrypted while it is read, and checked against what was captured. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { pipeline, type Readable } from 'node:stream'
import { AdapterError } from '../errors.ts'
import { type AttachmentSecret, createAttachmentDecipher } from '../protocol/attachment.ts'
import type { CapturedFile } from './capture.ts'
import { BLOCK_BYTES, type FileStore } from './file-store.ts'

/**
 * Returns the file in clear. The last block (64 KiB) is released only after the SHA-256 of the whole file matches: a file
 * that has changed since its capture breaks off before its end, and one that fits into a block releases no byte.
 * The stream fails with ERR_ATTACHMENT_NOT_FOUND or ERR_ATTACHMENT_CORRUPT. An unhandled failure does not crash the process.
 * @throws {AdapterError} ERR_ATTACHMENT_KEY_INVALID
 */
export function openAttachment(store: FileStore, file: CapturedFile, secret: AttachmentSecret): Readable {
  const decipher = createAttachmentDecipher(secret)
  pipeline(checked(store, file), decipher, () => {})
  return decipher
}

/**
 * Resolves when the first bytes of an open file have arrived. Until then an HTTP answer can still report a failure.
 * @throws {AdapterError} ERR_ATTACHMENT_NOT_FOUND, ERR_ATTACHMENT_CORRUPT
 */
export async function firstBytes(file: Readable): Promise<Readable> {
  await once(file, 'readable')
  return file
}

async function* checked(store: FileStore, file: CapturedFile): AsyncGenerator<Buffer, void, undefined> {
  const sha256 = createHash('sha256')
  const held = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  let heldBytes = 0
  for await (const block of store.read(file.id)) {
    if (heldBytes > 0) yield held.subarray(0, heldBytes)
    sha256.update(block)
    heldBytes = block.copy(held)
  }
  if (sha256.digest('hex') !== file.sha256)
    throw new AdapterError('ERR_ATTACHMENT_CORRUPT', 'the file is not what was captured')
  yield held.subarray(0, heldBytes)
}
