/**
 * Finds where the chain goes on when the audit file is empty. The file with the chain's end is written after each record, so
 * that a process that dies in between leaves it behind; the records after it are then in a rotated file.
 */
import { createReadStream } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { endOfFile } from './file-end.ts'
import { AuditFileError, appendPrivately } from './private-file.ts'
import { type ChainEnd, openRecord } from './record.ts'

/**
 * The last record after `head` in the rotated files beside `path`, which are called `path.…` or `path-…`; undefined if none of
 * them has the record of `head`. An incomplete line at the end of one is moved to `path.torn`.
 * @throws {AuditFileError} AUDIT_FILE_BROKEN: the incomplete line is in a compressed file, or a last record was changed.
 */
export async function endOfRotated(
  path: string,
  head: ChainEnd | undefined,
): Promise<{ readonly end: ChainEnd; readonly torn: boolean } | undefined> {
  const read: Segment[] = []
  let start: (Segment & { readonly last: ChainEnd }) | undefined
  let time = 0
  for (const { file, mtimeMs } of await newestFirst(path)) {
    // Files that were rotated within a moment can have the same time, and then come in any order.
    if (start !== undefined && mtimeMs !== time) break
    const segment = await readSegment(file, head)
    read.push(segment)
    const { last, hasHead } = segment
    if (start !== undefined || last === undefined || (head !== undefined && !hasHead)) continue
    start = { ...segment, last }
    time = mtimeMs
  }
  return start && (await follow(path, start, read))
}

/** What a rotated file says about the chain. */
interface Segment {
  readonly file: string
  /** The hash that the first record follows. */
  readonly follows: string | undefined
  readonly last: ChainEnd | undefined
  readonly hasHead: boolean
  /** Whether it ends with a part of a record. */
  readonly torn: boolean
}

/** Retention keeps rotated files for years. The records that are looked for are in the newest ones. */
const FILES_MAX = 10

async function newestFirst(path: string): Promise<readonly { readonly file: string; readonly mtimeMs: number }[]> {
  const name = basename(path)
  const own = new Set([`${name}.head`, `${name}.torn`])
  const names = (await readdir(dirname(path))).filter(
    (one) => (one.startsWith(`${name}.`) || one.startsWith(`${name}-`)) && !own.has(one),
  )
  const found = await Promise.all(
    names.map(async (one) => {
      const file = join(dirname(path), one)
      const { mtimeMs, ...kind } = await stat(file)
      return { file, mtimeMs, isFile: (kind.mode & 0o170000) === 0o100000 }
    }),
  )
  const files = found.filter(({ isFile }) => isFile).sort((one, other) => other.mtimeMs - one.mtimeMs)
  return files.slice(0, FILES_MAX)
}

/** Follows the chain from one file through the others, and moves what is incomplete out of them. */
async function follow(
  path: string,
  start: Segment & { readonly last: ChainEnd },
  others: readonly Segment[],
): Promise<{ readonly end: ChainEnd; readonly torn: boolean }> {
  let end = start.last
  const own: Segment[] = [start]
  const next = () => others.find(({ follows, last }) => last !== undefined && follows === end.hash)
  for (let segment = next(); segment !== undefined; segment = next()) {
    own.push(segment)
    end = segment.last ?? end
  }
  // A process that died in its first line has left no record.
  own.push(...others.filter(({ last }) => last === undefined).reverse())
  const torn = own.filter((segment) => segment.torn)
  for (const { file } of torn) await moveTorn(file, `${path}.torn`)
  return { end, torn: torn.length > 0 }
}

async function moveTorn(file: string, to: string): Promise<void> {
  if (file.endsWith('.gz'))
    throw new AuditFileError('AUDIT_FILE_BROKEN', 'a compressed file of the trail ends with an incomplete line')
  await using handle = await open(file, 'r+')
  const { size } = await handle.stat()
  const { torn } = await endOfFile(handle, size)
  await appendPrivately(to, Buffer.concat([torn, Buffer.from('\n')]))
  await handle.truncate(size - torn.byteLength)
  await handle.datasync()
}

async function readSegment(file: string, head: ChainEnd | undefined): Promise<Segment> {
  let first: string | undefined
  let last: string | undefined
  let hasHead = false
  let rest = ''
  for await (const chunk of textOf(file)) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    first ??= lines[0]
    last = lines.at(-1) ?? last
    hasHead ||= head !== undefined && lines.some((line) => line.endsWith(`"hash":"${head.hash}"}`))
  }
  const record = last === undefined ? undefined : openRecord(last)
  if (hasHead && record === undefined)
    throw new AuditFileError('AUDIT_FILE_BROKEN', 'the last record of a rotated audit file was changed')
  // Other files may have such a name too: only a part of a record is incomplete.
  const torn = rest !== '' && (record !== undefined || RECORD_START.startsWith(rest.slice(0, RECORD_START.length)))
  return {
    file,
    follows: first === undefined ? undefined : openRecord(first)?.previousHash,
    last: record && { sequence: record.sequence, hash: record.hash },
    hasHead,
    torn,
  }
}

const RECORD_START = '{"sequence":'

function textOf(file: string): AsyncIterable<string> {
  const bytes: Readable = createReadStream(file)
  const text = file.endsWith('.gz') ? bytes.compose(createGunzip()) : bytes
  return text.setEncoding('utf8') as AsyncIterable<string>
}
