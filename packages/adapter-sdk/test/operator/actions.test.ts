/** Actions of people in a real terminal, as the runbook says, and on thousands of rows. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { runCommand } from '../../src/cli.ts'
import { Ledger } from '../../src/operator/ledger.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { dead, incoming } from '../submissions.ts'

const BIN = resolve(import.meta.dirname, '../../bin/adapter.cjs')
const RUNBOOK = resolve(import.meta.dirname, '../../../../docs/operations.md')

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
      [join(import.meta.dirname, 'terminal.py'), answer, process.execPath, BIN, ...argv],
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
    it(`a terminal is asked before a discard of several, and told ${JSON.stringify(answer)}`, async () => {
      await letters(2, { code: 'ERR_X' })

      const shown = typed(answer, 'discard', '--code', 'ERR_X', '--reason', 'by hand')

      expect(shown)
        .to.match(/Answers and files are erased 7 days after/)
        .and.to.match(/Discard 2 submissions\? \[y\/N\]/)
      expect(shown).to.match(says)
      expect(await store.count({ state: 'dead' })).to.equal(left)
    })

  it('a terminal is told how many cases may be doubled', async () => {
    await letters(3, { uncertain: true })

    const shown = typed('n\\n', 'redrive', '--all', '--include-uncertain', '--reason', 'searched')

    expect(shown).to.include('Redrive 3 submissions, which may double 3 cases? [y/N]')
    expect(await store.count({ state: 'dead' })).to.equal(3)
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
})
