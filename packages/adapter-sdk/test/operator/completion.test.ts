/** What real shells make of the completion scripts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../run-command.ts'

const has = (program: string) => spawnSync(program, ['--version']).status === 0
/** Where a shell is not installed, its tests are pending, each with its name. */
const itInBash = has('bash') ? it : it.skip
const itInZsh = has('zsh') && has('python3') ? it : it.skip

describe('completion', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'completion-test-'))
    writeFileSync(join(folder, 'an adapter.ts'), '')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const script = (...argv: string[]) => run(['completion', ...argv])

  /** What bash offers for words of which the last one is being typed. */
  async function offered(words: readonly string[], ...argv: string[]): Promise<string[]> {
    const { out } = await script('bash', ...argv)
    const [program = ''] = words
    const ask = `${out}
      complete -p ${program} >/dev/null || exit 3
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length - 1}
      "$(complete -p ${program} | sed -E 's/.*-F ([^ ]+).*/\\1/')"
      printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', ask], { encoding: 'utf8', cwd: folder })
    expect([status, stderr]).to.deep.equal([0, ''])
    return stdout.split('\n').filter((line) => line !== '')
  }

  for (const [words, expected] of [
    [['adapter', 'sub'], ['submissions']],
    [
      ['adapter', 're'],
      ['redrive', 'retry-now', 'resume', 'restored'],
    ],
    [['adapter', '--ver'], ['--version']],
    [
      ['adapter', 'submissions', '--state', ''],
      ['waiting', 'running', 'delivered', 'dead', 'discarded'],
    ],
    [['adapter', 'submissions', '--state', 'dea'], ['dead']],
    [['adapter', 'submissions', '--state', '=', 'di'], ['discarded']],
    [
      ['adapter', 'submissions', '--state', '='],
      ['waiting', 'running', 'delivered', 'dead', 'discarded'],
    ],
    [
      ['adapter', 'submissions', '--un'],
      ['--uncertain', '--until'],
    ],
    [['adapter', 'discard', '--al'], []],
    [['adapter', 'submissions', '--form', 'sub'], []],
    [['adapter', 'submissions', '--json', '--csv', '--lim'], ['--limit']],
    [
      ['adapter', 'keygen', '--length', ''],
      ['16', '32'],
    ],
    [
      ['adapter', 'completion', ''],
      ['bash', 'zsh', '--as', '--help'],
    ],
    [['adapter', 'openapi', 'an'], ['an adapter.ts']],
    [['adapter', 'backup', './a'], ['./an adapter.ts']],
  ] as const)
    itInBash(`bash offers ${expected.length} for ${words.join(' ')}`, async () => {
      expect(await offered(words)).to.have.members(expected)
    })

  itInBash('bash completes an alias by another name', async () => {
    expect(await offered(['my-adapter', 'sta'], '--as', 'my-adapter')).to.deep.equal(['stats'])
  })

  itInZsh('zsh completes commands, options, choices and files as they are typed', async () => {
    const { out } = await script('zsh')
    writeFileSync(
      join(folder, '.zshrc'),
      `PS1='> '; autoload -U compinit; compinit -D\n${out}\nadapter() { print -rl -- "ran:$*:" }\n`,
    )
    const typed = [
      ['> ', 'adapter subm\\t--stat\\tdea\\t\\n'],
      ['> ', 'adapter submissions --state=wai\\t\\n'],
      ['> ', 'adapter openapi an\\t\\n'],
      ['> ', 'exit\\n'],
    ].flat()

    const { stdout, stderr } = spawnSync(
      'python3',
      [join(import.meta.dirname, 'screen.py'), ...typed, '--', 'zsh', '-i'],
      {
        encoding: 'utf8',
        cwd: folder,
        env: { PATH: process.env['PATH'], ZDOTDIR: folder, HOME: folder, TERM: 'dumb' },
      },
    )

    expect((stdout + stderr).match(/ran:.*:/g)).to.deep.equal([
      'ran:submissions --state dead:',
      'ran:submissions --state=waiting:',
      'ran:openapi an adapter.ts:',
    ])
  })

  for (const argv of [[], ['fish'], ['bash', '--as', 'a b'], ['bash', '--as', '$(x)'], ['bash', 'zsh']])
    it(`refuses ${JSON.stringify(argv)}`, async () => {
      const { code, out, error } = await script(...argv)

      expect([code, out]).to.deep.equal([2, ''])
      expect(error).to.match(/^error: /)
    })
})
