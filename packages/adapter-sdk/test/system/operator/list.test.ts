/** Lists of submissions on the command line: every filter, every page, as a table, JSON and CSV, on both stores. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Entry } from '../../../src/store/entry.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { run } from '../../run-command.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { dead, delivered, incoming, retry } from '../../submissions.ts'

const NOON = Date.parse('2090-11-28T12:00:00Z')
const HOUR = 3_600_000

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`lists of submissions, on ${kind}`, () => {
    let folder: string
    let place: { [name: string]: string }
    let store: Store
    let now = NOON
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'list-test-'))
      place = kind === 'sqlite' ? { DATA_DIR: folder } : { DATABASE_URL: await (await sharedPostgres()).database() }
      const options = { migrate: true, horizonSeconds: 3600, now: () => new Date(now) }
      store =
        kind === 'sqlite'
          ? await openSqlite(folder, options)
          : await openPostgres({ url: place['DATABASE_URL'] as string, connections: 2 }, options)

      // One an hour, each of another kind. Names stand for the submissions below.
      const made = [
        ['delivered', 'complaint', delivered('CASE-1')],
        ['dead', 'complaint', dead({ code: 'ERR_TEAM_UNKNOWN', reason: 'no team for "this", court' })],
        [
          'uncertain',
          'comment',
          dead({ code: 'ERR_OUTCOME_UNCERTAIN', reason: 'there was no answer', uncertain: true }),
        ],
        ['retrying', 'complaint', retry({ delaySeconds: 60 })],
        ['formula', 'comment', delivered('=HYPERLINK("https://evil.example")')],
        ['waiting', 'comment', undefined],
      ] as const
      for (const [name, form, ending] of made) {
        await store.accept([incoming({ form, submissionId: `${name}-0001` })])
        if (ending !== undefined) {
          const [claim] = await store.turn({ settle: [], claim: [{ form, most: 1, suspects: 0 }], leaseSeconds: 30 })
          if (claim === undefined) throw new Error('nothing was due')
          await store.turn({ settle: [{ claim, ending }], claim: [], leaseSeconds: 30 })
        }
        now += HOUR
      }
      const [again] = await store.turn({
        settle: [],
        claim: [{ form: 'complaint', most: 1, suspects: 0 }],
        leaseSeconds: 30,
      })
      if (again === undefined) throw new Error('nothing was due')
      await store.turn({
        settle: [{ claim: again, ending: retry({ delaySeconds: 3600 }) }],
        claim: [],
        leaseSeconds: 30,
      })
    })
    after(async () => {
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    })

    for (const [options, found] of [
      [[], ['waiting', 'formula', 'retrying', 'uncertain', 'dead', 'delivered']],
      [
        ['--state', 'dead'],
        ['uncertain', 'dead'],
      ],
      [
        ['--form', 'comment'],
        ['waiting', 'formula', 'uncertain'],
      ],
      [['--code', 'ERR_TEAM_UNKNOWN'], ['dead']],
      [['--reason', 'no team for "this", court'], ['dead']],
      [['--uncertain'], ['uncertain']],
      [['--no-uncertain', '--state', 'dead'], ['dead']],
      [
        ['--since', '2090-11-28T16:00:00Z'],
        ['waiting', 'formula'],
      ],
      [
        ['--since', '2090-11-28T17:00:00+01:00'],
        ['waiting', 'formula'],
      ],
      [
        ['--until', '2090-11-28T14:00:00Z'],
        ['dead', 'delivered'],
      ],
      [['--until', '2090-11-28'], []],
      [
        ['--since', '2090-11-28', '--until', '2090-11-29'],
        ['waiting', 'formula', 'retrying', 'uncertain', 'dead', 'delivered'],
      ],
      [['--since', '2090-11-28T13:00:00Z', '--until', '2090-11-28T14:00:00Z'], ['dead']],
      [['--attempts', '2'], ['retrying']],
      [['--attempts', '0', '--limit', '1'], ['waiting']],
      [
        ['--id', 'de'],
        ['dead', 'delivered'],
      ],
      [['--id', 'dead-0001'], ['dead']],
      [['--reference', 'CASE-1'], ['delivered']],
      [
        ['--offset', '4'],
        ['dead', 'delivered'],
      ],
      [
        ['--limit', '2', '--offset', '1'],
        ['formula', 'retrying'],
      ],
      [['--all', '--offset', '5'], ['delivered']],
      [['--reference', 'CASE-2'], []],
    ] as const)
      it(`finds ${found.length} by ${options.join(' ') || 'no option'}`, async () => {
        const { code, out } = await run(['submissions', '--json', ...options], place)

        expect(code).to.equal(0)
        expect((JSON.parse(out) as Entry[]).map(({ submissionId }) => submissionId)).to.deep.equal(
          found.map((name) => `${name}-0001`),
        )
      })

    it('counts a duration back from now', async () => {
      const [none, all] = [
        await run(['submissions', '--json', '--until', '1s'], place),
        await run(['submissions', '--json', '--since', '5000w'], place),
      ]

      expect(JSON.parse(none.out)).to.deep.equal([])
      expect(JSON.parse(all.out)).to.have.lengthOf(6)
    })

    for (const [options, says] of [
      [['--form', 'complain'], /^ERR_FILTER_UNKNOWN: no form "complain"; known forms: comment, complaint$/],
      [['--code', 'ERR_TEAM'], /^ERR_FILTER_UNKNOWN: no code "ERR_TEAM"; known codes: .*ERR_TEAM_UNKNOWN/],
      [['--reason', 'no team'], /^ERR_FILTER_UNKNOWN: no reason "no team"; known reasons: no team for "this", court; /],
      [['--reason', 'no team', '--csv'], /^ERR_FILTER_UNKNOWN: no reason "no team"/],
      [
        ['--state', 'lost'],
        /^error: option '--state <state>' argument 'lost' is invalid\. Allowed choices are waiting/,
      ],
      [
        ['--since', 'yesterday'],
        /^error: option '--since <time>' argument 'yesterday' is invalid\. It must be a time such/,
      ],
      [['--since', '2090-02-30T00:00:00Z'], /argument '2090-02-30T00:00:00Z' is invalid/],
      [['--since', '2090-11-28T10:00'], /is invalid/],
      [['--until', '2h3'], /is invalid/],
      [['--since', '1h', '--until', '2h'], /^error: --since must be before --until/],
      [['--attempts', '-1'], /is invalid\. It must be a whole number from 0/],
      [['--attempts', 'two'], /is invalid/],
      [['--offset', '-1'], /is invalid/],
      [['--limit', '1001'], /is invalid\. It must be a whole number from 1 to 1000/],
      [['--limit', '5', '--all'], /^error: option '--all' cannot be used with option '--limit <count>'/],
      [['--csv', '--json'], /^error: option '--csv' cannot be used with option '--json'/],
      [['extra'], /^error: too many arguments for 'submissions'/],
    ] as const)
      it(`refuses ${options.join(' ')}`, async () => {
        const { code, out, error } = await run(['submissions', ...options], place)

        expect([code, out]).to.deep.equal([2, ''])
        expect(error).to.match(says)
      })

    it('knows a reason that a submission had, and no longer has', async () => {
      const { code, out } = await run(['submissions', '--reason', 'the handler threw Error', '--state', 'dead'], place)

      expect([code, out]).to.deep.equal([0, 'no submissions'])
    })

    for (const action of ['redrive', 'discard', 'retry-now'])
      it(`chooses by the same filters for ${action}`, async () => {
        const of = async (...options: string[]) => {
          const reason = action === 'discard' ? ['--reason', 'by hand'] : []
          const choice = action === 'retry-now' ? '--code=ERR_HANDLER_FAILED' : '--code=ERR_TEAM_UNKNOWN'
          const { code, out, error } = await run([action, choice, '--dry-run', '--json', ...reason, ...options], place)
          return code === 0 ? (JSON.parse(out).count as number) : error
        }
        const reason = action === 'retry-now' ? 'the handler threw Error' : 'no team for "this", court'

        expect([
          await of('--since', '2090-11-28T13:00:00Z', '--until', '2090-11-28T16:00:00Z'),
          await of('--since', '2090-11-28T16:00:00Z'),
          await of('--attempts', '1'),
          await of('--attempts', '9'),
          await of('--of-reason', reason),
          await of('--reference', 'CASE-1'),
        ]).to.deep.equal([1, 0, 1, 0, 1, 0])
        expect(await of('--of-reason', 'no')).to.match(/^ERR_FILTER_UNKNOWN: no reason "no"/)
        expect((await run([action, 'dead-0001', '--since', '2h', '--reason', 'x'], place)).code).to.equal(2)
      })

    it('says how many more there are, and how to see them', async () => {
      const some = await run(['submissions', '--limit', '4'], place)
      const rest = await run(['submissions', '--limit', '4', '--offset', '4'], place)
      const json = await run(['submissions', '--limit', '4', '--json'], place)

      expect(some.error).to.equal('4 of 6 submissions: --offset 4 shows the next, --all shows all')
      expect([rest.error, json.error]).to.deep.equal(['', ''])
    })

    it('writes CSV in which no cell is a formula', async () => {
      const { code, out } = await run(['submissions', '--csv', '--until', '2090-11-28T17:00:00Z'], place)

      const lines = out.split('\r\n')
      expect(code).to.equal(0)
      expect(lines[0]).to.equal(
        'submissionId,form,state,uncertain,code,reason,reference,attempts,receivedAt,changedAt,dueAt,files,missingFiles,serviceSlug,revision,id',
      )
      expect(lines[1]).to.match(
        /^formula-0001,comment,delivered,false,,,"'=HYPERLINK\(""https:\/\/evil\.example""\)",1,2090-11-28T16:00:00\.000Z,/,
      )
      expect(lines[4]).to.include(',"no team for ""this"", court",')
      expect(lines).to.have.lengthOf(6)
    })

    it('lists all of more than a page, each once, though more come in between', async () => {
      const many =
        kind === 'sqlite'
          ? { DATA_DIR: join(folder, 'many') }
          : { DATABASE_URL: await (await sharedPostgres()).database() }
      const options = { migrate: true, horizonSeconds: 3600, now: () => new Date(now) }
      const large =
        kind === 'sqlite'
          ? await openSqlite(join(folder, 'many'), options)
          : await openPostgres({ url: many['DATABASE_URL'] as string, connections: 2 }, options)
      // More than a page of one moment, and others around it.
      for (const count of [700, 1500, 900]) {
        for (let left = count; left > 0; left -= 500) {
          await large.accept(Array.from({ length: Math.min(left, 500) }, () => incoming()))
        }
        now += 1
      }
      const [text, csv, json] = [
        await run(['submissions', '--all'], many),
        await run(['submissions', '--all', '--csv'], many),
        await run(['submissions', '--all', '--json', '--offset', '100'], many),
      ]
      const lines: string[] = []
      let coming: Promise<unknown> | undefined
      const during = {
        out: (line: string) => {
          lines.push(line)
          // The head is written before the first rows are read, and what comes before that is listed.
          if (lines.length > 1) coming ??= large.accept(Array.from({ length: 300 }, () => incoming()))
        },
      }
      await run(['submissions', '--all', '--csv'], many, during)
      await coming
      const shown: (string | undefined)[] = []
      let milliseconds = 0
      const slow = { progress: (line: string | undefined) => shown.push(line) }
      const clock = performance.now
      performance.now = () => (milliseconds += 1000)
      await run(['submissions', '--all', '--offset', '1000'], many, slow).finally(() => {
        performance.now = clock
      })
      await large.close()

      expect(shown).to.deep.equal([
        '[########----------------------] 29%, 1000 of 3400 submissions',
        '[#################-------------] 58%, 2000 of 3400 submissions',
        '[##########################----] 88%, 3000 of 3400 submissions',
        '[##############################] 100%, 3400 of 3400 submissions',
        undefined,
      ])
      const ids = (lines: string[]) => new Set(lines.map((line) => line.split(/[ ,]/, 1)[0]))
      expect(ids(text.out.split('\n').slice(1)).size).to.equal(3100)
      expect(text.out.split('\n')).to.have.lengthOf(3101)
      expect(ids(csv.out.split('\r\n').slice(1)).size).to.equal(3100)
      expect(ids(lines.join('\n').split('\r\n').slice(1)).size).to.equal(3100)
      expect(lines.join('\n').split('\r\n')).to.have.lengthOf(3101)
      expect(new Set((JSON.parse(json.out) as Entry[]).map(({ id }) => id)).size).to.equal(3000)
      expect([text.error, csv.error, json.error]).to.deep.equal(['', '', ''])
    })
  })
}
