/** A CSV file with one line for each submission, however often it is added and wherever a process dies. */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BYTE_ORDER_MARK, cell, cellsOf } from './cell.ts'
import { withLock } from './lock.ts'

export interface Row {
  readonly submissionId: string
  /** Of the columns, in their order. */
  readonly cells: readonly string[]
  readonly receivedAt: Date
}

export interface Spreadsheet {
  /** Resolves when the row is on the disk. A row of a submission that is there already is not added. */
  add(row: Row, signal: AbortSignal): Promise<void>
}

/**
 * The spreadsheet in this file, which is made with the first row. Its first column is the submission, its last the time: so a
 * line whose end is missing is recognised. Only its owner can read it.
 */
export function spreadsheet(file: string, columns: readonly string[]): Spreadsheet {
  const head = ['submission', ...columns, 'received']
  let last: Promise<unknown> = Promise.resolve()

  /** Without another one at work, in this process or in another. */
  async function add({ submissionId, cells, receivedAt }: Row): Promise<void> {
    const handle = await open(file, 'a+', 0o600)
    try {
      // It may have been made by somebody else, with other rights.
      await handle.chmod(0o600)
      const { ids, size } = await repaired(handle, head.length)
      if (size === 0) await syncFolder(dirname(file))
      if (!ids.has(submissionId)) {
        const line = lineOf([submissionId, ...cells, receivedAt.toISOString()])
        await appendWhole(handle, size === 0 ? BYTE_ORDER_MARK + lineOf(head) + line : line, size)
      }
      // Also if it was there: the process that wrote it may have died before this.
      await handle.datasync()
    } finally {
      await handle.close()
    }
  }

  return {
    async add(row, signal) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      const adding = last.then(() => withLock(`${file}.lock`, signal, () => add(row)))
      last = adding.catch(() => undefined)
      await adding
    },
  }
}

function lineOf(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\n`
}

/** Removes a line that a process left unfinished, and returns what is there after that. */
async function repaired(handle: FileHandle, columns: number): Promise<{ ids: ReadonlySet<string>; size: number }> {
  const bytes = await handle.readFile()
  const end = bytes.lastIndexOf('\n') + 1
  const rest = cellsOf(bytes.subarray(end).toString())
  // An editor may have saved the last line without its end.
  const isWhole = rest.length === columns && TIME.test(rest.at(-1) ?? '')
  if (isWhole) await handle.appendFile('\n')
  else if (end < bytes.length) await handle.truncate(end)
  const lines = bytes.subarray(0, isWhole ? bytes.length : end).toString()
  const ids = lines.split(/\r?\n/).map((line) => cellsOf(line)[0] ?? '')
  return { ids: new Set(ids), size: isWhole ? bytes.length + 1 : end }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Leaves nothing of it where it does not fit on the disk. */
async function appendWhole(handle: FileHandle, text: string, size: number): Promise<void> {
  try {
    await handle.appendFile(text)
  } catch (error) {
    await handle.truncate(size)
    throw error
  }
}

/** So that the name of a new file outlasts a power cut, before it has a line. */
async function syncFolder(folder: string): Promise<void> {
  // Windows keeps names by itself, and opens no folder.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
