/** What every store of captured files promises. Files are kept as ciphertext. */
import { AdapterError } from '../errors.ts'

/**
 * Keeps files by id, a UUID. The ciphertext is neither read nor changed on the way.
 * The store's own failures (a full disk, an unavailable database) are passed on unchanged.
 */
export interface FileStore {
  /**
   * Writes a new file. When it resolves, the file survives a crash; when it rejects, no file has this id. What the
   * source throws is passed on.
   */
  write(id: string, source: AsyncIterable<Uint8Array>): Promise<void>
  /** The file, in blocks of at most `BLOCK_BYTES`, each valid until the next is asked for. @throws {AdapterError} ERR_ATTACHMENT_NOT_FOUND: at the first block. */
  read(id: string): AsyncIterable<Buffer>
  /** Removes files, and the remains of interrupted writes. Unknown ids are ignored. */
  remove(ids: readonly string[]): Promise<void>
  /**
   * Ids whose write started so many seconds ago or earlier by the store's own clock, whether it finished or a crash
   * interrupted it.
   */
  list(olderThanSeconds: number): AsyncIterable<string>
}

/** The size of a block that is read, in bytes. Measured: blocks four times as large are no faster and need three times the memory. */
export const BLOCK_BYTES = 65_536

/**
 * Gathers a source into blocks of a size; only the last may be shorter.
 * A block is valid until the next is asked for: its memory is used again.
 */
export async function* inBlocks(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer, void> {
  const block = Buffer.allocUnsafeSlow(size)
  let filled = 0
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.byteLength; ) {
      const part = chunk.subarray(taken, taken + size - filled)
      block.set(part, filled)
      taken += part.byteLength
      filled += part.byteLength
      if (filled < size) break
      yield block
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

/** What every store throws for an id that it does not hold. */
export function notFound(): AdapterError {
  return new AdapterError('ERR_ATTACHMENT_NOT_FOUND', 'no such file, or it was swept')
}

/** Whether a text may be an id: stores make file names of ids. */
export function isAttachmentId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}
