/** From one version of the tables to the next: a made-up version 2 stands for what is still to come. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as sqlite from 'node:sqlite'
import { promisify } from 'node:util'
import { expect } from 'chai'
import pg from 'pg'
import type { Entry } from '../../src/store/entry.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import * as postgres from '../../src/store/postgres/tables.ts'
import { openEngine } from '../../src/store/sqlite/engine.ts'
import { prepareFolder } from '../../src/store/sqlite/folder.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import * as lite from '../../src/store/sqlite/tables.ts'
import type { Store } from '../../src/store/store.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { delivered, incoming } from '../submissions.ts'
import { until } from '../until.ts'
import { tablesOfPostgres, tablesOfSqlite } from './tables-of.ts'

const PAGE = { limit: 100, offset: 0 }
const HORIZON_SECONDS = 2 * 86_400
const START = { migrate: true, horizonSeconds: HORIZON_SECONDS }
const COMMAND = { ...START, migrate: false }

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', `version-1.${name}.sql`), 'utf8')

/** What the rows of the fixture are, by submissionId: state, attempts, losses, uncertain, code, reference. */
const ROWS: readonly (readonly [string, string, number, number, boolean, string | null, string | null])[] = [
  ['a-delivered', 'delivered', 1, 0, false, null, '492233'],
  ['b-erased', 'delivered', 1, 0, false, null, '492234'],
  ['c-discarded', 'discarded', 1, 0, false, 'ERR_HANDLER_PERMANENT', null],
  ['d-dead', 'dead', 1, 0, false, 'ERR_HANDLER_PERMANENT', null],
  ['e-uncertain', 'dead', 1, 0, true, 'ERR_HANDLER_UNCERTAIN', null],
  ['f-retrying', 'waiting', 1, 0, false, 'ERR_HANDLER_FAILED', null],
  ['g-lost', 'waiting', 1, 1, true, 'ERR_ATTEMPT_LOST', null],
  ['h-running', 'running', 1, 0, false, null, null],
  ['i-missing', 'dead', 0, 0, false, 'ERR_ATTACHMENT_MISSING', null],
  ['j-redriven', 'waiting', 1, 0, false, 'ERR_HANDLER_PERMANENT', null],
  ['k-waiting', 'waiting', 0, 0, false, null, null],
]

/** The files of what waits are handed out with it. */
const FILES_OF_K = [{ id: '00000000-0000-4000-8000-000000000004', bytes: 32, plaintextBytes: 20, sha256: 'ab' }]

const rowsOf = (entries: readonly Entry[]) =>
  entries
    .map((entry) => [
      ...[entry.submissionId, entry.state, entry.attempts, entry.losses, entry.uncertain, entry.code, entry.reference],
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))

/** When everything in the fixture is due. */
const LATER = Date.UTC(2030, 0, 1, 13)

describe('the tables of PostgreSQL', () => {
  const clients: pg.Client[] = []
  const stores: Store[] = []
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
    for (const client of clients.splice(0)) await client.end()
  })

  const database = async () => await (await sharedPostgres()).database()
  const connect = async (url: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    clients.push(client)
    return client
  }
  const open = async (url: string, options: Parameters<typeof openPostgres>[1] = START) => {
    const store = await openPostgres({ url, connections: 4 }, options)
    stores.push(store)
    return store
  }
  const refusal = async (url: string, options: typeof START) =>
    await open(url, options).then(
      () => 'opened',
      (error: Error) => error.message,
    )
  const versions = async (client: pg.Client) =>
    (await client.query(`SELECT version FROM ${postgres.SCHEMA}.version`)).rows
  /** A store as version 1 made it, with rows in every state. */
  const ofVersion1 = async () => {
    const url = await database()
    const client = await connect(url)
    await client.query(fixture('postgres'))
    await client.query(fixture('postgres.rows'))
    return { url, client }
  }
  const VERSION_2 = [
    ...postgres.MIGRATIONS.slice(0, 1),
    `ALTER TABLE ${postgres.SCHEMA}.submission ADD COLUMN priority int NOT NULL DEFAULT 5;
     ALTER TABLE ${postgres.SCHEMA}.history ADD COLUMN note text;
     ALTER TABLE ${postgres.SCHEMA}.version ADD COLUMN made_by text;
     CREATE TABLE ${postgres.SCHEMA}.of_version_2 (a int);
     CREATE INDEX submission_priority ON ${postgres.SCHEMA}.submission (priority)`,
  ]

  it('have as many versions as the code says', () => {
    expect(postgres.VERSION).to.equal(postgres.MIGRATIONS.length)
  })

  it('of version 1 are made as they were released', async () => {
    const url = await database()
    const store = await open(url)
    const client = await connect(url)
    if (postgres.VERSION > 1) {
      await client.query(`DROP SCHEMA ${postgres.SCHEMA} CASCADE`)
      await postgres.migrate(client, postgres.MIGRATIONS.slice(0, 1))
    }
    await store.check()

    expect(await tablesOfPostgres(client, [postgres.SCHEMA, postgres.FILE_SCHEMA])).to.equal(fixture('postgres'))
  })

  it('of version 1 keep every row when they are upgraded, and it goes on from there', async () => {
    const { url, client } = await ofVersion1()
    await postgres.migrate(client, VERSION_2)

    const store = await open(url, { ...START, now: () => new Date(LATER) })
    await expectVersion1(store)
    const { rows } = await client.query(`SELECT DISTINCT priority FROM ${postgres.SCHEMA}.submission`)

    expect(await versions(client)).to.deep.equal([{ version: 2 }])
    expect(rows).to.deep.equal([{ priority: 5 }])
  })

  it('are upgraded once when several processes start at the same time, whatever isolation the server is set to', async () => {
    const { url, client } = await ofVersion1()
    const starting = await Promise.all([1, 2, 3, 4].map(() => connect(url)))
    for (const each of starting) await each.query('SET default_transaction_isolation = serializable')
    // No lock of a table keeps these apart.
    const version2 = [...VERSION_2.slice(0, 1), `CREATE TABLE ${postgres.SCHEMA}.of_version_2 (a int)`]

    await Promise.all(starting.map((each) => postgres.migrate(each, version2)))

    expect(await versions(client)).to.deep.equal([{ version: 2 }])
  })

  it('are left as they were by an upgrade that fails', async () => {
    const { client } = await ofVersion1()
    const error = await postgres
      .migrate(client, [...VERSION_2, 'SELECT 1 / 0'])
      .catch((reason: { code: string }) => reason.code)

    expect(error).to.equal('22012')
    expect(await versions(client)).to.deep.equal([{ version: 1 }])
    expect(await tablesOfPostgres(client, [postgres.SCHEMA, postgres.FILE_SCHEMA])).to.equal(fixture('postgres'))
  })

  it('are upgraded under processes of both versions that accept and deliver, and nothing is lost or doubled', async () => {
    const url = await database()
    const old = await open(url)
    const client = await connect(url)
    const [accepted, handled]: [string[], string[]] = [[], []]
    let isOver = false
    const accepting = async (store: Store) => {
      while (!isOver) {
        const batch = Array.from({ length: 8 }, () => incoming())
        expect(await store.accept(batch)).to.deep.equal(Array(8).fill('accepted'))
        accepted.push(...batch.map(({ submissionId }) => submissionId))
      }
    }
    const delivering = async (store: Store) => {
      for (;;) {
        const wasOver = isOver
        const claims = await store.turn({ settle: [], claim: [WANTED], leaseSeconds: 30 })
        if (claims.length === 0 && wasOver) return
        expect(await store.acting(claims)).to.not.include(false)
        handled.push(...claims.map(({ submissionId }) => submissionId))
        await store.turn({
          settle: claims.map((claim) => ({ claim, ending: delivered() })),
          claim: [],
          leaseSeconds: 30,
        })
      }
    }

    const working = [accepting(old), accepting(old), delivering(old), delivering(old)]
    await until(() => handled.length > 500)
    await postgres.migrate(client, VERSION_2)
    const restarted = await open(url)
    working.push(accepting(restarted), delivering(restarted))
    const [before, had] = [accepted.length, handled.length]
    await until(() => accepted.length > before + 500 && handled.length > had + 500)
    isOver = true
    await Promise.all(working)

    expect(await versions(client)).to.deep.equal([{ version: 2 }])
    expect(handled.toSorted()).to.deep.equal(accepted.toSorted())
    expect(await old.count({ state: 'delivered' })).to.equal(accepted.length)
    expect(await restarted.count({})).to.equal(accepted.length)
  })

  it('do not hold up what is accepted while an upgrade waits for somebody who reads', async () => {
    const url = await database()
    const store = await open(url)
    const [client, reader] = [await connect(url), await connect(url)]
    await reader.query(`BEGIN; SELECT count(*) FROM ${postgres.SCHEMA}.submission`)

    let isUpgraded = false
    const upgrading = postgres.migrate(client, VERSION_2).then(() => {
      isUpgraded = true
    })
    const waits = `SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
    await until(async () => (await reader.query(waits)).rows.length > 0)
    const accepted = await store.accept([incoming()])
    const wasUpgraded = isUpgraded
    await reader.query('COMMIT')
    await upgrading

    expect([accepted, wasUpgraded]).to.deep.equal([['accepted'], false])
    expect(await versions(client)).to.deep.equal([{ version: 2 }])
  })

  it('that the user may not make, or does not own, stop a start with the reason', async () => {
    const [empty, owned] = [await database(), await database()]
    await open(owned)
    const client = await connect(empty)
    await client.query('DROP ROLE IF EXISTS stranger')
    await client.query(`CREATE ROLE stranger LOGIN PASSWORD 'test'`)
    const asStranger = (url: string) => url.replace('//postgres:test@', '//stranger:test@')

    for (const url of [empty, owned]) {
      expect(await refusal(asStranger(url), START)).to.equal(
        'the tables cannot be used: the user of DATABASE_URL must be allowed to create the schemas formbuilder and formbuilder_files, and own their tables',
      )
    }
  })

  it('that cannot be upgraded stop a start with the code of the server', async () => {
    const url = await database()
    const client = await connect(url)
    await client.query(`CREATE SCHEMA ${postgres.SCHEMA}; CREATE TABLE ${postgres.SCHEMA}.submission (of_another int)`)

    expect(await refusal(url, START)).to.equal('the tables cannot be used: error 42P07')
  })

  it('that are one version newer are started on, and a command of the older version refuses them by number', async () => {
    const { url, client } = await ofVersion1()
    await postgres.migrate(client, VERSION_2)

    const store = await open(url)

    expect(await store.accept([incoming()])).to.deep.equal(['accepted'])
    expect(await refusal(url, COMMAND)).to.equal(
      'the database has tables of version 2, and this program works with version 1: use the version of the running adapter',
    )
    expect(await versions(client)).to.deep.equal([{ version: 2 }])
  })

  it('that are two versions newer are refused by number, and left as they are', async () => {
    const { url, client } = await ofVersion1()
    await postgres.migrate(client, [...VERSION_2, 'SELECT 1'])

    for (const options of [START, COMMAND]) {
      expect(await refusal(url, options)).to.equal(
        'the database has tables of version 3, and this program works with version 1: use the version of the running adapter',
      )
    }
    expect(await versions(client)).to.deep.equal([{ version: 3 }])
  })
})

describe('the tables of SQLite', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'upgrade-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  const VERSION_2 = [
    ...lite.MIGRATIONS.slice(0, 1),
    `ALTER TABLE submission ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;
     CREATE TABLE of_version_2 (a INTEGER) STRICT;
     CREATE INDEX submission_priority ON submission (priority)`,
  ]
  const look = <T>(path: string, work: (database: sqlite.DatabaseSync) => T): T => {
    const database = new sqlite.DatabaseSync(path)
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  const versions = (path: string) =>
    look(path, (database) =>
      database
        .prepare('SELECT version FROM version')
        .all()
        .map((row) => row['version']),
    )
  /** The file of a store as version 1 made it, with rows in every state. */
  const ofVersion1 = () => {
    const path = prepareFolder(dataDir, true).database
    look(path, (database) => database.exec(`PRAGMA journal_mode = WAL; ${fixture('sqlite')} ${fixture('sqlite.rows')}`))
    return path
  }
  /** The engine of a program of version 2. */
  const start = (path: string, migrations: readonly string[] = VERSION_2) =>
    openEngine(sqlite, { path, isReader: false, migrate: true, horizonSeconds: HORIZON_SECONDS, migrations })

  it('have as many versions as the code says', () => {
    expect(lite.VERSION).to.equal(lite.MIGRATIONS.length)
  })

  it('of version 1 are made as they were released', () => {
    const path = prepareFolder(dataDir, true).database
    start(path, lite.MIGRATIONS.slice(0, 1)).close(0)

    expect(look(path, tablesOfSqlite)).to.equal(fixture('sqlite'))
  })

  it('of version 1 keep every row when they are upgraded, and it goes on from there', async () => {
    const path = ofVersion1()
    const engine = start(path)

    await expectVersion1({
      list: async (filter, page) => engine.list(LATER, filter, page),
      turn: async (turn) => engine.turn(LATER, turn),
      overdue: async () => engine.overdue(LATER),
      redrive: async (chosen, by, reason) => engine.act(LATER, 'redrive', chosen, by, reason),
      history: async (id) => engine.history(LATER, id),
      erasable: async (endedSeconds, most) => engine.erasable(LATER, endedSeconds, most),
      accept: async (submissions) => engine.accept(LATER, submissions),
    })
    engine.close(0)

    expect(versions(path)).to.deep.equal([2])
    expect(look(path, (database) => database.prepare('SELECT DISTINCT priority FROM submission').all())).to.deep.equal([
      { __proto__: null, priority: 5 },
    ])
  })

  it('are upgraded once when several processes start at the same time', async () => {
    const path = ofVersion1()
    const outputs = await Promise.all([1, 2, 3, 4].map(() => upgradeInProcess(path, VERSION_2)))

    expect(outputs).to.deep.equal(Array(4).fill('11'))
    expect(versions(path)).to.deep.equal([2])
  })

  it('are left as they were by an upgrade that fails', () => {
    const path = ofVersion1()

    expect(() => start(path, [...VERSION_2, 'SELECT missing']).close(0)).to.throw('no such column: missing')
    expect(versions(path)).to.deep.equal([1])
    expect(look(path, tablesOfSqlite)).to.equal(fixture('sqlite'))
  })

  it('that are one version newer are refused by number, by a start too: a folder has one version of the program', async () => {
    const path = ofVersion1()
    start(path).close(0)

    for (const options of [START, COMMAND]) {
      const error = await openSqlite(dataDir, options).catch((reason: unknown) => reason)
      expect(error).to.include({
        code: 'ERR_STORE_UNAVAILABLE',
        message:
          'the store has tables of version 2, and this program works with version 1: use the same version of the program as the running adapter',
      })
    }
    expect(versions(path)).to.deep.equal([2])
  })
})

const WANTED = { form: 'complaint', most: 16, suspects: 0 }

/** The store holds the rows of the fixture, and each of them goes on as it would have. */
async function expectVersion1(
  store: Pick<Store, 'list' | 'turn' | 'overdue' | 'redrive' | 'history' | 'erasable' | 'accept'>,
): Promise<void> {
  expect(rowsOf(await store.list({}, PAGE))).to.deep.equal(ROWS)

  expect((await store.overdue()).map(({ submissionId }) => submissionId)).to.deep.equal(['h-running'])
  const dead = (await store.list({ state: 'dead' }, PAGE)).filter(({ submissionId }) => submissionId === 'd-dead')
  const moved = await store.redrive(dead, 'ada', 'mended')
  expect(moved.map(({ submissionId }) => submissionId)).to.deep.equal(['d-dead'])
  expect(await store.erasable(60, 10)).to.have.length(2) // a-delivered, c-discarded
  const copies = ['a-delivered', 'e-uncertain', 'i-missing'].map((submissionId) =>
    incoming({ form: submissionId.slice(0, 1), submissionId }),
  )
  expect(await store.accept(copies)).to.deep.equal(['duplicate', 'duplicate', 'replaced'])

  const claim = [...'abcdefghijk'].map((form) => ({ form, most: 1, suspects: 1 }))
  const claims = await store.turn({ settle: [], claim, leaseSeconds: 30 })
  const found = claims.map((each) => [each.submissionId, each.attempt, each.uncertain, each.approved, each.jwe])
  expect(found.toSorted()).to.deep.equal([
    ['d-dead', 2, false, true, 'header..iv.d-dead.tag'],
    ['f-retrying', 2, false, false, 'header..iv.f-retrying.tag'],
    ['g-lost', 2, true, false, 'header..iv.g-lost.tag'],
    ['i-missing', 1, false, false, 'header..iv.ciphertext.tag'],
    ['j-redriven', 2, false, true, 'header..iv.j-redriven.tag'],
    ['k-waiting', 1, false, false, 'header..iv.k-waiting.tag'],
  ])
  expect(claims.find(({ submissionId }) => submissionId === 'k-waiting')?.files).to.deep.equal(FILES_OF_K)
  await store.turn({
    settle: claims.map((each) => ({ claim: each, ending: delivered() })),
    claim: [],
    leaseSeconds: 30,
  })
  expect(await store.list({ state: 'waiting' }, PAGE)).to.deep.equal([])
  expect(await store.list({ state: 'delivered' }, PAGE)).to.have.length(8)
  expect((await store.history(dead[0]?.id ?? '')).map(({ what }) => what)).to.deep.equal([
    ...['received', 'attempt started', 'attempt dead', 'redriven', 'attempt started', 'attempt delivered'],
  ])
}

/** Starts a process that brings the tables to another version, and returns how many submissions it sees then. */
async function upgradeInProcess(path: string, migrations: readonly string[]): Promise<string> {
  const engine = JSON.stringify(new URL('../../src/store/sqlite/engine.ts', import.meta.url).href)
  const program = `
    import * as sqlite from 'node:sqlite'
    import { openEngine } from ${engine}
    const options = JSON.parse(process.argv[1])
    console.log(openEngine(sqlite, options).count(0, {}))`
  const options = { path, isReader: false, migrate: true, horizonSeconds: HORIZON_SECONDS, migrations }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, JSON.stringify(options)],
    { timeout: 30_000 },
  )
  return stdout.trim()
}
