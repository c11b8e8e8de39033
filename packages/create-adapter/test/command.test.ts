import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'

const COMMAND = [process.execPath, resolve(import.meta.dirname, '../bin/create-adapter.cjs')] as const
const env = { PATH: process.env['PATH'] }

describe('npm create @formbuilder/adapter, without a terminal', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'create-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const run = async (...args: string[]) =>
    await promisify(execFile)(COMMAND[0], [COMMAND[1], ...args], { cwd: folder, env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code: code as number, stdout: String(stdout), stderr: String(stderr) }),
    )
  const manifest = (name: string) => JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'))
  const forms = (name: string) => readdirSync(join(folder, name, 'src/forms')).sort()

  it('takes the defaults, and says what it has chosen and with which options to choose otherwise', async () => {
    const { code, stdout } = await run('--no-install')

    expect(code).to.equal(0)
    expect(stdout).to.match(/^Forms: complaint \(--form\)\. Target: http \(--target\)\. Tests: node \(--tests\)\./)
    expect(manifest('my-adapter').name).to.equal('my-adapter')
    expect(forms('my-adapter')).to.deep.equal(['complaint.ts'])
    expect(existsSync(join(folder, 'my-adapter/src/case-system.ts'))).to.equal(true)
  })

  it('does what the options say', async () => {
    const { code } = await run(
      ...['cases', '--name', 'team-cases', '--form', 'Make a complaint', '--form', 'appeal'],
      ...['--target', 'csv', '--tests', 'vitest', '--no-install'],
    )

    expect(code).to.equal(0)
    expect(manifest('cases').name).to.equal('team-cases')
    expect(manifest('cases').devDependencies).to.include.keys('vitest')
    expect(forms('cases')).to.deep.equal(['appeal.ts', 'make-a-complaint.ts'])
    expect(existsSync(join(folder, 'cases/src/spreadsheet.ts'))).to.equal(true)
  })

  for (const [args, says] of [
    [['--target', 'excel'], '--target must be one of: http, notify, csv, folder'],
    [['--tests', 'jest'], '--tests must be one of: node, mocha, vitest'],
    [
      ['--form', '2024'],
      '"2024" cannot be the name of a form. It begins with a letter, and has at most 50 letters, digits and hyphens.',
    ],
    [
      ['--form', '!'],
      '"" cannot be the name of a form. It begins with a letter, and has at most 50 letters, digits and hyphens.',
    ],
    [['--form', 'a', '--form', 'A'], 'two forms are named "a"'],
    [
      ['--name', 'Not A Name'],
      '"Not A Name" cannot be the name of a package. Use letters, digits and hyphens, such as my-adapter.',
    ],
    [['--nonsense'], "unknown option '--nonsense'"],
    [['one', 'two'], 'name one folder, not 2'],
  ] as const) {
    it(`refuses ${args.join(' ')}, says why and where to read more, and writes nothing`, async () => {
      const { code, stdout, stderr } = await run(...args)

      expect([code, stdout]).to.deep.equal([2, ''])
      expect(stderr).to.equal(`error: ${says}\n(npm create @formbuilder/adapter -- --help shows how to use it)\n`)
      expect(readdirSync(folder)).to.deep.equal([])
    })
  }

  it('names every target and every runner in its help', async () => {
    const { stdout } = await run('--help')

    for (const word of ['http', 'notify', 'csv', 'folder', 'node', 'mocha', 'vitest', '--yes', '--no-install'])
      expect(stdout).to.match(new RegExp(`^ .*${word}\\b`, 'm'))
  })
})
