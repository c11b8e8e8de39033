/** Tests the runner of the tests: whatever goes wrong in a file makes the run fail, and the file is named. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'

const RUNNER = resolve(import.meta.dirname, '../run.ts')

// biome-ignore format: a table
const WRONG: readonly (readonly [what: string, text: string, says: RegExp])[] = [
  ['a test that fails',             `it('x', () => { throw new Error('boom') })`,                            /1 failed in .*wrong\.test\.ts/],
  ['a hook that fails',             `describe('d', () => { before(() => { throw 1 }); it('x', () => {}) })`, /1 failed in .*wrong\.test\.ts/],
  ['an error at load',              `throw new Error('boom')`,                                               /1 failed in .*wrong\.test\.ts/],
  ['a text that is no program',     `it('x', ( =>`,                                                          /1 failed in .*wrong\.test\.ts/],
  ['a killed process',              `it('x', () => process.kill(process.pid, 'SIGKILL'))`,                   /1 failed in .*wrong\.test\.ts/],
  ['an exit with 0',                `it('x', () => process.exit(0))`,                                        /1 failed in .*wrong\.test\.ts/],
  ['a loop without end',            `it('x', () => { for (;;); })`,                                          /wrong\.test\.ts hangs/],
  ['a load without end',            `await new Promise(() => {})`,                                           /wrong\.test\.ts hangs/],
  ['no test',                       `export {}`,                                                             /Not one result of .*wrong\.test\.ts/],
  ['one test singled out',          `it.only('x', () => {})`,                                                /1 failed in .*wrong\.test\.ts/],
]

describe('the runner of the tests', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'runner-'))
    writeFileSync(join(folder, 'right.test.ts'), `it('y', () => {}); it('z', () => {})`)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('counts the tests of all files, and ends with 0', () => {
    writeFileSync(join(folder, 'wrong.test.ts'), `it('x', () => {})`)

    const { status, output } = run(folder)

    expect(output).to.match(/ 3 passing/)
    expect(status).to.equal(0)
  })

  for (const [what, text, says] of WRONG) {
    it(`fails, names the file and counts the others: ${what}`, () => {
      writeFileSync(join(folder, 'wrong.test.ts'), text)

      const { status, output } = run(folder)

      expect(output)
        .to.match(says)
        .and.match(/ 2 passing/)
      expect(status).to.equal(1)
    })
  }

  it('fails on an error after the last test of a file', () => {
    const late = `it('x', () => { setTimeout(() => { throw new Error('late') }, 100) })`
    writeFileSync(join(folder, 'wrong.test.ts'), late)
    // Others still run when it comes.
    writeFileSync(join(folder, 'right.test.ts'), `it('y', (done) => { setTimeout(done, 1000) })`)

    const { status, output } = run(folder)

    expect(output).to.match(/wrong\.test\.ts: its process ended with [1-9]/)
    expect(status).to.equal(1)
  })

  it('repeats an order by chance with its seed', () => {
    for (const name of 'abcdefgh') writeFileSync(join(folder, `${name}.test.ts`), `it('${name}', () => {})`)
    const names = [...'abcdefgh'].map((name) => join(folder, `${name}.test.ts`))
    const order = (seed: string) => runner(['--list', '--shuffle', '--seed', seed, ...names]).output

    expect(order('1')).to.equal(order('1')).and.not.equal(order('2'))
    expect(order('1').match(/[a-h]\.test\.ts/g)).to.have.length(8)
  })
})

function run(folder: string) {
  return runner([join(folder, 'right.test.ts'), join(folder, 'wrong.test.ts')])
}

function runner(parameters: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, '--jobs', '2', ...parameters], {
    env: { ...process.env, TEST_FILE_SECONDS: '3', TEST_NOTES_FILE: '' },
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}
