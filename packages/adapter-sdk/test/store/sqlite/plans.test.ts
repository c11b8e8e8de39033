import { randomUUID } from 'node:crypto'
import * as sqlite from 'node:sqlite'
import { expect } from 'chai'
import type { Claim } from '../../../src/store/claim.ts'
import type { Filter } from '../../../src/store/entry.ts'
import { type Engine, openEngine } from '../../../src/store/sqlite/engine.ts'
import { uuidOf } from '../../../src/store/sqlite/tables.ts'
import { dead, delivered, incoming, retry } from '../../submissions.ts'

const ROWS = 100_000
const PAGE = { limit: 50, offset: 0 }
const LIVE = ['submission_due', 'submission_suspect', 'submission_running', 'submission_dead']

/** A database that notes the text of each statement that is run. */
class Recording extends sqlite.DatabaseSync {
  static last: Recording | undefined
  static readonly used = new Set<string>()

  constructor(path: string, options: sqlite.DatabaseSyncOptions) {
    super(path, options)
    Recording.last = this
  }

  override prepare(text: string): sqlite.StatementSync {
    const statement = super.prepare(text)
    return new Proxy(statement, {
      get(target, name) {
        Recording.used.add(text)
        return Reflect.get(target, name).bind(target)
      },
    })
  }
}

describe('the statements of SQLite, on 100,000 rows', () => {
  let database: sqlite.DatabaseSync
  let engine: Engine
  const now = Date.now()
  const ids: Record<string, string[]> = {}
  let file: string
  let claims: Claim[]

  before(() => {
    engine = openEngine(
      { ...sqlite, DatabaseSync: Recording },
      { path: ':memory:', isReader: false, migrate: true, horizonSeconds: 90_000 },
    )
    database = Recording.last as sqlite.DatabaseSync
    fill(database, now)
    for (const state of ['waiting', 'running', 'dead', 'delivered']) {
      ids[state] = database
        .prepare('SELECT id FROM submission WHERE state = ? ORDER BY row LIMIT 16')
        .all(state)
        .map(({ id }) => uuidOf(id))
    }
    file = uuidOf(database.prepare('SELECT id FROM attachment WHERE row IS NOT NULL LIMIT 1').get()?.['id'])
  })
  after(() => engine.close(0))

  const claim = () =>
    engine.turn(now, { settle: [], claim: [{ form: 'complaint', most: 8, suspects: 8 }], leaseSeconds: 30 })
  const settle = (ending: ReturnType<typeof delivered>) =>
    engine.turn(now, { settle: claims.map((each) => ({ claim: each, ending })), claim: [], leaseSeconds: 30 })
  const chosen = (state: string) => (ids[state] ?? []).map((id) => ({ id, revision: 0 }))
  const lost = () => ({
    ...{ loss: 'uncertain' as const, canConfirm: true, delaySeconds: 1, settleSeconds: 1 },
    ...{ leaseSeconds: 30, mostLosses: 5 },
  })

  // Each row: what is done, and which indexes or tables it reads from one end to the other.
  const CALLS: readonly (readonly [string, () => unknown, readonly string[]])[] = [
    ['accepts', () => engine.accept(now, [incoming({ submissionId: 'new' })]), []],
    ['accepts again', () => engine.accept(now, [incoming({ submissionId: 'new' })]), []],
    ['looks up one', () => engine.isHeld(now, randomUUID()), []],
    ['counts a failed delivery', () => engine.countFailedDelivery(now, FAILED), []],
    ['claims', () => (claims = claim()), []],
    ['records that they act', () => engine.acting(now, claims), []],
    ['renews', () => engine.renew(now, claims, 30), []],
    ['settles retries', () => settle(retry()), []],
    ['settles dead letters', () => settle(dead()), []],
    ['settles successes', () => settle(delivered()), []],
    ['releases', () => engine.release(now, claim()), []],
    ['finds what is overdue', () => engine.overdue(now), []],
    [
      'ends what was lost',
      () =>
        engine.endLost(
          now,
          engine.overdue(now).map((seen) => ({ seen, ...lost() })),
        ),
      [],
    ],
    ['counts', () => engine.counts(now), [...LIVE, 'form', 'hourly']],
    ['lists forms', () => engine.forms(now), ['form']],
    ['pauses', () => engine.pause(now, 'complaint', 'x', 'y'), []],
    ['resumes', () => engine.resume(now, 'complaint', 'x', 'y'), []],
    ['groups dead letters', () => engine.deadGroups(now), ['submission_dead']],
    ['shows what waits for its files', () => engine.waitingForFiles(now), ['f', 'waiting', '(subquery-4)']],
    ['lists the last hours', () => engine.hours(now, 24), []],
    ['lists the last hours of a form', () => engine.hours(now, 24, 'complaint'), []],
    ['counts refusals', () => engine.refusals(now, 24), []],
    ['checks in', () => engine.checkIn(now, { id: randomUUID(), role: 'all', version: '1' }, HAPPENED), ['process']],
    ['checks out', () => engine.checkOut(now, randomUUID()), []],
    ['lists processes', () => engine.processes(now), ['process']],
    ['lists what people did', () => engine.actions(now, PAGE), ['history_action']],
    ['reads the history of one', () => engine.history(now, ids['delivered']?.[0] ?? ''), []],
    ['redrives', () => engine.act(now, 'redrive', chosen('dead'), 'x', 'y'), []],
    ['discards', () => engine.act(now, 'discard', chosen('dead'), 'x', 'y'), []],
    ['retries now', () => engine.act(now, 'retryNow', chosen('waiting'), 'x', 'y'), []],
    ['finds the owner of a file', () => engine.ownerOf(now, file), []],
    ['finds what may be erased', () => engine.erasable(now, 86_400, 100), []],
    ['erases', () => engine.erase(now, ids['delivered'] ?? []), []],
    ['forgets', () => engine.forget(now, AGES, 100), []],
    ['counts old dead letters', () => engine.oldDeadLetters(now, 86_400), []],
    ['gives files up', () => engine.giveUp(now, [randomUUID(), file]), []],
    // The index of the time stands in the order of a list: as many rows are read as are shown.
    ['lists the newest', () => list({}), ['submission_received']],
    ['lists a form', () => list({ form: 'complaint' }), ['submission_received']],
    ['lists a time', () => list({ receivedAfter: new Date(now - 1000), receivedBefore: new Date(now) }), []],
    ['finds a submissionId', () => list({ id: 'submission-1' }), []],
    ['finds the id of a row', () => list({ id: randomUUID() }), []],
    ['finds the beginning of a submissionId', () => list({ idPrefix: 'submission-4242' }), []],
    ['finds a reference', () => list({ reference: 'case-77' }), []],
    ['finds ids', () => list({ ids: ids['delivered'] ?? [] }), []],
    // What many match is looked for among so many of the newest, and no further: by the index of the time alone.
    ['finds where the newest end', () => engine.receivedBehind(now, 20_000, undefined), []],
    ['finds where the newest before a time end', () => engine.receivedBehind(now, 20_000, new Date(now)), []],
    ['lists the newest dead letters', () => list({ ...NEWEST, state: 'dead' }), []],
    ['lists the newest that wait', () => list({ ...NEWEST, state: 'waiting', form: 'comment' }), []],
    ['lists the newest with a code', () => list({ ...NEWEST, code: 'ERR', reasonPart: 'x', attempts: 2 }), []],
    ['lists the newest that begin with a letter', () => list({ ...NEWEST, idPrefix: 's' }), []],
    ['lists the newest with a reference', () => list({ ...NEWEST, reference: 'case-77' }), []],
    ['counts the newest', () => engine.count(now, { ...NEWEST, code: 'ERR' }, 20_000), ['(subquery-1)']],
    ['scans from the newest', () => engine.scan(now, { state: 'dead' }, { limit: 500, after: null }), []],
    ['scans on', () => engine.scan(now, { form: 'comment' }, { limit: 500, after: [now - 600_000, 100] }), []],
    ['reads the detail of one', () => engine.detail(now, ids['delivered']?.[0] ?? ''), []],
    ['groups dead letters by reason', () => engine.deadReasons(now, 200), ['submission_dead']],
    ['lists what waits', () => list({ state: 'waiting' }), ['submission_due', 'submission_suspect']],
    [
      'lists what waits of a form',
      () => list({ state: 'waiting', form: 'complaint' }),
      ['submission_due', 'submission_suspect'],
    ],
    ['lists what runs', () => list({ state: 'running' }), ['submission_running']],
    ['lists dead letters', () => list({ state: 'dead' }), ['submission_dead']],
    [
      'lists dead letters with a code',
      () => list({ state: 'dead', code: 'ERR', uncertain: true }),
      ['submission_dead'],
    ],
    ['counts what waits', () => engine.count(now, { state: 'waiting' }), ['submission_due', 'submission_suspect']],
    ['counts dead letters', () => engine.count(now, { state: 'dead' }), ['submission_dead']],
  ]
  const NEWEST = { byReceipt: true, receivedAfter: new Date(now - 600_000), receivedBefore: new Date(now) }
  const list = (filter: Filter) => engine.list(now, filter, PAGE)

  for (const [title, call, scans] of CALLS) {
    it(`${title}: ${scans.length === 0 ? 'each row by its index' : `all of ${scans.join(', ')}`}`, () => {
      Recording.used.clear()
      call()

      const used = [...Recording.used]
      expect(used.length).to.be.above(0)
      expect([...new Set(used.flatMap((text) => scansOf(database, text)))].sort()).to.deep.equal([...scans].sort())
    })
  }

  it('read few rows where they read an index to its end', () => {
    const rows = (condition: string) =>
      database.prepare(`SELECT count(*) AS n FROM submission WHERE ${condition}`).get()?.['n']

    expect(rows('true')).to.be.above(ROWS - 1000)
    expect(rows("state IN ('waiting', 'running', 'dead')")).to.be.below(1500)
  })
})

const HAPPENED = {
  ended: [{ form: 'complaint', wasDelivered: true, failures: 1, code: 'ERR' }],
  refused: [{ form: 'complaint', code: 'ERR', count: 1 }],
}
const FAILED = { form: 'complaint', submissionId: 'x', host: null, code: 'ERR' }
const AGES = { endedSeconds: 86_400, failedDeliverySeconds: 86_400, hourSeconds: 86_400, givenUpSeconds: 86_400 }

/** What a statement reads from one end to the other: the index, or the table where there is none. */
function scansOf(database: sqlite.DatabaseSync, text: string): string[] {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .map(({ detail }) => String(detail))
    .filter(
      (detail) => detail.startsWith('SCAN ') && !detail.includes('VIRTUAL TABLE') && !detail.includes('CONSTANT ROW'),
    )
    .map((detail) => /USING (?:COVERING )?INDEX (\S+)/.exec(detail)?.[1] ?? detail.split(' ')[1] ?? '')
}

/** A month of submissions: nearly all have ended. */
function fill(database: sqlite.DatabaseSync, now: number): void {
  database.exec(`
    BEGIN;
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${ROWS})
    INSERT INTO submission (id, form, submission_id, service_slug, state, due_at, attempts, attempts_since_redrive, losses, code,
      reference, received_at, changed_at, erased_at)
    SELECT randomblob(16), iif(n % 2, 'complaint', 'comment'), 'submission-' || n, 'slug', state,
      CASE state WHEN 'waiting' THEN ${now} - 60000 WHEN 'running' THEN ${now} - 1000 END, 1, 1, n % 50 = 0,
      iif(state = 'dead', 'ERR', NULL), 'case-' || n, ${now} - n * 30000, ${now} - n * 30000,
      iif(state = 'delivered' AND n % 5 > 0, ${now} - n * 30000, NULL)
    FROM (SELECT n, CASE WHEN n <= 1000 THEN 'waiting' WHEN n <= 1050 THEN 'running' WHEN n <= 1250 THEN 'dead'
      ELSE 'delivered' END AS state FROM n);
    INSERT INTO letter (row, jwe) SELECT row, 'x' FROM submission WHERE erased_at IS NULL;
    INSERT INTO history (row, at, what, by) SELECT row, changed_at, 'redriven', iif(row % 100, NULL, 'ada') FROM submission;
    INSERT INTO attachment (id, row) SELECT randomblob(16), row FROM submission WHERE erased_at IS NULL;
    COMMIT`)
}
