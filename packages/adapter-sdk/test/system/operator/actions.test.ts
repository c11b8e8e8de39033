/** Actions of people in a real terminal, as the runbook says, and on thousands of rows. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { runCommand } from '../../../src/cli.ts'
import { Ledger } from '../../../src/operator/ledger.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { dead, incoming } from '../../submissions.ts'
import { until } from '../../until.ts'

const BIN = resolve(import.meta.dirname, '../../../bin/adapter.cjs')
const RUNBOOK = resolve(import.meta.dirname, '../../../../../docs/operations.md')

/** The pseudo-terminal is Python's. Where there is none, these tests are pending, each with its name. */
const itAtTerminal = spawnSync('python3', ['-c', 'import pty, sqlite3']).status === 0 ? it : it.skip

describe('actions of people', () => {
  let folder: string
  let store: Store
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'actions-test-'))
    store = await openSqlite(folder, { migrate: true, horizonSeconds: 3600 })
  })
  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function letters(count: number, ending: Partial<Parameters<typeof dead>[0]> = {}): Promise<void> {
    await store.accept(Array.from({ length: count }, () => incoming({ form: 'complaint' })))
    const wanted = [{ form: 'complaint', most: count, suspects: 0 }]
    const claims = await store.turn({ settle: [], claim: wanted, leaseSeconds: 30 })
    const settle = claims.map((claim) => ({ claim, ending: dead(ending) }))
    await store.turn({ settle, claim: [], leaseSeconds: 30 })
  }

  /** What a person sees who types the command and an answer. */
  function typed(answer: string, ...argv: string[]): string {
    const { stdout, stderr } = spawnSync(
      'python3',
      [join(import.meta.dirname, '../../operator/terminal.py'), answer, process.execPath, BIN, ...argv],
      { encoding: 'utf8', env: { PATH: process.env['PATH'], DATA_DIR: folder } },
    )
    return stdout + stderr
  }

  for (const [answer, says, left] of [
    ['y\\n', /2 submissions discarded[\s\S]*exit 0$/, 0],
    ['n\\n', /nothing was done: the answer was no\s+exit 8$/, 2],
    ['\\x04', /nothing was done: the answer was no\s+exit 8$/, 2],
    ['\\x03', /exit -2$/, 2],
  ] as const)
    itAtTerminal(`a terminal is asked before a discard of several, and told ${JSON.stringify(answer)}`, async () => {
      await letters(2, { code: 'ERR_X' })

      const shown = typed(answer, 'discard', '--code', 'ERR_X', '--reason', 'by hand')

      expect(shown)
        .to.match(/Answers and files are erased 7 days after/)
        .and.to.match(/Discard 2 submissions\? \[y\/N\]/)
      expect(shown).to.match(says)
      expect(await store.count({ state: 'dead' })).to.equal(left)
    })

  itAtTerminal('a terminal is told how many cases may be doubled', async () => {
    await letters(3, { uncertain: true })

    const shown = typed('n\\n', 'redrive', '--all', '--include-uncertain', '--reason', 'searched')

    expect(shown).to.include('Redrive 3 submissions, which may double 3 cases? [y/N]')
    expect(await store.count({ state: 'dead' })).to.equal(3)
  })

  it('shows a bar at a terminal when it takes more than a second, and removes it', async () => {
    await letters(700)
    const shown: (string | undefined)[] = []
    const [out, clock] = [[] as string[], performance.now]
    let milliseconds = 0
    performance.now = () => {
      milliseconds += 1000
      return milliseconds
    }
    const output = {
      out: (text: string) => out.push(text),
      error: () => undefined,
      progress: (line: string | undefined) => shown.push(line),
    }
    const code = await runCommand(['redrive', '--all'], { environment: { DATA_DIR: folder }, output }).finally(() => {
      performance.now = clock
    })

    expect([code, out]).to.deep.equal([0, ['700 submissions redriven']])
    expect(shown).to.deep.equal([
      '[#####################---------] 71%, 500 of 700 redriven',
      '[##############################] 100%, 700 of 700 redriven',
      undefined,
    ])
  })

  it('does what the runbook says, command by command', async () => {
    await letters(2, { code: 'ERR_TEAM_UNKNOWN' })
    await letters(1, { code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true })
    const section = readFileSync(RUNBOOK, 'utf8').split('## Deciding about submissions')[1] ?? ''
    const commands = (section.split('```sh\n')[1] ?? '').split('```')[0]?.trim().split('\n') ?? []
    const results: unknown[] = []

    for (const command of commands) {
      const argv = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '').slice(1)
      const out: string[] = []
      const output = { out: (text: string) => out.push(text), error: () => undefined }
      const code = await runCommand(argv, { environment: { DATA_DIR: folder }, output })
      results.push([
        code,
        out
          .at(-1)
          ?.split('\n')
          .find((line) => /submission.? |nothing|no submissions/.test(line)),
      ])
      // The third command is to find one again.
      if (argv[0] === 'redrive' && results.length === 2) await letters(1, { code: 'ERR_TEAM_UNKNOWN' })
    }

    expect(results).to.deep.equal([
      [7, '2 submissions would be redriven (--expect 2)'],
      [0, '2 submissions redriven'],
      [0, '1 submission would be discarded (--expect 1)'],
      [0, '1 submission discarded'],
      [0, 'no submissions match'],
      [0, '1 submission redriven'],
    ])
  })

  it('stops between two batches when it is interrupted, and does the rest when it is repeated', async () => {
    await letters(900)
    await letters(300)
    const stop = new AbortController()
    let seen = 0
    const ledger = new Ledger(store, () => {
      seen += 1
      if (seen === 1) stop.abort()
    })
    const request = { action: 'discard', filter: {} } as const

    const first = await ledger.carryOut(await ledger.plan(request), { by: 'ada', reason: 'x' }, stop.signal)
    const second = await ledger.carryOut(await ledger.plan(request), { by: 'ada', reason: 'x' })

    expect([first.count, first.remaining, second.count]).to.deep.equal([500, 700, 700])
    expect(await store.count({ state: 'discarded' })).to.equal(1200)
  })

  it('leaves out and counts what another person has decided since', async () => {
    await letters(3)
    const ledger = new Ledger(store, () => undefined)
    const plan = await ledger.plan({ action: 'redrive', filter: {} })
    await ledger.discard({ id: plan.entries[0]?.id }, 'kim', 'by hand')

    const { count, leftOut } = await ledger.carryOut(plan, { by: 'sam', reason: null })

    expect([count, leftOut]).to.deep.equal([2, { uncertain: 0, changed: 1 }])
  })

  it('includes uncertain ones whose form asks first, without an approval', async () => {
    await letters(1, { uncertain: true, settleSeconds: 100 })
    await store.recordForms([{ name: 'complaint', asksFirst: true }])
    const ledger = new Ledger(store, () => undefined)

    const done = await ledger.carryOut(await ledger.plan({ action: 'redrive', filter: {} }), {
      by: 'sam',
      reason: null,
    })

    expect(done).to.deep.include({ count: 1, leftOut: { uncertain: 0, changed: 0 } })
    expect(done.settling?.count).to.equal(1)
  })

  const many = async (count: number) => {
    for (let left = count; left > 0; left -= 500) await letters(Math.min(left, 500))
  }
  const place = () => ({ PATH: process.env['PATH'], DATA_DIR: folder })
  const started = (...argv: string[]) =>
    spawn(process.execPath, [BIN, ...argv], { env: place(), stdio: ['ignore', 'pipe', 'pipe'] })

  it('discards 1,219 at once, each on record once, and lists all of them before', async () => {
    await many(1219)
    const argv = ['discard', '--code', 'ERR_HANDLER_PERMANENT', '--reason', 'entered by hand', '--yes']
    const run = async (...more: string[]) => {
      const out: string[] = []
      const output = { out: (text: string) => out.push(text), error: () => undefined }
      return { code: await runCommand([...argv, ...more], { environment: place(), output }), out: out.join('\n') }
    }

    const listed = JSON.parse((await run('--dry-run', '--json')).out)
    const lines = (await run('--dry-run')).out.split('\n').filter((line) => /^[0-9a-f]{8}-/.test(line))
    const wrong = await run('--expect', '1000')
    const done = await run('--expect', '1219')
    const again = await run('--expect', '0')

    expect([listed.count, new Set(listed.submissions.map(({ id }: { id: string }) => id)).size]).to.deep.equal([
      1219, 1219,
    ])
    expect(lines).to.have.length(1219)
    expect([wrong.code, done, again]).to.deep.equal([
      8,
      { code: 0, out: '1219 submissions discarded' },
      { code: 0, out: 'no submissions match' },
    ])
    expect(await recorded('discarded')).to.equal(1219)
  })

  /** How many times an action is on record. */
  async function recorded(what: string): Promise<number> {
    let count = 0
    for (let offset = 0; ; offset += 1000) {
      const page = await store.actions({ limit: 1000, offset })
      count += page.filter(({ action }) => action === what).length
      if (page.length < 1000) return count
    }
  }

  itAtTerminal(
    'ends after the batch that runs when Ctrl-C is pressed at a terminal, and says what is left',
    async () => {
      await many(10_000)

      const shown = typed(
        'y\\n',
        '--then-interrupt',
        'discard',
        '--code',
        'ERR_HANDLER_PERMANENT',
        '--reason',
        'by hand',
      )
      const left = await store.count({ state: 'dead' })
      const [, done, remaining] =
        /(\d+) submissions discarded\s+interrupted: (\d+) not done; run the command again for the rest[\s\S]*exit 130$/.exec(
          shown,
        ) ?? []

      expect(Number(done) + Number(remaining)).to.equal(10_000)
      expect(left).to.equal(Number(remaining)).and.be.above(0)
      expect(Number(done) % 500).to.equal(0)
    },
  )

  it('is killed between two batches, and repeating the command does the rest, each once', async () => {
    await many(10_000)
    const argv = ['discard', '--code', 'ERR_HANDLER_PERMANENT', '--reason', 'by hand', '--yes', '--expect']
    const child = started(...argv, '10000')
    await until(async () => (await store.count({ state: 'discarded' })) > 0)
    child.kill('SIGKILL')
    await once(child, 'exit')

    const left = await store.count({ state: 'dead' })
    const again = started(...argv, String(left))
    const [code] = await once(again, 'exit')

    expect(left).to.be.within(1, 9999)
    expect([code, await store.count({ state: 'discarded' })]).to.deep.equal([0, 10_000])
    expect(await recorded('discarded')).to.equal(10_000)
  })

  it('keeps a few hundred in memory, however many there are', async () => {
    await many(5000)
    let [most, steps] = [0, 0]
    const watched = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          const result = await value.apply(target, args)
          if (name === 'list') most = Math.max(most, result.length)
          if (name === 'walk') [most, steps] = [Math.max(most, result.entries.length), steps + 1]
          return result
        }
      },
    })
    const ledger = new Ledger(watched, () => undefined)

    const plan = await ledger.plan({ action: 'discard', filter: {} })
    const done = await ledger.carryOut(plan, { by: 'ada', reason: 'x' })

    expect([plan.count, plan.entries.length, done.count, most]).to.deep.equal([5000, 1000, 5000, 500])
    // Each step goes on where the one before ended: eleven to plan, and ten to do.
    expect(steps).to.be.below(25)
  })
})
