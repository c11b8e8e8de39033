/** Keeps the audit trail in a file of JSON lines that only its owner can read and that is only ever appended to. */
import { statSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { endOfFile } from './file-end.ts'
import { HeadFile } from './head-file.ts'
import { AuditFileError, appendPrivately, keepPrivate, OWNER_ONLY } from './private-file.ts'
import { endOfLines } from './record.ts'
import { endOfRotated } from './rotated-files.ts'
import type { AuditSink, FoundTrail, SinkNotice } from './trail.ts'

/** How safely a record is stored before its request is answered. */
export interface AuditFileOptions {
  /**
   * `interval`: written to the operating system, and flushed to disk once a second. Records survive a crash of the process,
   * but not of the machine. `always`: flushed to disk before each answer, which is slower.
   */
  readonly flush?: 'interval' | 'always'
}

/**
 * A sink that appends to one file. The file may be renamed at any time: the chain then continues in a new file. A second
 * file with the suffix `.head` keeps the end of the chain.
 */
export function auditFile(path: string, options: AuditFileOptions = {}): AuditSink {
  return new AuditFile(path, options.flush === 'always', (handle) => handle.datasync())
}

/** `auditFile` with another way to flush, for the tests of a disk that fails. */
export function auditFileOn(path: string, options: AuditFileOptions, flush: Flush): AuditSink {
  return new AuditFile(path, options.flush === 'always', flush)
}

type Flush = (handle: FileHandle) => Promise<void>

const FLUSH_MILLISECONDS = 1000

class AuditFile implements AuditSink {
  readonly #path: string
  readonly #flushesFirst: boolean
  readonly #flushFile: Flush
  #handle: FileHandle | undefined
  #head: HeadFile | undefined
  #regular = true
  #identity = 0
  /** The end of the last record whose append succeeded. */
  #size = 0
  /** The records since the last flush, to write them again if a flush fails: the system may then have dropped them. */
  #unflushed: Buffer[] = []
  #flushFailed = false
  /** Whether bytes of refused records may still follow. */
  #leftOver = false
  #notices: SinkNotice[] = []
  #flush: NodeJS.Timeout | undefined

  constructor(path: string, flushesFirst: boolean, flushFile: Flush) {
    this.#path = path
    this.#flushesFirst = flushesFirst
    this.#flushFile = flushFile
  }

  async open(): Promise<FoundTrail> {
    const handle = await this.#reopen()
    if (!this.#regular) return { end: undefined, torn: false }
    const found = await this.#readEnd(handle)
    const head = await this.#head?.read()
    if (found.end === undefined) {
      const rotated = await endOfRotated(this.#path, head)
      return { end: rotated?.end ?? head, torn: found.torn || rotated?.torn === true }
    }
    return { ...found, lost: head !== undefined && head.sequence > found.end.sequence }
  }

  async append(lines: string): Promise<void> {
    let handle = this.#isInPlace() ? this.#handle : undefined
    if (handle === undefined) {
      const continues = this.#handle !== undefined
      if (this.#handle !== undefined) {
        // Otherwise the bytes of refused records would stay in the renamed file, where nothing can follow them.
        if (this.#leftOver) await this.#cut(this.#handle)
        await this.#flushNow()
      }
      handle = await this.#reopen()
      if (continues) this.#notices.push('rotated')
    }
    if (this.#flushFailed) await this.#flushNow()
    if (this.#leftOver) await this.#cut(handle)
    const bytes = Buffer.from(lines)
    try {
      writeWhole(handle.fd, bytes)
      if (this.#regular && this.#flushesFirst) await this.#flushFile(handle)
      this.#head?.write(endOfLines(lines))
    } catch (error) {
      // The requests of these lines are refused, so remove what was written of them before the next record follows it.
      if (this.#regular) {
        this.#leftOver = true
        this.#notices.push('cut')
        await this.#cut(handle).catch(() => {})
      }
      throw error
    }
    this.#size += bytes.byteLength
    if (this.#flushesFirst) return
    this.#unflushed.push(bytes)
    this.#flush ??= setTimeout(() => this.#flushLater(), FLUSH_MILLISECONDS).unref()
  }

  takeNotices(): readonly SinkNotice[] {
    const notices = this.#notices
    this.#notices = []
    return notices
  }

  async close(): Promise<void> {
    clearTimeout(this.#flush)
    if (this.#handle === undefined) return
    try {
      await this.#flushNow()
      await this.#head?.sync()
    } finally {
      await this.#closeHandles()
    }
  }

  async #reopen(): Promise<FileHandle> {
    await this.#closeHandles()
    const handle = await open(this.#path, 'a+', OWNER_ONLY)
    try {
      await this.#take(handle)
    } catch (error) {
      // A file without its head must not look open: records would be appended whose end nothing keeps.
      await handle.close().catch(() => {})
      await this.#closeHandles()
      throw error
    }
    this.#handle = handle
    return handle
  }

  async #take(handle: FileHandle): Promise<void> {
    const found = await handle.stat()
    this.#regular = found.isFile()
    this.#size = found.size
    this.#identity = found.ino
    this.#unflushed = []
    this.#flushFailed = false
    this.#leftOver = false
    if (!this.#regular) return
    keepPrivate(handle.fd, found.mode)
    this.#head = await HeadFile.open(`${this.#path}.head`)
    if (this.#flushesFirst && found.size === 0) await flushFolder(dirname(this.#path))
  }

  async #closeHandles(): Promise<void> {
    const open = [this.#handle, this.#head]
    this.#handle = undefined
    this.#head = undefined
    for (const one of open) await one?.close().catch(() => {})
  }

  /** Whether the path still refers to the open file. */
  #isInPlace(): boolean {
    if (this.#handle === undefined) return false
    if (!this.#regular) return true
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (found?.ino !== this.#identity) return false
    keepPrivate(this.#handle.fd, found.mode)
    // Two writers would each continue the chain from their own last record, and break it permanently.
    if (found.size > this.#size && !this.#leftOver)
      throw new AuditFileError('AUDIT_FILE_SHARED', 'another process writes the audit file')
    if (found.size < this.#size) {
      // It was copied and truncated, so that the copy has these records.
      this.#size = found.size
      this.#unflushed = []
      this.#notices.push('rotated')
    }
    return true
  }

  /** Finds the last record. An incomplete last line, which a crash can leave, is moved to a file beside it. */
  async #readEnd(handle: FileHandle): Promise<FoundTrail> {
    const { end, torn } = await endOfFile(handle, this.#size)
    if (torn.byteLength > 0) {
      await appendPrivately(`${this.#path}.torn`, Buffer.concat([torn, Buffer.from('\n')]))
      this.#size -= torn.byteLength
      await handle.truncate(this.#size)
    }
    return { end, torn: torn.byteLength > 0 }
  }

  /** Removes what follows the last record: never a record whose append succeeded. */
  async #cut(handle: FileHandle): Promise<void> {
    // A file that was truncated since would grow, by bytes that are no record.
    if ((await handle.stat()).size > this.#size) await handle.truncate(this.#size)
    this.#leftOver = false
  }

  /** Flushes every record. After a flush that failed they are written again first, in their places. */
  async #flushNow(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined || !this.#regular) return
    const records = this.#unflushed
    const bytes = Buffer.concat(records)
    if (this.#flushFailed && bytes.byteLength > 0) await this.#writeAgain(bytes)
    await this.#flushFile(handle)
    this.#unflushed = this.#unflushed.slice(records.length)
    this.#flushFailed = false
  }

  async #writeAgain(bytes: Buffer): Promise<void> {
    // A file that was renamed cannot be opened by its path; what the system still has of it is flushed.
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (found?.ino !== this.#identity || found.size < this.#size) return
    await using handle = await open(this.#path, 'r+')
    writeWhole(handle.fd, bytes, this.#size - bytes.byteLength)
    await this.#flushFile(handle)
  }

  #flushLater(): void {
    this.#flush = undefined
    this.#flushNow().catch(() => {
      this.#flushFailed = true
    })
  }
}

/** A new file survives a crash of the machine only if its folder does. */
async function flushFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/**
 * Writes bytes synchronously, at a position or at the end. The thread pool would take several times as long, and no request
 * can be answered before this write anyway.
 */
function writeWhole(file: number, bytes: Buffer, position: number | null = null): void {
  for (let at = 0; at < bytes.byteLength; )
    at += writeSync(file, bytes, at, bytes.byteLength - at, position === null ? null : position + at)
}
