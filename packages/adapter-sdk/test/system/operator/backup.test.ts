import { randomUUID } from 'node:crypto'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import type { ExitCode } from '../../../src/cli.ts'
import type { Form } from '../../../src/form.ts'
import { encryptCompact } from '../../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../../src/protocol/keyring.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { PostgresServer } from '../../postgres-server.ts'
import { type Result, run as runIn } from '../../run-command.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { dead, delivered, incoming } from '../../submissions.ts'
import { until } from '../../until.ts'

const OPTIONS = { migrate: true, horizonSeconds: 90_000 }
const PAGE = { limit: 1000, offset: 0 }
const KEY = 'k7Wq2mZx9LtR4vBn'
const PAGE_BYTES = 4096
const [TAKEN, LOST] = ['2026-01-02T03:04:05.000Z', '2026-01-02T09:00:00.000Z']
const RESTORED = ['restored', '--backup-taken', TAKEN, '--lost-at', LOST]

type Place = Readonly<Record<string, string>>

async function run(argv: readonly string[], place: Place): Promise<Result> {
  return await runIn(argv, { ...place, JWE_SHARED_KEY: KEY, TRUST_PROXY: '127.0.0.1' })
}

/** What `check` says of the store, and the exit code. */
async function checked(place: Place, ...options: string[]): Promise<[code: ExitCode, ...findings: string[]]> {
  const { code, out } = await run(['check', '--json', ...options], place)
  const { findings } = JSON.parse(out) as { findings: { name: string; result: string; detail: string }[] }
  return [code, ...findings.filter(({ name }) => name === 'store').map(({ result, detail }) => `${result}: ${detail}`)]
}

async function* bytes(text: string) {
  yield Buffer.from(text)
}

/** Accepts a submission with one file, and returns the id of the file. */
async function acceptWithFile(store: Store, content: string): Promise<string> {
  const id = randomUUID()
  await store.files.write(id, bytes(content))
  await store.accept([incoming({ files: [{ id, bytes: 32, plaintextBytes: 20, sha256: 'ab' }] })])
  return id
}

describe('adapter backup', () => {
  let root: string
  let dataDir: string
  let folder: string
  let store: Store
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'backup-test-'))
    ;[dataDir, folder] = [join(root, 'data'), join(root, 'backup')]
    store = await openSqlite(dataDir, OPTIONS)
  })
  afterEach(async () => {
    await store.close()
    rmSync(root, { recursive: true, force: true })
  })

  const backUp = (to = folder) => run(['backup', to], { DATA_DIR: dataDir })
  const files = (at = folder) => readdirSync(join(at, 'files')).sort()
  /** The submissions in a backup, as an adapter sees them that is started on a copy of it. */
  const held = async (backup = folder) => {
    const place = join(root, randomUUID())
    cpSync(backup, join(place, 'store'), { recursive: true })
    const copy = await openSqlite(place, { ...OPTIONS, migrate: false })
    const entries = await copy.list({}, PAGE)
    await copy.close()
    return entries.map(({ submissionId }) => submissionId)
  }

  it('copies the database and the files of a store in use, for their owner only, and says how to restore them', async () => {
    const umask = process.umask(0)
    const file = await acceptWithFile(store, 'ciphertext')
    const { code, out } = await backUp().finally(() => process.umask(umask))

    const [, takenAt = ''] = /all that was accepted up to (\S+), with 1 file\.$/m.exec(out) ?? []
    expect(code).to.equal(0)
    expect(readdirSync(folder).sort()).to.deep.equal(['adapter.sqlite', 'files'])
    expect(readFileSync(join(folder, 'files', file), 'utf8')).to.equal('ciphertext')
    expect(await held()).to.have.length(1)
    expect(
      [folder, join(folder, 'adapter.sqlite'), join(folder, 'files'), join(folder, 'files', file)].map((path) =>
        (statSync(path).mode & 0o777).toString(8),
      ),
    ).to.deep.equal(['700', '600', '700', '600'])
    expect(Math.abs(Date.parse(takenAt) - Date.now())).to.be.below(60_000)
    expect(out).to.contain(`  ${join(dataDir, 'store')}\n`)
    expect(out).to.contain(`  npx @formbuilder/adapter-sdk restored --backup-taken ${takenAt} --lost-at <time>`)
  })

  it('adds what is new to an earlier backup, and removes what the store has erased', async () => {
    const [kept, erased] = [await acceptWithFile(store, 'kept'), await acceptWithFile(store, 'erased')]
    await backUp()
    const before = statSync(join(folder, 'files', kept))
    await store.files.remove([erased])
    const added = await acceptWithFile(store, 'added')

    const { out } = await backUp()

    expect(out).to.contain('with 2 files.')
    expect(files()).to.deep.equal([kept, added].sort())
    expect(statSync(join(folder, 'files', kept)).ino).to.equal(before.ino)
    expect(await held()).to.have.length(3)
  })

  it('completes a file that an interrupted backup has left', async () => {
    const file = await acceptWithFile(store, 'the whole file')
    mkdirSync(join(folder, 'files'), { recursive: true })
    writeFileSync(join(folder, 'files', `${file}.part`), 'the wh')
    writeFileSync(join(folder, 'adapter.sqlite.next'), 'half a database')

    const { code } = await backUp()

    expect(code).to.equal(0)
    expect(readFileSync(join(folder, 'files', file), 'utf8')).to.equal('the whole file')
    expect(files()).to.deep.equal([file])
    expect(readdirSync(folder).sort()).to.deep.equal(['adapter.sqlite', 'files'])
  })

  it('leaves an earlier backup whole when a file cannot be copied', async () => {
    const first = await acceptWithFile(store, 'first')
    await backUp()
    const before = await held()
    const second = await acceptWithFile(store, 'second')
    await store.files.remove([first])
    mkdirSync(join(folder, 'files', `${second}.part`, 'in the way'), { recursive: true })

    const { code } = await backUp()

    expect(code).to.equal(1)
    expect(await held()).to.deep.equal(before)
    expect(files()).to.include(first)
  })

  for (const [where, path] of [
    ['the store', () => join(dataDir, 'store')],
    ['a folder in it', () => join(dataDir, 'store/files/backup')],
    ['a link to it', () => join(root, 'link')],
  ] as const) {
    it(`refuses ${where} as the place of a backup, and changes nothing there`, async () => {
      await acceptWithFile(store, 'content')
      symlinkSync(join(dataDir, 'store'), join(root, 'link'))
      const before = readdirSync(join(dataDir, 'store'), { recursive: true })

      const { code, error } = await backUp(path())

      expect([code, error]).to.deep.equal([
        5,
        'ERR_STORE_UNAVAILABLE: a backup cannot be kept in the store itself: choose another folder',
      ])
      expect(readdirSync(join(dataDir, 'store'), { recursive: true })).to.deep.equal(before)
    })
  }

  it('is refused where no adapter was, and makes no folder', async () => {
    const { code, error } = await run(['backup', folder], { DATA_DIR: join(root, 'nowhere') })

    expect(code).to.equal(5)
    expect(error).to.match(/^ERR_STORE_UNAVAILABLE: no adapter has used the data folder /)
    expect(existsSync(folder)).to.equal(false)
  })

  it('is refused for PostgreSQL, which has its own tools', async () => {
    const { code, error } = await run(['backup', folder], { DATABASE_URL: 'postgresql://localhost/adapter' })

    expect(code).to.equal(2)
    expect(error).to.contain('the store is PostgreSQL: back it up with pg_dump or pg_basebackup')
    expect(existsSync(folder)).to.equal(false)
  })
})

describe('a store that was restored from a backup', () => {
  /** As it is after the copy: each test has one of its own. */
  let restored: string
  let root: string
  let place: { readonly DATA_DIR: string }
  let takenAt: string
  const submissionId = randomUUID()
  before(async () => {
    restored = mkdtempSync(join(tmpdir(), 'backup-test-'))
    const [data, backup] = [join(restored, 'data'), join(restored, 'backup')]
    const store = await openSqlite(data, OPTIONS)
    const envelope = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
    const jwe = await encryptCompact(JSON.stringify(envelope), parseKeyring(KEY).keys[0] as Key)
    await store.accept([incoming({ submissionId, jwe })])
    await store.close()
    takenAt = JSON.parse((await run(['backup', backup, '--json'], { DATA_DIR: data })).out).takenAt
    rmSync(join(data, 'store'), { recursive: true })
    cpSync(backup, join(data, 'store'), { recursive: true })
  })
  after(() => rmSync(restored, { recursive: true, force: true }))
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'backup-test-'))
    cpSync(restored, root, { recursive: true })
    place = { DATA_DIR: join(root, 'data') }
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const refusal = () =>
    `the store was restored from a backup taken at ${takenAt}: run "adapter restored" first, so that nothing is delivered twice`
  /** Starts an adapter, which stops when the submission has ended. */
  const start = async (role: string, form: Partial<Form> = {}) => {
    const handled: string[] = []
    const adapter = createAdapter({
      forms: {
        complaint: { path: '/v2/complaint', handle: async (each) => void handled.push(each.submissionId), ...form },
      },
    })
    const outcome = await adapter
      .start({
        environment: {
          ...place,
          ...{ ADAPTER_ROLE: role, PORT: '0', LISTEN_HOST: '127.0.0.1', TRUST_PROXY: '127.0.0.1' },
          ...{ JWE_SHARED_KEY: KEY, LOG_LEVEL: 'silent' },
        },
        ownsProcess: false,
      })
      .then(
        async (running) => {
          const hasEnded = async () => ['delivered', 'dead'].includes((await running.ledger.show(submissionId)).state)
          await until(hasEnded).finally(() => running.stop())
        },
        (error: unknown) => error,
      )
    return { outcome, handled }
  }

  for (const role of ['all', 'web', 'worker']) {
    it(`lets no adapter start in the role ${role}, and nothing of it is delivered`, async () => {
      const { outcome, handled } = await start(role)

      expect(outcome).to.include({ code: 'ERR_STORE_UNAVAILABLE', message: refusal() })
      expect(handled).to.deep.equal([])
    })
  }

  it('can be looked at, with a warning', async () => {
    const [list, show] = [await run(['submissions'], place), await run(['show', submissionId], place)]

    expect([list.code, show.code]).to.deep.equal([0, 0])
    expect([list.error, show.error]).to.deep.equal([`warning: ${refusal()}`, `warning: ${refusal()}`])
    expect(list.out).to.contain(submissionId)
  })

  for (const argv of [
    ['redrive', '--all'],
    ['discard', '--code', 'ERR_X', '--reason', 'done by hand', '--yes', '--expect', '1'],
    ['backup', 'BACKUP'],
  ]) {
    it(`refuses ${argv[0]}`, async () => {
      const before = readFileSync(join(root, 'backup/adapter.sqlite'))

      const { code, error } = await run(
        argv.map((each) => (each === 'BACKUP' ? join(root, 'backup') : each)),
        place,
      )

      expect([code, error]).to.deep.equal([5, `ERR_STORE_UNAVAILABLE: ${refusal()}`])
      expect(readFileSync(join(root, 'backup/adapter.sqlite')).equals(before)).to.equal(true)
    })
  }

  it('is a problem for check, also with --deep', async () => {
    expect(await checked(place)).to.deep.equal([6, `problem: ${refusal()}`])
    expect(await checked(place, '--deep')).to.deep.equal([6, `problem: ${refusal()}`])
  })

  it('does all of it again after restored', async () => {
    await run(RESTORED, place)

    const looked = await run(['submissions'], place)
    expect(looked.error).to.equal('')
    expect(looked.out).to.contain('waiting, uncertain')
    expect((await checked(place))[0]).to.equal(0)
    expect((await run(['redrive', '--all'], place)).code).to.equal(0)
    expect((await run(['backup', join(root, 'backup')], place)).code).to.equal(0)
  })

  for (const [what, form, ended, handlings] of [
    ['is left to a person where the form cannot ask', {}, { state: 'dead', code: 'ERR_OUTCOME_UNCERTAIN' }, 0],
    ['is asked for where the form can', { confirm: async () => ({ reference: 'C-7' }) }, { reference: 'C-7' }, 0],
    ['is handed over where repeating does no harm', { repeatable: true }, { state: 'delivered' }, 1],
  ] as const) {
    it(`${what}, after restored`, async () => {
      await run(RESTORED, place)

      const { outcome, handled } = await start('all', form)

      const entry = JSON.parse((await run(['show', submissionId, '--json'], place)).out)
      expect(outcome).to.equal(undefined)
      expect(entry).to.include(ended)
      expect(handled).to.have.length(handlings)
    })
  }

  it('refuses a time of the backup that is later than what it holds, and stays marked', async () => {
    const later = new Date(Date.parse(takenAt) + 1).toISOString()

    const { code, error } = await run(
      ['restored', '--backup-taken', later, '--lost-at', new Date().toISOString()],
      place,
    )

    expect(code).to.equal(2)
    expect(error).to.contain(`error: the backup was taken at ${takenAt}: --backup-taken must not be later`)
    expect((await checked(place))[0]).to.equal(6)
  })
})

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`adapter restored, on ${kind}`, () => {
    let root: string
    let place: Place
    let open: () => Promise<Store>
    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'backup-test-'))
      if (kind === 'sqlite') {
        place = { DATA_DIR: root }
        open = () => openSqlite(root, OPTIONS)
      } else {
        const url = await (await sharedPostgres()).database()
        place = { DATABASE_URL: url }
        open = () => openPostgres({ url, connections: 2 }, OPTIONS)
      }
    })
    afterEach(() => rmSync(root, { recursive: true, force: true }))

    /** One submission in each state that an adapter can leave behind. */
    const fill = async () => {
      const store = await open()
      const submissions = Array.from({ length: 5 }, () => incoming())
      await store.accept(submissions)
      const claims = await store.turn({
        ...{ settle: [], claim: [{ form: 'complaint', most: 4, suspects: 0 }], leaseSeconds: 30 },
      })
      const [first, second, third, fourth] = claims.map(({ id, attempt }) => ({ id, attempt }))
      await store.turn({
        settle: [
          { claim: first as never, ending: delivered() },
          { claim: second as never, ending: dead() },
          { claim: third as never, ending: dead() },
        ],
        ...{ claim: [], leaseSeconds: 30 },
      })
      await store.discard(await store.list({ ids: [third?.id as string] }, PAGE), 'ada', 'done by hand')
      await store.close()
      const ofClaim = (claim: typeof first) => claims.find(({ id }) => id === claim?.id)?.submissionId as string
      const waiting = submissions.find((each) => claims.every((claim) => claim.submissionId !== each.submissionId))
      return {
        delivered: ofClaim(first),
        dead: ofClaim(second),
        discarded: ofClaim(third),
        running: ofClaim(fourth),
        waiting: waiting?.submissionId as string,
      }
    }
    const shown = async (id: string) => JSON.parse((await run(['show', id, '--json'], place)).out)

    it('makes what is not delivered or discarded uncertain, and prints what to ask the sender for', async () => {
      const ids = await fill()

      const { code, out } = await run(RESTORED, place)

      const states = await Promise.all(Object.values(ids).map(shown))
      expect(code).to.equal(0)
      expect(out).to.match(/^3 submissions marked uncertain\./)
      expect(out).to.contain(`  from ${TAKEN}\n  to   ${LOST}\n`)
      expect(states.map(({ state, uncertain }) => [state, uncertain])).to.deep.equal([
        ['delivered', false],
        ['dead', true],
        ['discarded', false],
        ['running', true],
        ['waiting', true],
      ])
    })

    it('is in the history of each, with the person and both times', async () => {
      const ids = await fill()

      await run(RESTORED, place)

      const { timeline } = await shown(ids.waiting)
      expect(timeline.at(-1)).to.include({
        what: 'marked uncertain',
        by: `${userInfo().username}@${hostname()}`,
        reason: `restored from the backup of ${TAKEN}; the store was lost at ${LOST}`,
      })
    })

    it('changes nothing more when it runs again, and tells programs the same in JSON', async () => {
      await fill()

      const [first, second] = [await run([...RESTORED, '--json'], place), await run([...RESTORED, '--json'], place)]

      expect([first, second].map(({ out }) => JSON.parse(out))).to.deep.equal([
        { uncertain: 3, replayFrom: TAKEN, replayTo: LOST },
        { uncertain: 0, replayFrom: TAKEN, replayTo: LOST },
      ])
    })

    for (const [options, message] of [
      [['--lost-at', LOST], "required option '--backup-taken <time>' not specified"],
      [['--backup-taken', TAKEN], "required option '--lost-at <time>' not specified"],
      [['--backup-taken', '2026-01-02', '--lost-at', LOST], 'It must be a time with its zone'],
      [['--backup-taken', '2026-01-02T03:04:05', '--lost-at', LOST], 'It must be a time with its zone'],
      [['--backup-taken', '2026-13-02T03:04:05Z', '--lost-at', LOST], 'It must be a time with its zone'],
      [['--backup-taken', TAKEN, '--lost-at', 'now'], 'It must be a time with its zone'],
      [['--backup-taken', LOST, '--lost-at', TAKEN], '--lost-at must not be before --backup-taken'],
      [['--backup-taken', TAKEN, '--lost-at', '2999-01-01T00:00:00Z'], '--lost-at must not be in the future'],
    ] as const) {
      it(`refuses ${options.join(' ')}, and marks nothing`, async () => {
        await fill()

        const { code, error } = await run(['restored', ...options], place)

        expect(code).to.equal(2)
        expect(error).to.contain(message)
        expect(JSON.parse((await run([...RESTORED, '--json'], place)).out).uncertain).to.equal(3)
      })
    }

    it('is refused while a process is using the store, and marks nothing', async () => {
      await fill()
      const store = await open()

      const { code, error } = await run(RESTORED, place)

      const [accepted] = await store.accept([incoming()])
      await store.close()
      expect(code).to.equal(5)
      expect(error).to.match(/^ERR_STORE_UNAVAILABLE: another process is using the store.*: stop every adapter first$/)
      expect(accepted).to.equal('accepted')
      expect(JSON.parse((await run([...RESTORED, '--json'], place)).out).uncertain).to.equal(4)
    })

    it('is refused where no adapter was', async () => {
      const { code, error } = await run(RESTORED, place)

      expect(code).to.equal(5)
      expect(error).to.match(/^ERR_STORE_UNAVAILABLE: no adapter has used /)
    })
  })
}

describe('adapter check of a store in SQLite', () => {
  let root: string
  let place: { readonly DATA_DIR: string }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'backup-test-'))
    place = { DATA_DIR: join(root, 'data') }
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const database = () => join(place.DATA_DIR, 'store/adapter.sqlite')
  const fill = async (length = 200) => {
    const store = await openSqlite(place.DATA_DIR, OPTIONS)
    const submissions = Array.from({ length }, () => incoming({ jwe: 'x'.repeat(2000) }))
    await store.accept(submissions)
    await store.close()
    return submissions.map(({ submissionId }) => submissionId)
  }
  const both = async () => [await checked(place), await checked(place, '--deep')]

  it('finds nothing wrong with one that an adapter is using', async () => {
    const store = await openSqlite(place.DATA_DIR, OPTIONS)
    await store.accept([incoming()])

    const found = await both()
    await store.close()

    expect(found).to.deep.equal([
      [0, `ok: SQLite in ${place.DATA_DIR}, can be written to, no damage found`],
      [0, `ok: SQLite in ${place.DATA_DIR}, can be written to, no damage found, nor in its indexes`],
    ])
  })

  it('says where one would be made', async () => {
    const found = await both()

    const [code, finding] = found[0] as [number, string]
    expect([code, finding]).to.deep.equal([0, `ok: none yet; the adapter can create it in ${root}`])
    expect(found[1]).to.deep.equal(found[0])
    expect(existsSync(place.DATA_DIR)).to.equal(false)
  })

  const overwrite = (position: number, content: Buffer) => {
    const descriptor = openSync(database(), 'r+')
    writeSync(descriptor, content, 0, content.byteLength, position)
    closeSync(descriptor)
  }

  it('finds pages that are damaged, and says what to do', async () => {
    await fill()
    const pages = statSync(database()).size / PAGE_BYTES
    const first = Math.floor(pages / 2)
    overwrite(first * PAGE_BYTES, Buffer.alloc((pages - first - 1) * PAGE_BYTES, 3))

    for (const [code, finding = ''] of await both()) {
      expect(code).to.equal(6)
      expect(finding).to.match(
        /^problem: SQLite in .* is damaged \(.+\): stop the adapter, keep a copy of it, and restore a backup$/,
      )
    }
  })

  it('finds an entry of an index that is not its row with --deep only', async () => {
    const ids = await fill(5)
    const sound = new DatabaseSync(database())
    const { rootpage } = sound
      .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'submission_submission_id'")
      .get() as {
      rootpage: number
    }
    sound.close()
    const start = (rootpage - 1) * PAGE_BYTES
    const entry =
      start +
      readFileSync(database())
        .subarray(start, start + PAGE_BYTES)
        .indexOf(ids[0] as string)
    // The last digit: the order of the entries stays as it was.
    overwrite(entry + 35, Buffer.from('x'))

    const [[quick], [deep, finding]] = (await both()) as [[number], [number, string]]

    expect([quick, deep]).to.deep.equal([0, 6])
    expect(finding).to.match(/^problem: .* is damaged \(.*row \d missing from index submission_submission_id/)
  })

  it('finds a file that is no database', async () => {
    await fill()
    writeFileSync(database(), 'this is no database '.repeat(500))

    for (const [code, finding = ''] of await both()) {
      expect(code).to.equal(6)
      expect(finding).to.match(/^problem: the store in .* is damaged: stop the adapter/)
    }
  })
})

describe('adapter check of a store in PostgreSQL', () => {
  let url: string
  beforeEach(async () => {
    url = await (await sharedPostgres()).database()
  })

  const both = async (DATABASE_URL = url) => [
    await checked({ DATABASE_URL }),
    await checked({ DATABASE_URL }, '--deep'),
  ]
  const make = async () => await (await openPostgres({ url, connections: 2 }, OPTIONS)).close()

  it('finds nothing wrong with one that an adapter has made, and names the version of the server', async () => {
    await make()

    for (const [code, finding = ''] of await both()) {
      expect(code).to.equal(0)
      expect(finding).to.match(/^ok: PostgreSQL \d+\.\d+\S*, can be written to$/)
    }
  })

  it('says that the tables are still to be made', async () => {
    for (const [code, finding = ''] of await both()) {
      expect(code).to.equal(0)
      expect(finding).to.match(/^ok: PostgreSQL \S+, without tables yet; the adapter can create them$/)
    }
  })

  it('finds tables that another version has made', async () => {
    await make()
    await (await sharedPostgres()).query('UPDATE formbuilder.version SET version = 99', url)

    for (const [code, finding = ''] of await both()) {
      expect(code).to.equal(6)
      expect(finding).to.match(/^problem: the database has tables of version 99, and this program works with version 1/)
    }
  })

  it('finds that the server cannot be reached', async () => {
    await using server = await PostgresServer.start()
    const gone = server.url()
    await server.halt()

    for (const [code, finding = ''] of await both(gone)) {
      expect(code).to.equal(6)
      expect(finding).to.match(/^problem: the database cannot be used: .*ECONNREFUSED/)
    }
    await server.resume()
  })
})
