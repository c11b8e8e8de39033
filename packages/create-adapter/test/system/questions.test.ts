import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { onTerminal, type Step } from '../../../../test/terminal.ts'

const COMMAND = [process.execPath, resolve(import.meta.dirname, '../../bin/create-adapter.cjs')] as const
const env = { PATH: process.env['PATH'], TERM: 'xterm-256color' }

describe('npm create @formbuilder/adapter, on a terminal', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'create-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const type = async (args: readonly string[], steps: readonly Step[]) =>
    await onTerminal([...COMMAND, ...args, '--no-install'], { cwd: folder, env, steps })
  const manifest = (name: string) => JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'))
  const forms = (name: string) => readdirSync(join(folder, name, 'src/forms')).sort()

  it('asks for name, forms, target and tests, and writes what was answered', async () => {
    const { text, exitCode } = await type(
      [],
      [
        { wait: 'name of the project', type: 'cases\r' },
        { wait: 'Which forms', type: 'complaint, Make an appeal\r' },
        { wait: 'hand them to', type: '\u001b[B\u001b[B\r' },
        { wait: 'runs its tests', type: '\u001b[B\r' },
      ],
    )

    expect(exitCode).to.equal(0)
    expect(text).to.include('cd cases')
    expect(manifest('cases').devDependencies).to.include.keys('mocha')
    expect(forms('cases')).to.deep.equal(['complaint.ts', 'make-an-appeal.ts'])
    expect(existsSync(join(folder, 'cases/src/spreadsheet.ts'))).to.equal(true)
  })

  it('takes what it proposes where Enter alone is pressed', async () => {
    const steps = ['name of the project', 'Which forms', 'hand them to', 'runs its tests'].map((wait) => ({
      wait,
      type: '\r',
    }))

    await type([], steps)

    expect(forms('my-adapter')).to.deep.equal(['complaint.ts'])
    expect(existsSync(join(folder, 'my-adapter/src/case-system.ts'))).to.equal(true)
  })

  it('asks only for what the command does not say', async () => {
    const { text } = await type(
      ['cases', '--form', 'appeal', '--target', 'folder'],
      [{ wait: 'runs its tests', type: '\r' }],
    )

    expect(text).not.to.match(/name of the project|Which forms|hand them to/)
    expect(forms('cases')).to.deep.equal(['appeal.ts'])
  })

  it('asks nothing with --yes', async () => {
    const { text } = await type(['--yes'], [])

    expect(text).to.match(/^Forms: complaint/)
    expect(forms('my-adapter')).to.deep.equal(['complaint.ts'])
  })

  it('says at once what is wrong with an answer, and lets it be corrected', async () => {
    await type(
      ['--form', 'appeal', '--target', 'csv', '--tests', 'node'],
      [
        { wait: 'name of the project', type: 'ca ses\r' },
        { wait: 'cannot be the name of a package', type: '\u007f\u007f\u007f\u007f-s\r' },
      ],
    )

    expect(readdirSync(folder)).to.deep.equal(['ca-s'])
  })

  for (const [name, key] of [
    ['Ctrl-C', '\u0003'],
    ['Escape', '\u001b'],
  ] as const) {
    it(`writes nothing after ${name}, and says so`, async () => {
      const { text, exitCode } = await type(['cases'], [{ wait: 'Which forms', type: key }])

      expect(text).to.include('Nothing was written.')
      expect(exitCode).to.equal(1)
      expect(readdirSync(folder)).to.deep.equal([])
    })
  }
})
