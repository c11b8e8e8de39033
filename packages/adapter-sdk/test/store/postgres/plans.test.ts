import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import pg from 'pg'
import * as accept from '../../../src/store/postgres/accept.ts'
import * as forms from '../../../src/store/postgres/forms.ts'
import * as ledger from '../../../src/store/postgres/ledger.ts'
import { SESSION, type Statement } from '../../../src/store/postgres/pool.ts'
import * as processes from '../../../src/store/postgres/processes.ts'
import * as queue from '../../../src/store/postgres/queue.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import * as sweep from '../../../src/store/postgres/sweep.ts'
import { SCHEMA } from '../../../src/store/postgres/tables.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { delivered, incoming } from '../../submissions.ts'

const ROWS = 100_000

/** What a statement read of the tables, as EXPLAIN ANALYZE counts it. */
interface Read {
  readonly scans: readonly string[]
  readonly rows: number
}

describe('the statements of PostgreSQL, on 100,000 rows', () => {
  let client: pg.Client
  /** Rows of the table: id, attempts and revision by state. */
  const samples = new Map<string, { id: string; attempts: number; revision: number; due_at: Date }[]>()
  let file: string

  before(async () => {
    const url = await (await sharedPostgres()).database()
    const store = await openPostgres({ url, connections: 2 }, { migrate: true, horizonSeconds: 90_000 })
    await store.close()
    client = new pg.Client({ connectionString: url })
    await client.connect()
    for (const [name, value] of Object.entries(SESSION)) await client.query(`SET ${name} = '${value}'`)
    await client.query('SET plan_cache_mode = force_generic_plan')
    // As in a process that started on empty tables: the plans are made before the rows are there.
    for (const [name, text] of new Map(STATEMENTS.map(([, each]) => [each.name, each.text])))
      await client.query(`PREPARE "${name}" AS ${text}`)
    await fill(client)
    for (const state of ['waiting', 'running', 'dead', 'delivered']) {
      const { rows } = await client.query(
        `SELECT id::text, attempts, revision, due_at FROM ${SCHEMA}.submission WHERE state = $1 ORDER BY id LIMIT 16`,
        [state],
      )
      samples.set(state, rows)
    }
    file = (await client.query(`SELECT id::text FROM ${SCHEMA}.attachment LIMIT 1`)).rows[0].id
  })
  after(() => client?.end())

  const of = (state: string) => samples.get(state) ?? []
  const refs = (state: string) => JSON.stringify(of(state).map(({ id, attempts }) => ({ id, attempt: attempts })))
  const releases = () =>
    JSON.stringify(
      of('running').map(({ id, attempts, due_at }) => ({ id, attempt: attempts, due_at, approved: false })),
    )
  const ends = () =>
    queue.endedRows(
      of('running').map(({ id, attempts }) => ({ claim: { id, attempt: attempts }, ending: delivered() })),
    )
  const wanted = JSON.stringify([
    { form: 'complaint', most: 16, suspects: 1 },
    { form: 'comment', most: 16, suspects: 1 },
  ])
  const chosen = (state: string) => JSON.stringify(of(state))
  const old = new Date(Date.now() - 20 * 86_400_000)

  const NEWEST = { byReceipt: true, receivedAfter: old, receivedBefore: old }
  const UUID = randomUUID()
  const POSITION = [old.getTime() * 1000, randomUUID()]

  // Each row: a statement, its values, and how many rows of all tables it may read.
  const STATEMENTS: readonly (readonly [string, Statement, () => unknown[], number])[] = [
    [
      'accepts 16',
      accept.ACCEPT,
      () => accept.acceptValues(new Map(Array.from({ length: 16 }, () => [randomUUID(), incoming()])), 0, null),
      200,
    ],
    ['looks up one', accept.IS_HELD, () => [of('delivered')[0]?.id], 2],
    [
      'counts a failed delivery',
      accept.COUNT_FAILED_DELIVERY,
      () => [randomUUID(), 'complaint', 'x', null, 'ERR', null],
      2,
    ],
    ['shows what waits for its files', ledger.WAITING_FOR_FILES, () => [null], 2000],
    ['settles 16', queue.SETTLE, () => [ends(), 0, null], 200],
    ['claims', queue.CLAIM_DUE, () => [wanted, 30, 90_000, null], 300],
    ['settles and claims', queue.SETTLE_AND_CLAIM, () => [ends(), 0, wanted, 30, 90_000, null], 500],
    ['finds what is overdue', queue.OVERDUE, () => [90_000, null], 60],
    [
      'ends what was lost',
      queue.END_LOST,
      () => [
        JSON.stringify(
          of('running').map(({ id, attempts, due_at }) => ({
            id,
            attempt: attempts,
            due_at,
            loss: 'uncertain',
            can_confirm: true,
            delay: 1,
            settle: 1,
            lease: 30,
            most: 5,
          })),
        ),
        0,
        null,
      ],
      200,
    ],
    ['records that 16 act', queue.ACTING, () => [refs('running'), null], 100],
    ['renews 16', queue.RENEW, () => [refs('running'), 30, null], 50],
    ['releases 16', queue.RELEASE, () => [releases()], 200],
    ['tells the history of one', ledger.HISTORY, () => [of('delivered')[0]?.id], 10],
    ['lists the newest', ledger.list({}, { limit: 50, offset: 0 }), () => [50, 0], 101],
    ['lists what is dead', ledger.list({ state: 'dead' }, { limit: 50, offset: 0 }), () => [50, 0], 400],
    [
      'looks for a code among the newest',
      ledger.list({ ...NEWEST, code: 'ERR' }, { limit: 50, offset: 0 }),
      () => ['ERR', old, new Date(old.getTime() + 600_000), 50, 0],
      100,
    ],
    [
      'looks for dead letters of a form among the newest',
      ledger.list({ ...NEWEST, state: 'dead', form: 'x', idPrefix: 's' }, { limit: 50, offset: 0 }),
      () => ['s', 'comment', old, new Date(old.getTime() + 600_000), 50, 0],
      100,
    ],
    [
      'counts what waits among the newest',
      ledger.count({ ...NEWEST, state: 'waiting' }, 20_000),
      () => [old, new Date(old.getTime() + 600_000), 20_000],
      100,
    ],
    ['counts no further than 50 dead letters', ledger.count({ state: 'dead' }, 50), () => [50], 50],
    ['finds where the newest 5,000 end', ledger.RECEIVED_BEHIND, () => [null, 5000], 5001],
    ['finds where a step of a scan ends', ledger.SCAN_END, () => [...POSITION, null, 500], 502],
    [
      'scans a step',
      ledger.scan({ state: 'dead' }, POSITION, [(old.getTime() - 600_000) * 1000, POSITION[1] as string]),
      () => [...POSITION, (old.getTime() - 600_000) * 1000, POSITION[1]],
      100,
    ],
    ['reads the detail of one', ledger.DETAIL, () => [of('delivered')[0]?.id], 2],
    ['groups dead letters by reason', ledger.DEAD_REASONS, () => [200], 300],
    ['finds the id of a row', ledger.list({ id: UUID }, { limit: 1, offset: 0 }), () => [of('dead')[0]?.id, 1, 0], 10],
    [
      'lists what waits of a form with a code',
      ledger.list({ state: 'waiting', form: 'x', code: 'x' }, { limit: 50, offset: 0 }),
      () => ['comment', 'ERR', 50, 0],
      1100,
    ],
    ['counts no further than 50 that wait', ledger.count({ state: 'waiting' }, 50), () => [50], 50],
    ['counts what waits with a code', ledger.count({ state: 'waiting', code: 'x' }), () => ['ERR', null], 1100],
    ['counts what runs', ledger.count({ state: 'running' }, 20_001), () => [20_001], 60],
    ['finds a submissionId', ledger.list({ id: 'x' }, { limit: 1, offset: 0 }), () => ['nobody', 1, 0], 5],
    [
      'finds the beginning of a submissionId',
      ledger.list({ idPrefix: 'x' }, { limit: 50, offset: 0 }),
      () => ['submission-4242', 'submission-4242\u{10ffff}', 50, 0],
      50,
    ],
    ['finds a reference', ledger.list({ reference: 'x' }, { limit: 1, offset: 0 }), () => ['case-77', 1, 0], 5],
    ['counts', ledger.COUNTS, () => [null], 2500],
    ['lists forms', forms.FORMS, () => [], 10],
    ['pauses', forms.PAUSE, () => ['complaint', 'x', 'y', null], 10],
    ['resumes', forms.RESUME, () => ['complaint', 'x', null, null], 10],
    ['counts dead letters by code', ledger.DEAD_BY_CODE, () => [], 300],
    ['groups dead letters', ledger.DEAD_GROUPS, () => [], 300],
    ['tells the last hours', ledger.HOURS, () => [24, null, null], 300],
    ['tells the last 28 days of a form', ledger.HOURS, () => [28 * 24, null, 'complaint'], 2000],
    ['counts refusals', processes.REFUSALS, () => [24, null], 300],
    [
      'checks in',
      processes.CHECK_IN,
      () =>
        processes.checkInValues(
          { id: randomUUID(), role: 'all', version: '1' },
          {
            ended: [{ form: 'complaint', wasDelivered: true, failures: 1, code: 'ERR' }],
            refused: [{ form: 'complaint', code: 'ERR', count: 1 }],
          },
          0,
          null,
        ),
      10,
    ],
    ['checks out', processes.CHECK_OUT, () => [randomUUID()], 1],
    ['lists processes', processes.PROCESSES, () => [null], 10],
    ['tells what people did', ledger.ACTIONS, () => [50, 0], 150],
    ['redrives 16', ledger.REDRIVE, () => [chosen('dead'), 'x', 'y', null, 'dead'], 100],
    ['discards 16', ledger.DISCARD, () => [chosen('dead'), 'x', 'y', null, 'dead'], 100],
    ['retries 16 now', ledger.RETRY_NOW, () => [chosen('waiting'), 'x', 'y', null, 'waiting'], 100],
    ['finds the owner of a file', sweep.OWNER, () => [file], 5],
    ['finds what may be erased', sweep.ERASABLE, () => [86_400, 100, null], 300],
    ['erases 16', sweep.ERASE, () => [of('delivered').map(({ id }) => id), null], 200],
    ['forgets 100 of each', sweep.FORGET, () => [86_400, 86_400, 86_400, 86_400, 100, null], 2000],
    ['counts old dead letters', sweep.OLD_DEAD_LETTERS, () => [86_400, null], 300],
    ['gives files up', sweep.GIVE_UP, () => [[randomUUID(), file], null], 10],
  ]

  for (const [title, { name }, values, most] of STATEMENTS) {
    it(`${title}: reads at most ${most} rows, each by an index`, async () => {
      const { scans, rows } = await read(client, name, values())

      expect(scans).to.deep.equal([])
      expect(rows).to.be.at.most(most)
    })
  }

  it('lists a time by an index', async () => {
    const { text, values } = ledger.list(
      { receivedAfter: old, receivedBefore: new Date(old.getTime() + 60_000) },
      { limit: 50, offset: 0 },
    )
    await client.query(`PREPARE "a time" AS ${text}`)

    const { scans, rows } = await read(client, 'a time', [...values])

    expect(scans).to.deep.equal([])
    expect(rows).to.be.at.most(100)
  })
})

/** Runs a prepared statement and takes back what it wrote. */
async function read(client: pg.Client, name: string, values: readonly unknown[]): Promise<Read> {
  const literals = values.map((value) => literal(value)).join(', ')
  await client.query('BEGIN')
  try {
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE "${name}"${values.length === 0 ? '' : `(${literals})`}`,
    )
    const nodes = flatten(rows[0]['QUERY PLAN'][0].Plan)
    return {
      scans: nodes
        .filter((node) => node['Node Type'] === 'Seq Scan')
        .map((node) => String(node['Relation Name']))
        // They have a row for each form and each process, however many submissions there are.
        .filter((name) => !['form', 'process'].includes(name)),
      rows: nodes
        .filter((node) => /Index (Only )?Scan/.test(String(node['Node Type'])))
        .map(
          (node) =>
            Number(node['Actual Loops']) * (Number(node['Actual Rows']) + Number(node['Rows Removed by Filter'] ?? 0)),
        )
        .reduce((sum, each) => sum + each, 0),
    }
  } finally {
    await client.query('ROLLBACK')
  }
}

type Node = Readonly<Record<string, unknown>>

function flatten(node: Node): Node[] {
  return [node, ...((node['Plans'] as Node[] | undefined) ?? []).flatMap(flatten)]
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (Array.isArray(value)) return `ARRAY[${value.map(literal).join(', ')}]::uuid[]`
  if (value instanceof Date) return `'${value.toISOString()}'`
  return typeof value === 'number' ? String(value) : pg.escapeLiteral(String(value))
}

/** A year of submissions: nearly all have ended. */
async function fill(client: pg.Client): Promise<void> {
  await client.query(`
    INSERT INTO ${SCHEMA}.submission (id, form, submission_id, service_slug, state, due_at, attempts, attempts_since_redrive,
      losses, code, reference, received_at, changed_at, erased_at, files)
    SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN 'complaint' ELSE 'comment' END, 'submission-' || n, 'slug', state,
      CASE state WHEN 'waiting' THEN at - interval '1 minute' WHEN 'running' THEN now() + interval '10 seconds' END,
      1, 1, CASE WHEN n % 50 = 0 THEN 1 ELSE 0 END, CASE state WHEN 'dead' THEN 'ERR_HANDLER_PERMANENT' END, 'case-' || n,
      at, at, CASE WHEN state = 'delivered' AND n % 5 > 0 THEN at END, '[]'
    FROM generate_series(1, ${ROWS}) n,
      LATERAL (SELECT now() - n * interval '30 seconds' AS at,
        CASE WHEN n <= 1000 THEN 'waiting' WHEN n <= 1050 THEN 'running' WHEN n <= 1250 THEN 'dead' ELSE 'delivered' END AS state) s`)
  await client.query(`
    INSERT INTO ${SCHEMA}.letter (submission, jwe) SELECT id, 'x' FROM ${SCHEMA}.submission WHERE erased_at IS NULL;
    INSERT INTO ${SCHEMA}.history (submission, at, what, by)
      SELECT id, changed_at, 'redriven', CASE WHEN random() < 0.01 THEN 'somebody' END FROM ${SCHEMA}.submission;
    INSERT INTO ${SCHEMA}.attachment (id, submission) SELECT gen_random_uuid(), id FROM ${SCHEMA}.submission WHERE erased_at IS NULL;
    INSERT INTO ${SCHEMA}.attachment (id, given_up_at) SELECT gen_random_uuid(), now() - n * interval '1 minute' FROM generate_series(1, 2000) n;
    INSERT INTO ${SCHEMA}.failed_delivery SELECT gen_random_uuid(), 'complaint', 'x', NULL, 'ERR', 1, now() - n * interval '1 hour',
      now() - n * interval '1 hour' FROM generate_series(1, 2000) n;
    INSERT INTO ${SCHEMA}.hourly SELECT date_trunc('hour', now()) - n * interval '1 hour', 'complaint', 'delivered', 1, 5
      FROM generate_series(0, 800) n`)
  await client.query('ANALYZE')
}
