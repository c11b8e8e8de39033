import { strict as assert } from 'node:assert'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, beforeEach, describe, it } from 'node:test'
import { save } from '../src/folder.ts'

const base = mkdtempSync(join(tmpdir(), 'folder-'))
describe('the folder', () => {
  after(() => rmSync(base, { recursive: true }))

  let folder: string
  let folders = 0
  beforeEach(() => {
    folder = join(base, `new/${++folders}`)
  })

  const { signal } = new AbortController()
  const file = (filename: string | null, content = 'content') => ({ filename, stream: () => Readable.from([content]) })

  it('a submission is a folder with its answers and its files', async () => {
    await save(folder, 'first', { record: { name: 'Ada' }, files: [file('letter.txt', 'Dear all')], signal })

    assert.deepEqual(readdirSync(folder), ['first'])
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'first/answers.json'), 'utf8')), { name: 'Ada' })
    assert.equal(readFileSync(join(folder, 'first/1-letter.txt'), 'utf8'), 'Dear all')
  })

  it('only the user that runs the adapter may read it', async () => {
    await save(folder, 'first', { record: {}, files: [file('letter.txt')], signal })

    if (process.platform === 'win32') return
    const modes = ['first', 'first/answers.json', 'first/1-letter.txt'].map((name) => statSync(join(folder, name)).mode)
    assert.deepEqual(
      modes.map((mode) => mode & 0o777),
      [0o700, 0o600, 0o600],
    )
  })

  it('no name of a file leaves the folder, hides, or takes the place of another', async () => {
    const files = ['../../etc/passwd', '.hidden', null, 'a/b\\c', 'answers.json', 'answers.json'].map((name) =>
      file(name),
    )

    await save(folder, 'first', { record: {}, files, signal })

    assert.deepEqual(readdirSync(base), ['new'])
    assert.deepEqual(readdirSync(join(folder, 'first')).sort(), [
      '1-_.._etc_passwd',
      '2-hidden',
      '3-file',
      '4-a_b_c',
      '5-answers.json',
      '6-answers.json',
      'answers.json',
    ])
  })

  it('a submission that comes again is left as it is', async () => {
    await save(folder, 'first', { record: { name: 'Ada' }, files: [], signal })
    await save(folder, 'first', { record: { name: 'another' }, files: [file('more.txt')], signal })

    assert.deepEqual(readdirSync(join(folder, 'first')), ['answers.json'])
    assert.match(readFileSync(join(folder, 'first/answers.json'), 'utf8'), /Ada/)
  })

  it('what an attempt left that died is removed, and written again as a whole', async () => {
    mkdirSync(join(folder, 'first.left.part'), { recursive: true })
    writeFileSync(join(folder, 'first.left.part/1-letter.txt'), 'Dea')

    await save(folder, 'first', { record: {}, files: [file('letter.txt', 'Dear all')], signal })

    assert.deepEqual(readdirSync(folder), ['first'])
    assert.equal(readFileSync(join(folder, 'first/1-letter.txt'), 'utf8'), 'Dear all')
  })

  it('a file that cannot be read makes no submission', async () => {
    const broken = Readable.from(
      (async function* () {
        yield 'the beginning'
        throw new Error('cut off')
      })(),
    )
    const files = [{ filename: 'broken', stream: () => broken }]

    await assert.rejects(save(folder, 'first', { record: {}, files, signal }), /cut off/)

    assert.ok(!readdirSync(folder).includes('first'))
  })
})
