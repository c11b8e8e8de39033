/** Whether a full store works as fast as an empty one, and how many bytes a submission takes. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { openStore } from '../packages/adapter-sdk/src/store/open.ts'
import type { Settled, Store } from '../packages/adapter-sdk/src/store/store.ts'
import type { Incoming } from '../packages/adapter-sdk/src/store/submission.ts'
import { drained, drainSettings, SlowTarget } from './drain.ts'
import type { Lab, Subject } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 7
const ROWS = 1_000_000
const CLAIMED = 4_000
const CLAIMED_AT_ONCE = 32
const SIZED = 20_000
const SIZED_BYTES = 2_000
const TARGET_MILLISECONDS = 5
const SETTINGS = { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1' }

export async function acceptRows(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const [kind, make] of Object.entries(PLACES)) {
    const [empty, full] = [await make(lab, 'rows_none'), await make(lab, 'rows_many')]
    await fill(full)
    measures.push(...(await handingOver(lab, kind, empty, full)))
    measures.push(...(await claiming(kind, empty, full)))
    measures.push(...(await accepting(lab, kind, empty, full)))
    measures.push(await sized(kind, await make(lab, 'rows_sized')))
  }
  return measures
}

/** A place of a store, and statements that the store itself does not have. */
export interface Place {
  readonly settings: { readonly DATA_DIR: string } | { readonly DATABASE_URL: string }
  run(statements: readonly string[]): Promise<void>
  readonly fill: readonly string[]
  bytes(): Promise<number>
}

/** Places by the name of their engine. */
// As rows are once they were delivered and erased: what is left of a submission for the rest of KEEP_DAYS.
export const PLACES: Readonly<Record<string, (lab: Lab, name: string) => Promise<Place>>> = {
  async SQLite(lab, name) {
    const settings = { DATA_DIR: join(lab.folder, name) }
    const path = join(settings.DATA_DIR, 'store/adapter.sqlite')
    const with_ = <T>(work: (database: DatabaseSync) => T): T => {
      const database = new DatabaseSync(path)
      try {
        return work(database)
      } finally {
        database.close()
      }
    }
    return {
      settings,
      run: async (statements) => with_((database) => statements.forEach((each) => void database.exec(each))),
      fill: [
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
         INSERT INTO submission (id, form, submission_id, service_slug, state, attempts, attempts_since_redrive, reference,
           revision, received_at, changed_at, erased_at)
         SELECT randomblob(16), 'complaint',
           lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
             substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
           'hmcts-complaint-form-eng', 'delivered', 1, 1, 'case-' || (${FIRST_CASE} + i), 3, t, t, t
         FROM (SELECT i, 1000 * unixepoch('now', '-8 days') + i AS t FROM n)`,
        `INSERT INTO history (row, at, what, attempt) SELECT s.row, s.changed_at, w.what, 1 FROM submission s,
           (SELECT 'attempt started' AS what UNION ALL SELECT 'attempt delivered') w ORDER BY s.row`,
        'PRAGMA wal_checkpoint(TRUNCATE)',
      ],
      bytes: async () =>
        with_((database) => {
          database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
          const { used } = database
            .prepare(
              'SELECT (page_count - freelist_count) * page_size AS used FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
            )
            .get() as { used: number }
          return used
        }),
    }
  },
  async PostgreSQL(lab, name) {
    return postgresPlace(await lab.database(name))
  },
}

/** Fills a database with a million submissions, as they are once they were delivered and erased. */
export async function fillPostgres(url: string): Promise<void> {
  await fill(postgresPlace(url))
}

function postgresPlace(url: string): Place {
  const settings = { DATABASE_URL: url }
  const query = async (text: string): Promise<{ bytes?: string } | undefined> => {
    const client = new pg.Client({ connectionString: settings.DATABASE_URL })
    await client.connect()
    try {
      return (await client.query<{ bytes?: string }>(text)).rows[0]
    } finally {
      await client.end()
    }
  }
  return {
    settings,
    run: async (statements) => {
      for (const each of statements) await query(each)
    },
    fill: [
      `INSERT INTO formbuilder.submission (id, form, submission_id, service_slug, state, attempts, attempts_since_redrive,
           reference, revision, received_at, changed_at, erased_at)
         SELECT gen_random_uuid(), 'complaint', gen_random_uuid()::text, 'hmcts-complaint-form-eng', 'delivered', 1, 1,
           'case-' || (${FIRST_CASE} + i), 3, t, t, t
         FROM (SELECT i, now() - interval '8 days' + i * interval '1 ms' AS t FROM generate_series(1, ${ROWS}) i) n`,
      `INSERT INTO formbuilder.history (submission, at, what, attempt) SELECT s.id, s.changed_at, w.what, 1
         FROM formbuilder.submission s, (VALUES ('attempt started'), ('attempt delivered')) w (what)`,
      'VACUUM ANALYZE formbuilder.submission',
      'VACUUM ANALYZE formbuilder.history',
      'CHECKPOINT',
    ],
    async bytes() {
      // Without what was updated and deleted: PostgreSQL uses that room again.
      for (const table of ['submission', 'letter', 'history']) await query(`VACUUM FULL formbuilder.${table}`)
      const row = await query(`SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class c
          WHERE c.relnamespace = 'formbuilder'::regnamespace AND c.relkind = 'r'`)
      return Number(row?.bytes)
    },
  }
}

/** Opens the store of a place. */
export async function open({ settings }: Place): Promise<Store> {
  const place = { DATABASE_URL: undefined, DATA_DIR: undefined, ...settings }
  return await openStore(place, { migrate: true, horizonSeconds: 86_400 })
}

/** Makes a million rows in it. */
export async function fill(place: Place): Promise<void> {
  const store = await open(place)
  await store.close()
  await place.run(place.fill)
}

async function accepting(lab: Lab, kind: string, ...places: [empty: Place, full: Place]): Promise<Measure[]> {
  const subjects: Subject[] = []
  for (const { settings } of places) subjects.push(await lab.start('adapter.ts', { ...SETTINGS, ...settings }))
  const rates: number[][] = [[], []]
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const bodies = await lab.requests('bodies', round === 0 ? 15_000 : 7_000)
    for (const [i, subject] of subjects.entries()) {
      const { perSecond } = await lab.load(subject, { bodies, seconds: round === 0 ? 2 : 1 })
      if (round > 0) rates[i]?.push(perSecond)
    }
  }
  for (const subject of subjects) await subject.stop()
  return compared(`${kind}, accepted`, rates)
}

async function handingOver(lab: Lab, kind: string, ...places: [empty: Place, full: Place]): Promise<Measure[]> {
  await using target = await SlowTarget.start()
  const subjects: Subject[] = []
  for (const { settings } of places)
    subjects.push(await lab.start('adapter.ts', { ...drainSettings(target), ...settings }))
  const rates: number[][] = [[], []]
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, subject] of subjects.entries()) {
      const rate = await drained(lab, subject, target, TARGET_MILLISECONDS)
      if (round > 0) rates[i]?.push(rate)
    }
  }
  for (const subject of subjects) await subject.stop()
  return compared(`${kind}, handed over`, rates)
}

async function claiming(kind: string, ...places: [empty: Place, full: Place]): Promise<Measure[]> {
  const stores: Store[] = []
  for (const place of places) stores.push(await open(place))
  const rates: number[][] = [[], []]
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, store] of stores.entries()) {
      await acceptMany(store, CLAIMED)
      const began = performance.now()
      const claimed = await deliverAll(store)
      if (round > 0) rates[i]?.push(claimed / ((performance.now() - began) / 1000))
    }
  }
  for (const store of stores) await store.close()
  return compared(`${kind}, the store alone: claimed and settled`, rates)
}

function compared(subject: string, [empty = [], full = []]: number[][]): Measure[] {
  const name = (rows: number) => `${subject}, ${rows.toLocaleString('en-GB')} rows kept`
  const unit = 'a second'
  return [
    { subject: name(0), unit, rounds: empty },
    { subject: name(ROWS), unit, rounds: full, against: name(0), mark: { ratio: 0.95 } },
  ]
}

/** Bytes of a delivered submission that still has its letter. */
async function sized(kind: string, place: Place): Promise<Measure> {
  const store = await open(place)
  const before = await place.bytes()
  await acceptMany(store, SIZED)
  await deliverAll(store)
  await store.close()
  const kilobytes = ((await place.bytes()) - before) / SIZED / 1000
  return {
    subject: `${kind}, a submission of ${SIZED_BYTES / 1000} KB`,
    unit: 'KB',
    rounds: [kilobytes],
    mark: { value: 2.6, atMost: true },
  }
}

async function acceptMany(store: Store, count: number): Promise<void> {
  const [form, serviceSlug, files] = ['complaint', 'hmcts-complaint-form-eng', []] as const
  // Ciphertext does not get smaller, and neither does this.
  const jwe = () => Array.from({ length: SIZED_BYTES }, () => LETTERS[Math.floor(Math.random() * 64)]).join('')
  for (let n = 0; n < count; n += CLAIMED_AT_ONCE) {
    const batch = Array.from({ length: CLAIMED_AT_ONCE }, (): Incoming => {
      return { form, submissionId: randomUUID(), serviceSlug, jwe: jwe(), files, keyId: 'c0ffee00' }
    })
    await store.accept(batch)
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

// Case systems number their cases in order, all with as many digits.
const FIRST_CASE = 10_000_000
let nextCase = 2 * FIRST_CASE

/** Claims and settles until nothing is due; returns how many were settled. */
async function deliverAll(store: Store): Promise<number> {
  const claim = [{ form: 'complaint', most: CLAIMED_AT_ONCE, suspects: 0 }]
  let settle: Settled[] = []
  let settled = 0
  do {
    const claims = await store.turn({ settle, claim, leaseSeconds: 30 })
    settled += settle.length
    settle = claims.map((each) => ({
      claim: each,
      ending: { outcome: 'delivered', reference: `case-${nextCase++}`, confirmed: false },
    }))
  } while (settle.length > 0)
  return settled
}
