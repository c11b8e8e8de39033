/** Every command of every package: one style of help, versions, mistakes and exit codes. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { COMMANDS as EXITS } from '../../docs/reference/tables.ts'
import { runCommand } from '../../packages/adapter-sdk/src/cli.ts'
import { runAuditCommand } from '../../packages/gp-connect-provider/src/audit-command.ts'
import { runGatewayCommand } from '../../packages/gp-connect-provider/src/gateway-command.ts'
import { main as submitter } from '../../packages/submitter/src/cli.ts'

const PACKAGES = resolve(import.meta.dirname, '../../packages')

interface Program {
  readonly file: string
  readonly version: string
}

const PROGRAMS = Object.fromEntries(
  readdirSync(PACKAGES).flatMap((folder) => {
    const { bin = {}, version } = JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')) as {
      bin?: Record<string, string>
      version: string
    }
    return Object.entries(bin).map(([name, file]) => [name, { file: join(PACKAGES, folder, file), version }] as const)
  }),
) as Readonly<Record<string, Program>>

const TARGET = ['--endpoint', 'https://adapter.service.gov.uk/v2/x', '--key-file', 'key.txt']
const STAND_IN = ['--api-key', 'a', '--secret-key', 'b', '--port', '0']

/** Mistakes by the kind of program, for the program itself and for each of its commands. */
const ADAPTER: Readonly<Record<string, readonly (readonly string[])[]>> = {
  '': [['resubmit'], ['Submissions'], ['--no-such'], ['help', 'resubmit']],
  submissions: [
    ['--state', 'Dead'],
    ['--since', 'today'],
    ['--limit', '0'],
    ['--all', '--limit', '1'],
    ['--form'],
    ['x'],
  ],
  stats: [['x'], ['--csv']],
  show: [[], ['a', 'b']],
  watch: [['--every', '0'], ['x']],
  redrive: [
    [],
    ['a', '--all'],
    ['a', 'b'],
    ['--all', '--since', '1 hour'],
    ['a', '--since', '1h'],
    ['--all', '--expect', '-1'],
  ],
  discard: [
    ['--code', 'X'],
    ['a', '--reason', ''],
    ['--all', '--reason', 'x'],
  ],
  'retry-now': [[], ['--code', 'X', '--all'], ['--all', '--attempts', 'many']],
  pause: [[], ['complaint'], ['complaint', 'b', '--reason', 'x']],
  resume: [[], ['a', 'b']],
  backup: [[], ['a', 'b']],
  restored: [[], ['--backup-taken', '2026-11-28', '--lost-at', '2026-11-28T01:00:00Z']],
  keys: [['x'], ['--csv', '--json']],
  keygen: [['--length', '8'], ['16']],
  check: [['x']],
  openapi: [[], ['no-such-file.ts'], ['a', 'b']],
  completion: [[], ['fish'], ['bash', '--as', 'a b']],
  help: [['resubmit']],
}

const AUDIT: Readonly<Record<string, readonly (readonly string[])[]>> = {
  '': [['prune'], ['--no-such'], ['Search', 'x']],
  search: [[], ['no-such-file'], ['--format', 'csv', 'x'], ['--since', 'yesterday', 'x'], ['--patient']],
  export: [[], ['no-such-file'], ['--format', 'xml', 'x'], ['--checkpoint', '1', 'x']],
  verify: [[], ['no-such-file'], ['--checkpoint', '1', 'x'], ['--code', '1', 'x']],
}

const MISTAKES: Readonly<Record<string, Readonly<Record<string, readonly (readonly string[])[]>>>> = {
  adapter: ADAPTER,
  'optics-adapter': { '': [...(ADAPTER[''] ?? []), ['submissions', '--state', 'Dead'], ['show']] },
  submitter: {
    '': [['post'], ['--no-such'], ['help', 'post']],
    send: [
      [],
      ['x.json'],
      [...TARGET],
      [...TARGET, 'no-such-file.json'],
      [...TARGET, '--retry', '26', '-'],
      [...TARGET, 'a', 'b'],
    ],
    verify: [[], [...TARGET], [...TARGET, '--timeout-seconds', '0'], [...TARGET, 'x']],
    keygen: [['--length', '8'], ['x']],
    keycheck: [[], ['--key-file', 'no-such-file'], ['--key-file', 'x', 'y']],
    completion: [[], ['fish']],
    help: [['post']],
  },
  'create-adapter': { '': [['--no-such'], ['a', 'b']] },
  'gp-connect-provider': {
    ...AUDIT,
    gateway: [[], ['x'], ['--config'], ['--config', 'x', '--check', '--health']],
  },
  'gp-connect-audit': firstOf(AUDIT),
  'gp-connect-verify-audit': {
    '': [[], ['no-such-file'], ['--checkpoint', '1', 'x'], ['--no-such'], ['--practice', 'x', 'y']],
  },
  'optics-stand-in': {
    '': [
      [],
      ['--no-such'],
      ['--api-key', 'a'],
      [...STAND_IN, 'x'],
      [...STAND_IN, '--port', 'x'],
      [...STAND_IN, '--port', '65536'],
      [...STAND_IN, '--token-seconds', 'x'],
      [...STAND_IN, '--cert', 'x'],
      [...STAND_IN, '--cert', 'no-such-file', '--key', 'no-such-file'],
      [...STAND_IN, '--document-origin', 'x'],
      ['--completion', 'fish'],
    ],
  },
}

/** The first mistake of each command, for another name of a program. */
function firstOf(mistakes: typeof ADAPTER): typeof ADAPTER {
  return Object.fromEntries(Object.entries(mistakes).map(([name, [first = []]]) => [name, [first]]))
}

interface Written {
  /** For what a command keeps. */
  readonly folder: string
  write(text: string): void
  error(text: string): void
}

/** What the programs call with their arguments, where that can be called here, too. */
const HERE: Readonly<Record<string, (argv: readonly string[], written: Written) => Promise<number>>> = {
  adapter: async (argv, written) => await runCommand(argv, adapterOptions(written)),
  'optics-adapter': async (argv, written) => {
    const version = PROGRAMS['optics-adapter']?.version ?? ''
    return await runCommand(argv, {
      name: 'optics-adapter',
      version,
      start: async () => {},
      ...adapterOptions(written),
    })
  },
  submitter: async (argv, { write, error }) => {
    const [stdout, stderr] = [write, error].map(
      (take) =>
        new Writable({
          decodeStrings: false,
          write: (text, _, done) => {
            take(String(text))
            done()
          },
        }),
    ) as [Writable, Writable]
    return await submitter(argv, { stdin: Readable.from([]), stdout, stderr })
  },
  'gp-connect-provider': async ([command = '', ...rest], written) =>
    command === 'gateway' ? await runGatewayCommand(rest, written) : await runAuditCommand([command, ...rest], written),
  'gp-connect-audit': runAuditCommand,
  'gp-connect-verify-audit': async (argv, written) => await runAuditCommand(['verify', ...argv], written),
}

function adapterOptions({ folder, write, error }: Written) {
  const lines = (take: (text: string) => void) => (text: string) => take(`${text.trimEnd()}\n`)
  return { environment: { DATA_DIR: join(folder, 'data') }, output: { out: lines(write), error: lines(error) } }
}

interface Ended {
  readonly code: unknown
  readonly out: string
  readonly error: string
}

describe('every command of every package', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bad-input-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = async (command: string, ...argv: readonly string[]): Promise<Ended> =>
    await new Promise((resolve) => {
      const file = PROGRAMS[command]?.file ?? ''
      const environment = { PATH: process.env['PATH'], DATA_DIR: join(folder, 'data') }
      const child = execFile(process.execPath, [file, ...argv], { cwd: folder, env: environment }, (error, out, err) =>
        resolve({ code: error === null ? 0 : error.code, out, error: err }),
      )
      child.stdin?.end()
    })

  /** The same as the program, without a process for each of its many mistakes. */
  const runHere = async (command: string, ...argv: readonly string[]): Promise<Ended> => {
    const program = HERE[command]
    if (program === undefined) return await run(command, ...argv)
    const [out, errors]: [string[], string[]] = [[], []]
    const written = {
      folder,
      write: (text: string) => void out.push(text),
      error: (text: string) => void errors.push(text),
    }
    const code = await program(argv, written)
    return { code, out: out.join(''), error: errors.join('') }
  }

  /** Two at a time, as machines have cores. */
  const runAll = async (command: string, all: readonly (readonly string[])[]): Promise<[string, Ended][]> => {
    const ended: [string, Ended][] = []
    for (let i = 0; i < all.length; i += 2) {
      const two = all.slice(i, i + 2).map(async (argv, next): Promise<[string, Ended]> => {
        // The first mistakes, and each of those that only the program itself tells apart, are seen in a process.
        const isReal = i + next < 3 || (command === 'gp-connect-provider' && argv.join(' ') === 'gateway --no-such')
        return [argv.join(' '), await (isReal ? run : runHere)(command, ...argv)]
      })
      ended.push(...(await Promise.all(two)))
    }
    return ended
  }

  /** Commands that the help of a program names. */
  const commandsOf = (help: string) =>
    [...(help.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name)

  it('has its mistakes here', () => {
    expect(Object.keys(MISTAKES).toSorted()).to.deep.equal(Object.keys(PROGRAMS).toSorted())
  })

  it('means the same by 0, 2 and 130, and writes every meaning in lower case', () => {
    const meanings = (code: number) => new Set(Object.values(EXITS).flatMap((codes) => codes[code] ?? []))

    expect([...meanings(0)]).to.deep.equal(['done'])
    expect([...meanings(2)]).to.deep.equal(['the command was not understood, or names what cannot be used'])
    expect(meanings(130).size).to.equal(1)
    for (const text of Object.values(EXITS).flatMap((codes) => Object.values(codes))) expect(text).to.match(/^[a-z`]/)
  })

  for (const [command, { version }] of Object.entries(PROGRAMS))
    it(`${command} has help with its exit codes, a version, and no capital where the others have none`, async () => {
      const [help, long, short] = await Promise.all([
        run(command, '--help'),
        run(command, '--version'),
        runHere(command, '-V'),
      ])

      expect([help.code, help.error]).to.deep.equal([0, ''])
      expect(help.out).to.match(/^Usage: /)
      expect([long, short]).to.deep.equal(Array(2).fill({ code: 0, out: `${version}\n`, error: '' }))
      const exits = [...(help.out.split('\nExit codes:\n')[1] ?? '').matchAll(/^ {2}(\d+) +\S/gm)].map(
        ([, code]) => code,
      )
      expect(exits).to.deep.equal(Object.keys(EXITS[command] ?? {}))
      // Names are aligned, and what they mean begins in lower case.
      const says = [...help.out.matchAll(/^ {2}(?:[a-z][\w-]*|-\S.*?)(?: [[<]\S+)* {2,}(\S.*)$/gm)].map(
        ([, text]) => text,
      )
      expect(says.length).to.be.greaterThan(2)
      expect(says.filter((text) => /^[A-Z](?![A-Z])/.test(text ?? ''))).to.deep.equal([])
      expect(
        help.out.split('\n').filter((line) => line.length > 80 && !/^ {2}(npx|optics)|^Usage|^ {7}npx/.test(line)),
      ).to.deep.equal([])
      if (command in { adapter: 1, submitter: 1 }) {
        expect(commandsOf(help.out)).to.have.members(Object.keys(MISTAKES[command] ?? {}).filter((name) => name !== ''))
      }
    })

  for (const [command, commands] of Object.entries(MISTAKES)) {
    const all = Object.entries(commands).flatMap(([name, mistakes]) =>
      name === ''
        ? mistakes
        : [...(name === 'help' ? [] : [['--no-such']]), ...mistakes].map((mistake) => [name, ...mistake]),
    )
    it(`${command} says what is wrong, and exits with 2: ${all.length} mistakes`, async function () {
      this.timeout(120_000)
      const ended = await runAll(command, all)

      for (const [argv, { code, out, error }] of ended) {
        // Only the JSON of an answer would go to standard output.
        expect([argv, code, out]).to.deep.equal([argv, 2, ''])
        expect(`${argv}: ${error}`).to.match(/: (error: ['`a-z-]|ERR_[A-Z_]+: |Usage: )/)
        if (/unknown option/.test(error)) expect(error).to.match(/\(.* --help shows how to use it\)\n$/)
        expect(error).to.not.match(/^ {4}at /m)
      }
    })
  }

  it('exits with 1 and one line where something else fails', async () => {
    const { code, out, error } = await run('optics-stand-in', ...STAND_IN, '--host', '192.0.2.1')

    expect([code, out]).to.deep.equal([1, ''])
    expect(error).to.match(/^error: the stand-in cannot start \(EADDRNOTAVAIL\)\n$/)
  })
})
