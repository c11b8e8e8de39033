import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { addRow } from '../src/spreadsheet.ts'

const folder = mkdtempSync(join(tmpdir(), 'spreadsheet-'))
describe('the spreadsheet', () => {
  after(() => rmSync(folder, { recursive: true }))

  let file: string
  let files = 0
  beforeEach(() => {
    file = join(folder, `new/${++files}.csv`)
  })

  const content = () => readFileSync(file, 'utf8')
  const HEADER = '\ufeff"name","text","submissionId"\r\n'

  it('a new file has a header, and each submission has its line', async () => {
    await addRow(file, 'first', { name: 'Ada', text: 'said "no", twice' })
    await addRow(file, 'second', { name: 'Zoë', text: 'one\ntwo' })

    assert.equal(content(), `${HEADER}"Ada","said ""no"", twice","first"\r\n"Zoë","one\ntwo","second"\r\n`)
  })

  it('only the user that runs the adapter may read it', async () => {
    await addRow(file, 'first', { name: 'Ada', text: '' })

    if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('a submission that comes again has one line, also where two come at once', async () => {
    const row = { name: 'Ada', text: 'one\n"two"' }

    const results = await Promise.all([
      addRow(file, 'first', row),
      addRow(file, 'first', row),
      addRow(file, 'other', row),
    ])

    assert.deepEqual(results, ['added', 'found', 'added'])
    assert.equal(content(), `${HEADER}"Ada","one\n""two""","first"\r\n"Ada","one\n""two""","other"\r\n`)
  })

  for (const text of [
    '=1+1',
    '+44',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    ' =1',
    '\uff1d1',
    '\uff0b1',
    '\uff0d1',
    '\uff201',
  ]) {
    it(`a cell that begins like a formula is text: ${JSON.stringify(text)}`, async () => {
      await addRow(file, 'first', { name: text, text })

      assert.equal(content(), `${HEADER}"'${text}","'${text}","first"\r\n`)
    })
  }

  it('what does not begin like one stays as it is', async () => {
    await addRow(file, 'first', { name: 'a=1', text: "'=1" })

    assert.equal(content(), `${HEADER}"a=1","'=1","first"\r\n`)
  })

  for (const cut of ['"Ad', '"Ada","half a te', '"Ada","he said ""', '"Ada"', '"Ada","text","fir', '"Ada","text",']) {
    it(`a line that a crash cut short follows again as a whole: ${cut}`, async () => {
      await addRow(file, 'before', { name: 'Bob', text: 'b' })
      writeFileSync(file, content() + cut)

      assert.equal(await addRow(file, 'first', { name: 'Ada', text: 'text' }), 'added')
      assert.equal(await addRow(file, 'before', { name: 'Bob', text: 'b' }), 'found')
      assert.equal(await addRow(file, 'first', { name: 'Ada', text: 'text' }), 'found')

      assert.ok(content().endsWith('\r\n"Ada","text","first"\r\n'))
    })
  }

  it('a line of which only the end was cut off is whole', async () => {
    await addRow(file, 'first', { name: 'Ada', text: 'a' })
    writeFileSync(file, content().slice(0, -2))

    assert.equal(await addRow(file, 'first', { name: 'Ada', text: 'a' }), 'found')
    await addRow(file, 'second', { name: 'Bob', text: 'b' })

    assert.equal(content(), `${HEADER}"Ada","a","first"\r\n"Bob","b","second"\r\n`)
  })

  it('columns that have changed are reported, and the file stays as it is', async () => {
    await addRow(file, 'first', { name: 'Ada', text: 'a' })
    const kept = content()

    await assert.rejects(addRow(file, 'second', { name: 'Bob', words: 'b' }), /move it/)
    await assert.rejects(addRow(file, 'second', { name: 'Bob' }), /move it/)

    assert.equal(content(), kept)
  })
})
