/**
 * Keeps the end of the chain in a file beside the audit file: after a rotation the audit file is empty, and a provider that
 * starts then would not know how the chain goes on.
 */
import { constants, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { AuditFileError, keepPrivate, OWNER_ONLY } from './private-file.ts'
import type { ChainEnd } from './record.ts'

/** The open file of the chain's end. */
export class HeadFile {
  readonly #handle: FileHandle

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  static async open(path: string): Promise<HeadFile> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, OWNER_ONLY)
    keepPrivate(handle.fd, (await handle.stat()).mode)
    return new HeadFile(handle)
  }

  /**
   * Reads the end of the chain; undefined if there is none yet.
   * @throws {AuditFileError} AUDIT_FILE_BROKEN: the file has something else in it.
   */
  async read(): Promise<ChainEnd | undefined> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(LENGTH + 1), 0, LENGTH + 1, 0)
    const text = buffer.toString('latin1', 0, bytesRead)
    // Every end has the same length, so that only the first one ever written can be incomplete.
    if (bytesRead < LENGTH && /^ *\d*(?::[0-9a-f]*)?$/.test(text)) return undefined
    const [, sequence, hash] = /^ *(\d+):([0-9a-f]{64})\n$/.exec(text) ?? []
    if (sequence === undefined || hash === undefined)
      throw new AuditFileError('AUDIT_FILE_BROKEN', 'the file with the end of the chain was changed')
    return { sequence: Number(sequence), hash }
  }

  /** Writes the end of the chain over the one before. The length is always the same, so that no rest of it is left. */
  write({ sequence, hash }: ChainEnd): void {
    const text = `${String(sequence).padStart(SEQUENCE_DIGITS)}:${hash}\n`
    // A disk that is nearly full may take a part of it without an error.
    if (writeSync(this.#handle.fd, text, 0) !== LENGTH)
      throw Object.assign(new Error('the end of the chain was not written whole'), { code: 'ENOSPC' })
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

const SEQUENCE_DIGITS = 16
const LENGTH = SEQUENCE_DIGITS + 1 + 64 + 1
