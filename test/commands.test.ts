/** The commands of the packages, as they are linked into node_modules/.bin. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { COMMANDS as EXITS } from '../docs/reference/tables.ts'

const ROOT = resolve(import.meta.dirname, '..')
const WORKSPACES = ['packages', 'examples'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name)),
)
const COMMANDS = WORKSPACES.filter((folder) => existsSync(join(folder, 'package.json'))).flatMap((folder) => {
  const { bin = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.keys(bin)
})

describe('the commands', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'no-node-'))
    symlinkSync(join(ROOT, 'node_modules/node/bin/node'), join(folder, 'node'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('all have their exit codes in the one table', () => {
    expect(Object.keys(EXITS).toSorted()).to.deep.equal(
      COMMANDS.filter((command) => !command.startsWith('example-')).toSorted(),
    )
  })

  for (const command of COMMANDS) {
    it(`${command} is plain JavaScript that starts on the Node of the project`, () => {
      const program = join(ROOT, 'node_modules/.bin', command)

      const { status, error } = spawnSync(program, ['--help'], {
        env: { PATH: `${folder}:/bin` },
        timeout: 20_000,
        stdio: 'ignore',
      })

      expect(error).to.equal(undefined)
      expect(status).to.be.oneOf([0, 1, 2])
      // npm reads this line to make the .cmd of Windows.
      expect(readFileSync(program, 'utf8').split('\n', 1)[0]).to.equal('#!/usr/bin/env node')
    })
  }

  /** A real bash. Where there is none, these tests are pending, each with its name. */
  const itInBash = spawnSync('bash', ['--version']).status === 0 ? it : it.skip

  for (const [command, argv, typed, offered] of [
    ['adapter', ['completion', 'bash'], ['submissions', '--stat'], '--state'],
    ['optics-adapter', ['completion', 'bash'], ['submissions', '--stat'], '--state'],
    ['submitter', ['completion', 'bash'], ['send', '--end'], '--endpoint'],
    ['optics-stand-in', ['--completion', 'bash'], ['--api'], '--api-key'],
  ] as const)
    itInBash(`${command} completes ${typed.join(' ')} in bash`, () => {
      const script = spawnSync(process.execPath, [join(ROOT, 'node_modules/.bin', command), ...argv], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      const ask = `${script.stdout}
        COMP_WORDS=(${[command, ...typed].join(' ')}); COMP_CWORD=${typed.length}
        "$(complete -p ${command} | sed -E 's/.*-F ([^ ]+).*/\\1/')"
        echo "\${COMPREPLY[@]}"`

      const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask], { encoding: 'utf8' })

      expect([script.stderr, stderr, stdout]).to.deep.equal(['', '', `${offered}\n`])
    })
})
