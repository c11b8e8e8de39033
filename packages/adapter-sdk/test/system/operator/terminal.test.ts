/** The commands in a real terminal of 80 columns, and in a pipe: width, colour, progress and what is shown live. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { type Output, runCommand } from '../../../src/cli.ts'
import { hasColour } from '../../../src/operator/colour.ts'
import { bar, progressOf } from '../../../src/operator/progress.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { dead, delivered, incoming } from '../../submissions.ts'

const BIN = resolve(import.meta.dirname, '../../../bin/adapter.cjs')
// biome-ignore lint/suspicious/noControlCharactersInRegex: what begins a colour is one.
const ESCAPE = /\x1b/

/** The pseudo-terminal is Python's. Where there is none, these tests are pending, each with its name. */
const itAtTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0 ? it : it.skip

describe('the commands at a terminal', () => {
  let folder: string
  let store: Store
  const ids = { dead: crypto.randomUUID(), uncertain: crypto.randomUUID(), delivered: crypto.randomUUID() }
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'terminal-test-'))
    store = await openSqlite(folder, { migrate: true, horizonSeconds: 3600 })
    const form = 'application-for-a-certificate'
    for (const [submissionId, ending] of [
      [ids.delivered, delivered('REFERENCE-0123456789')],
      [ids.dead, dead({ code: 'ERR_ATTACHMENT_MISSING', reason: 'a file is missing '.repeat(20).trim() })],
      [ids.uncertain, dead({ code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true })],
    ] as const) {
      await store.accept([incoming({ form, submissionId })])
      const [claim] = await store.turn({ settle: [], claim: [{ form, most: 1, suspects: 0 }], leaseSeconds: 30 })
      if (claim === undefined) throw new Error('nothing was due')
      await store.turn({ settle: [{ claim, ending }], claim: [], leaseSeconds: 30 })
    }
    await store.countFailedDelivery({
      form,
      submissionId: 'abc-1',
      host: 'a-host-with-a-long-name.files.example.service.gov.uk',
      code: 'ERR_ATTACHMENT_STATUS',
    })
  })
  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const environment = (more: { [name: string]: string } = {}) => ({
    PATH: process.env['PATH'],
    TERM: 'xterm-256color',
    DATA_DIR: folder,
    ...more,
  })

  /** What the terminal was sent, and the exit code in its last line. */
  function seen(argv: readonly string[], steps: readonly string[] = [], more?: { [name: string]: string }): string {
    const program = [
      join(import.meta.dirname, '../../operator/screen.py'),
      ...steps,
      '--',
      process.execPath,
      BIN,
      ...argv,
    ]
    const { stdout, stderr } = spawnSync('python3', program, { encoding: 'utf8', env: environment(more) })
    return (stdout + stderr).replaceAll('\r\n', '\n')
  }

  function piped(argv: readonly string[], more?: { [name: string]: string }): string {
    return spawnSync(process.execPath, [BIN, ...argv], { encoding: 'utf8', env: environment(more) }).stdout
  }

  const tables = [['submissions'], ['show', ids.dead], ['stats'], ['redrive', '--all', '--dry-run']] as const

  for (const argv of tables)
    it(`${argv[0]} fits 80 columns, and says what was left out or cut`, async () => {
      const lines: string[] = []
      const output: Output = { out: (text) => lines.push(...text.split('\n')), error: () => undefined, width: 80 }
      await runCommand(argv, { environment: { DATA_DIR: folder }, output })

      // The commands that `show` advises are to be copied, so they are whole, as is the reason.
      const table = lines.filter((line) => !/^( {2}npx|reason|No attempt|or, when)/.test(line))
      expect(table.filter((line) => line.length > 80)).to.deep.equal([])
      expect(lines.join(' ')).to.match(/\(for 80 columns: (left out|cut) [A-Z ,;a-z]+\. --json has all\)/)
    })

  it('leaves out what matters least, and never what a person needs to go on', async () => {
    const lines: string[] = []
    const output: Output = { out: (text) => lines.push(...text.split('\n')), error: () => undefined, width: 80 }
    await runCommand(['submissions'], { environment: { DATA_DIR: folder }, output })

    expect(lines).to.deep.equal([
      'SUBMISSION                            STATE            CODE',
      `${ids.uncertain}  dead, uncertain  ERR_OUTCOME_UNCERTAIN`,
      `${ids.dead}  dead             ERR_ATTACHMENT_MISSING`,
      `${ids.delivered}  delivered        -`,
      '(for 80 columns: left out FORM, ATTEMPTS, RECEIVED, REFERENCE. --json has all)',
    ])
  })

  it('writes whole tables to a pipe, however wide, without a colour', () => {
    for (const argv of tables) {
      const text = piped(argv)

      expect(text).to.not.match(ESCAPE)
      expect(text).to.not.include('columns')
    }
    expect(piped(['submissions'])).to.match(/^SUBMISSION +FORM +STATE +ATTEMPTS +RECEIVED +REFERENCE +CODE$/m)
  })

  itAtTerminal('is coloured at a terminal, and not with NO_COLOR', () => {
    expect(seen(['submissions']))
      .to.match(ESCAPE)
      .and.match(/exit 0$/)
    expect(seen(['submissions'], [], { NO_COLOR: '1' })).to.not.match(ESCAPE)
  })

  it('is coloured in a pipe with FORCE_COLOR, but never as JSON or CSV', () => {
    const coloured = { FORCE_COLOR: '1' }

    expect(piped(['submissions'], coloured)).to.match(ESCAPE)
    expect(piped(['submissions', '--json'], coloured) + piped(['keys', '--csv'], coloured)).to.not.match(ESCAPE)
  })

  itAtTerminal('watch draws in place, and ends at Ctrl-C with 0', () => {
    const text = seen(['watch', '--every', '1'], ['dead', '', '\x1b[J', '\\x03'])

    expect(text).to.match(/exit 0$/)
    expect(text.match(/Ctrl-C ends it/g)?.length).to.be.within(2, 3)
    // The cursor goes up over exactly the lines that were drawn.
    const [, first = ''] = text.split('\x1b[J')
    expect(first.split('\x1b[').at(-1)).to.equal(`${first.split('\n').length - 1}A\r`)
    expect(text).to.include('dead        \x1b[31m2')
  })

  itAtTerminal('watch ends when its terminal is closed', () => {
    expect(seen(['watch', '--every', '1'], ['dead', 'HANGUP'])).to.match(/exit 0$/)
  })

  it('watch writes a line each time in a pipe, and ends with 0 when its reader has left', async () => {
    const child = spawn(process.execPath, [BIN, 'watch', '--every', '1'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines: string[] = []
    for await (const line of createInterface(child.stdout)) {
      lines.push(line)
      if (lines.length === 1) await store.accept([incoming({ form: 'other' })])
      if (lines.length === 2) break
    }
    child.stdout.destroy()
    const [code] = await once(child, 'close')

    expect(code).to.equal(0)
    expect(lines[0]).to.match(
      /^[-\d]{10} [:\d]{8} UTC {2}waiting 0 {2}retrying 0 {2}paused 0 {2}running 0 {2}dead 2 {2}delivered 1 {2}oldest 0 s {2}without files 1$/,
    )
    expect(lines[1]).to.match(/ waiting 1 /)
  })

  it('watch writes a line of JSON each time, and ends with 0 at SIGTERM', async () => {
    const child = spawn(process.execPath, [BIN, 'watch', '--json'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let line = ''
    for await (line of createInterface(child.stdout)) break
    child.kill()
    const [code, signal] = await once(child, 'exit')

    expect(JSON.parse(line)).to.deep.include({ dead: 2, delivered: 1, pausedForms: [] })
    expect(JSON.parse(line).waitingForFiles).to.have.lengthOf(1)
    expect([code, signal]).to.deep.equal([0, null])
  })

  it('watch refuses a store that is not there with 5, and another interval with 2', async () => {
    const output: Output = { out: () => undefined, error: () => undefined }
    const none = await runCommand(['watch'], { environment: { DATA_DIR: join(folder, 'none') }, output })
    const zero = await runCommand(['watch', '--every', '0'], { environment: { DATA_DIR: folder }, output })

    expect([none, zero]).to.deep.equal([5, 2])
  })
})

describe('colour', () => {
  for (const [isTerminal, settings, expected] of [
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [false, {}, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '' }, true],
    [false, { FORCE_COLOR: 'false' }, false],
  ] as const)
    it(`is ${expected ? '' : 'not '}there ${isTerminal ? 'at a terminal' : 'in a pipe'} with ${JSON.stringify(settings)}`, () => {
      expect(hasColour(isTerminal, settings)).to.equal(expected)
    })
})

describe('the progress bar', () => {
  it('shows how far something is', () => {
    expect(bar('submissions', 450, 1000)).to.equal('[#############-----------------] 45%, 450 of 1000 submissions')
    expect(bar('redriven', 1000, 1000)).to.match(/^\[#{30}\] 100%/)
    // Some came after they were counted.
    expect(bar('submissions', 1001, 1000)).to.match(/^\[#{30}\] 100%, 1001 of 1000/)
    expect(bar('submissions', 0, 0)).to.match(/100%/)
  })

  it('appears only after a second, and is removed at the end', () => {
    const shown: (string | undefined)[] = []
    let now = 0
    const progress = progressOf({ progress: (line) => shown.push(line) }, 'submissions', 3000, () => now)

    progress.add(1000)
    now = 1500
    progress.add(1000)
    now = 1501
    progress.add(500)
    progress.end()

    expect(shown).to.deep.equal([bar('submissions', 2000, 3000), undefined])
  })

  it('is nothing that was over within a second, or in a pipe', () => {
    const shown: unknown[] = []
    const quick = progressOf({ progress: (line) => shown.push(line) }, 'submissions', 1000, () => 0)
    const pipe = progressOf({}, 'submissions', 1000, () => 5000)

    for (const each of [quick, pipe]) {
      each.add(1000)
      each.end()
    }

    expect(shown).to.deep.equal([])
  })
})
