/** Reads the end of an audit file: its last record, and an incomplete line after it. */
import type { FileHandle } from 'node:fs/promises'
import { AuditFileError } from './private-file.ts'
import { type ChainEnd, openRecord } from './record.ts'

/**
 * The last record of a file with this size, and the bytes of an incomplete line after it.
 * @throws {AuditFileError} AUDIT_FILE_BROKEN: the last record was changed, or what follows it is too long to be a line.
 */
export async function endOfFile(
  handle: FileHandle,
  size: number,
): Promise<{ readonly end: ChainEnd | undefined; readonly torn: Buffer }> {
  const tail = await readTail(handle, size)
  const lastBreak = tail.lastIndexOf(LINE_BREAK)
  const torn = tail.subarray(lastBreak + 1)
  if (torn.byteLength > TAIL_BYTES) throw broken('the audit file does not end with a record')
  return { end: lastRecord(tail.subarray(0, lastBreak + 1)), torn }
}

const LINE_BREAK = 0x0a
const TAIL_BYTES = 65_536

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
