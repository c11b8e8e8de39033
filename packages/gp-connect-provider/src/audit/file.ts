/** Keeps the audit trail in a file of JSON lines that only its owner can read and that is only ever appended to. */
import { fchmodSync, statSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type ChainEnd, openRecord } from './record.ts'
import type { AuditSink, FoundTrail } from './trail.ts'

/** How safely a record is stored before its request is answered. */
export interface AuditFileOptions {
  /**
   * `interval`: written to the operating system, and flushed to disk once a second. Records survive a crash of the process,
   * but not of the machine. `always`: flushed to disk before each answer, which is slower.
   */
  readonly flush?: 'interval' | 'always'
}

/** A sink that appends to one file. The file may be renamed at any time: the chain then continues in a new file. */
export function auditFile(path: string, options: AuditFileOptions = {}): AuditSink {
  return new AuditFile(path, options.flush === 'always')
}

/** Why records cannot be appended to a file. Every request is refused until an operator repairs it. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError'
  readonly code: 'AUDIT_FILE_SHARED' | 'AUDIT_FILE_BROKEN' | 'AUDIT_FILE_CLOSED' | 'AUDIT_FILE_EXPOSED'

  constructor(code: AuditFileError['code'], message: string) {
    super(message)
    this.code = code
  }
}

const FLUSH_MILLISECONDS = 1000
const TAIL_BYTES = 65_536

class AuditFile implements AuditSink {
  readonly #path: string
  readonly #flushesFirst: boolean
  #handle: FileHandle | undefined
  #regular = true
  #size = 0
  #identity = 0
  #flush: NodeJS.Timeout | undefined
  #flushError: unknown

  constructor(path: string, flushesFirst: boolean) {
    this.#path = path
    this.#flushesFirst = flushesFirst
  }

  async open(): Promise<FoundTrail> {
    const handle = await this.#reopen()
    return this.#regular ? await this.#readEnd(handle) : { end: undefined, torn: false }
  }

  async append(lines: string): Promise<void> {
    if (this.#flushError !== undefined) await this.#flushNow()
    const handle = this.#isInPlace() ? this.#handle : await this.#reopen()
    if (handle === undefined) throw new AuditFileError('AUDIT_FILE_CLOSED', 'the audit file is closed')
    const bytes = Buffer.from(lines)
    try {
      writeWhole(handle.fd, bytes)
    } catch (error) {
      // The requests of these lines are refused, so remove a half-written line before the next record follows it.
      if (this.#regular) await handle.truncate(this.#size).catch(() => {})
      throw error
    }
    this.#size += bytes.byteLength
    if (this.#flushesFirst) await this.#flushNow()
    else this.#flush ??= setTimeout(() => this.#flushLater(), FLUSH_MILLISECONDS).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#flush)
    const handle = this.#handle
    this.#handle = undefined
    if (handle === undefined) return
    try {
      if (this.#regular) await handle.datasync()
    } finally {
      await handle.close()
    }
  }

  async #reopen(): Promise<FileHandle> {
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
    const handle = await open(this.#path, 'a+', OWNER_ONLY)
    const found = await handle.stat()
    this.#regular = found.isFile()
    this.#size = found.size
    this.#identity = found.ino
    this.#handle = handle
    if (this.#regular) keepPrivate(handle.fd, found.mode)
    return handle
  }

  /** Whether the path still refers to the open file. */
  #isInPlace(): boolean {
    if (this.#handle === undefined) return false
    if (!this.#regular) return true
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (found?.ino !== this.#identity) return false
    keepPrivate(this.#handle.fd, found.mode)
    // Two writers would each continue the chain from their own last record, and break it permanently.
    if (found.size > this.#size) throw new AuditFileError('AUDIT_FILE_SHARED', 'another process writes the audit file')
    this.#size = found.size
    return true
  }

  /** Finds the last record. An incomplete last line, which a crash can leave, is moved to a file beside it. */
  async #readEnd(handle: FileHandle): Promise<FoundTrail> {
    const tail = await readTail(handle, this.#size)
    const lastBreak = tail.lastIndexOf(LINE_BREAK)
    const torn = tail.subarray(lastBreak + 1)
    if (torn.byteLength > 0) {
      if (torn.byteLength > TAIL_BYTES) throw broken('the audit file does not end with a record')
      await appendPrivately(`${this.#path}.torn`, Buffer.concat([torn, Buffer.from('\n')]))
      this.#size -= torn.byteLength
      await handle.truncate(this.#size)
    }
    return { end: lastRecord(tail.subarray(0, lastBreak + 1)), torn: torn.byteLength > 0 }
  }

  async #flushNow(): Promise<void> {
    if (this.#regular) await this.#handle?.datasync()
    this.#flushError = undefined
  }

  #flushLater(): void {
    this.#flush = undefined
    this.#flushNow().catch((error: unknown) => {
      this.#flushError = error
    })
  }
}

const LINE_BREAK = 0x0a
const OWNER_ONLY = 0o600

/** `open` sets the mode of a new file only, and anyone can change it later. */
function keepPrivate(file: number, mode: number): void {
  if ((mode & 0o077) === 0) return
  try {
    fchmodSync(file, OWNER_ONLY)
  } catch {
    throw new AuditFileError('AUDIT_FILE_EXPOSED', 'others than its owner can read the audit file')
  }
}

async function appendPrivately(path: string, bytes: Buffer): Promise<void> {
  await using handle = await open(path, 'a', OWNER_ONLY)
  keepPrivate(handle.fd, (await handle.stat()).mode)
  await handle.appendFile(bytes)
}

function broken(message: string): AuditFileError {
  return new AuditFileError('AUDIT_FILE_BROKEN', message)
}

function lastRecord(tail: Buffer): ChainEnd | undefined {
  if (tail.byteLength === 0) return undefined
  const line = tail.subarray(tail.lastIndexOf(LINE_BREAK, tail.byteLength - 2) + 1, -1).toString()
  const record = openRecord(line)
  if (record === undefined) throw broken('the last record of the audit file was changed')
  return record
}

/** The end of the file: at least its last complete line, and whatever follows it. */
async function readTail(handle: FileHandle, size: number): Promise<Buffer> {
  for (let length = TAIL_BYTES; ; length *= 2) {
    const start = Math.max(0, size - length)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
    const tail = buffer.subarray(0, bytesRead)
    if (start === 0 || tail.indexOf(LINE_BREAK) < tail.lastIndexOf(LINE_BREAK)) return tail
  }
}

/**
 * Writes bytes synchronously. The thread pool would take several times as long, and no request can be answered before this
 * write anyway.
 */
function writeWhole(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at)
}
