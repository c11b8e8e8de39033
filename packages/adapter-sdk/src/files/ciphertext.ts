/** The ciphertext of one file on its way from its link to the store: decoded, bounded, measured. */
import { createHash } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { AdapterError } from '../errors.ts'
import { attachmentKey, createAttachmentDecipher, createHexDecoder } from '../protocol/attachment.ts'
import type { AttachmentLink } from '../protocol/submission.ts'
import { inBlocks } from './file-store.ts'
import { brokenOff } from './link.ts'

/** Size and digest of a file that was read to its end. */
export interface Measures {
  /** Size of the ciphertext. */
  readonly bytes: number
  /** Size of the file in clear, derived from its padding. */
  readonly plaintextBytes: number
  /** SHA-256 of the ciphertext, in hexadecimal. */
  readonly sha256: string
}

/** What stops the reading of a file before its end. */
export interface Bounds {
  readonly limitBytes: number
  readonly signal: AbortSignal
  /** Called with the size of each chunk. Throws when all files together are too large. */
  count(bytes: number): void
}

/**
 * Reads hexadecimal text as ciphertext, once. It ends only when everything fits: size, whole AES blocks, and a last block
 * that decrypts with the key of the link. So a wrong key is found while the sender still has the file.
 * @throws {AdapterError} ERR_ATTACHMENT_NOT_HEX, _TOO_LARGE, _UNREACHABLE, _CORRUPT; the reason of the signal
 */
export class Ciphertext implements AsyncIterable<Buffer> {
  readonly #text: Readable
  readonly #link: AttachmentLink
  readonly #bounds: Bounds
  readonly #sha256 = createHash('sha256')
  #measures: Measures | undefined

  constructor(text: Readable, link: AttachmentLink, bounds: Bounds) {
    this.#text = text
    this.#link = link
    this.#bounds = bounds
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const { limitBytes, signal, count } = this.#bounds
    let bytes = 0
    let tail: Buffer = attachmentKey(this.#link).iv
    for await (const chunk of decoded(this.#text, signal)) {
      bytes += chunk.byteLength
      if (bytes > limitBytes) throw tooLarge(limitBytes)
      count(chunk.byteLength)
      this.#sha256.update(chunk)
      tail = Buffer.concat([tail, chunk.subarray(-2 * AES_BLOCK_BYTES)]).subarray(-2 * AES_BLOCK_BYTES)
      yield chunk
    }
    const padding = await paddingOf(tail, this.#link)
    this.#measures = { bytes, plaintextBytes: bytes - padding, sha256: this.#sha256.digest('hex') }
  }

  /** Available only after the end was read. */
  get measures(): Measures {
    if (this.#measures === undefined) throw new AdapterError('ERR_INTERNAL', 'a file was measured before its end')
    return this.#measures
  }
}

const AES_BLOCK_BYTES = 16
const TEXT_BLOCK_BYTES = 65_536

async function* decoded(text: Readable, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createHexDecoder()
  const abort = () => decoder.destroy(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  // In larger blocks than the 16 KiB of TLS, because a call of the decoder costs more than a byte. If the text or the
  // decoder fails, the pipeline destroys the other, and the loop gets the error from the decoder.
  pipeline(inBlocks(text, TEXT_BLOCK_BYTES), decoder, () => {})
  try {
    yield* decoder
  } catch (error) {
    throw signal.aborted ? signal.reason : brokenOff(error)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** In CBC a block needs only the one before it (the IV, if it is the first), so the end can be decrypted by itself. */
async function paddingOf(tail: Buffer, { encryption_key }: AttachmentLink): Promise<number> {
  const encryption_iv = tail.subarray(0, AES_BLOCK_BYTES).toString('base64')
  const decipher = createAttachmentDecipher({ encryption_key, encryption_iv })
  decipher.end(tail.subarray(AES_BLOCK_BYTES))
  return AES_BLOCK_BYTES - (await buffer(decipher)).byteLength
}

function tooLarge(limitBytes: number): AdapterError {
  return new AdapterError('ERR_ATTACHMENT_TOO_LARGE', `the file has more than ${limitBytes} bytes`)
}
