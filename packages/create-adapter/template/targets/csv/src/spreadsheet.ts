/** A spreadsheet: a CSV file (RFC 4180) that grows by one line for each submission. */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Texts by the name of their column. */
export type Row = Readonly<Record<string, string>>

/**
 * Adds a line, unless the file has one of this submission. When it resolves, the line is on disk.
 * Lines are added one after the other, by one process for each file.
 */
export function addRow(file: string, submissionId: string, row: Row): Promise<'added' | 'found'> {
  const added = last.then(() => add(file, submissionId, row))
  last = added.catch(() => undefined)
  return added
}

let last: Promise<unknown> = Promise.resolve()

async function add(file: string, submissionId: string, row: Row): Promise<'added' | 'found'> {
  // The id is the last column: a line that a crash cut short does not have it, and is not taken for a whole one.
  const columns = [...Object.keys(row), 'submissionId']
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await using handle = await open(file, 'a+', 0o600)
  const { rows, end } = read(await handle.readFile('utf8'))
  const [header] = rows
  if (header !== undefined && JSON.stringify(header) !== JSON.stringify(columns)) {
    throw new Error('the columns of the file are not those of the form: move it, and the next attempt begins a new one')
  }
  const isFound = rows.some((cells) => cells.length === columns.length && cells.at(-1) === submissionId)
  if (!isFound) {
    const begin = header === undefined ? BYTE_ORDER_MARK + lineOf(columns) : end
    await handle.appendFile(begin + lineOf([...Object.values(row), submissionId]))
  }
  // Also where it was found: the process may have died before it was on disk.
  await handle.sync()
  if (header === undefined) await syncFolder(dirname(file))
  return isFound ? 'found' : 'added'
}

/** Tells Excel that the file is UTF-8. */
const BYTE_ORDER_MARK = '\ufeff'

function lineOf(cells: readonly string[]): string {
  return `${cells.map((cell) => `"${harmless(cell).replaceAll('"', '""')}"`).join(',')}\r\n`
}

/** A spreadsheet would calculate what begins like a formula, and a formula can send what stands in other cells elsewhere. */
function harmless(cell: string): string {
  return /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(cell) ? `'${cell}` : cell
}

/** Returns the lines, and what has to follow the last one so that another can. */
function read(text: string): { readonly rows: readonly (readonly string[])[]; readonly end: string } {
  const rows: string[][] = []
  let cells: string[] = []
  let isQuoted = false
  let cell = ''
  const characters = text.replace(BYTE_ORDER_MARK, '')
  for (let i = 0; i < characters.length; i++) {
    const character = characters.charAt(i)
    if (isQuoted && character === '"' && characters[i + 1] === '"') cell += characters.charAt(i++)
    else if (character === '"') isQuoted = !isQuoted
    else if (isQuoted || (character !== ',' && character !== '\n')) cell += character
    else {
      cells.push(character === '\n' ? cell.replace(/\r$/, '') : cell)
      cell = ''
      if (character === ',') continue
      rows.push(cells)
      cells = []
    }
  }
  if (cells.length > 0 || cell !== '') rows.push([...cells, cell])
  if (isQuoted) return { rows, end: '"\r\n' }
  return { rows, end: characters === '' || characters.endsWith('\n') ? '' : '\r\n' }
}

/** A new file is in its folder once the folder is on disk. Windows has no such step. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle: FileHandle = await open(folder, 'r')
  await handle.sync()
  await handle.close()
}
