import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../src/protocol/keyring.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import type { Ending } from '../../src/store/claim.ts'
import type { Database } from '../../src/store/database.ts'
import { openStore } from '../../src/store/pg-boss.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { makeDevelopmentCertificate, startTestAdapter } from '../../src/testing/index.ts'
import { ask } from '../../src/testing/sender.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { PostgresServer } from '../postgres-server.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { dead, delivered, incoming } from '../submissions.ts'
import { until } from '../until.ts'

const nobody = () => undefined

describe('PostgreSQL as the store', () => {
  const opened: Database[] = []
  const open = async (url: string, connections?: number) => {
    const database = await openPostgres(url, nobody, connections)
    opened.push(database)
    return database
  }
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close()
  })

  describe('with TLS', () => {
    let folder: string
    let server: PostgresServer
    const file = (name: string) => join(folder, name)
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'postgres-tls-'))
      const [certificate, stranger] = [await makeDevelopmentCertificate(), await makeDevelopmentCertificate()]
      writeFileSync(file('root.pem'), certificate.cert)
      writeFileSync(file('stranger.pem'), stranger.cert)
      server = await PostgresServer.start(['ssl=on', 'ssl_cert_file=tls.pem', 'ssl_key_file=tls-key.pem'], {
        'tls.pem': certificate.cert,
        'tls-key.pem': certificate.key,
      })
    })
    after(async () => {
      await server?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    it('checks the server against the root that sslrootcert names, and encrypts', async () => {
      const database = await open(server.url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`))

      const rows = await database.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')

      expect(rows).to.deep.equal([{ ssl: true }])
    })

    it('encrypts the connection that listens as well', async () => {
      const database = await open(server.url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`))
      const heard: string[] = []

      const listening = await database.listen('a_channel', (payload) => heard.push(payload))
      await database.query("SELECT pg_notify('a_channel', 'x')", [])
      await until(() => heard.length > 0)
      const rows = await database.query(
        'SELECT DISTINCT ssl FROM pg_stat_ssl s JOIN pg_stat_activity USING (pid) WHERE usename IS NOT NULL',
      )
      await listening.close()

      expect(rows).to.deep.equal([{ ssl: true }])
    })

    it('connects to nobody whom that root does not vouch for', async () => {
      const url = server.url('postgres', `?sslmode=verify-full&sslrootcert=${file('stranger.pem')}`)

      expect(await open(url).catch((error) => error)).to.have.property('code', 'ERR_STORE_UNAVAILABLE')
    })

    it('connects to nobody by another name', async () => {
      const url = server
        .url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`)
        .replace('@localhost', '@127.0.0.2')

      expect(await open(url).catch((error) => error)).to.have.property('code', 'ERR_STORE_UNAVAILABLE')
    })

    it('connects to no server without TLS when it is asked for', async () => {
      const url = (await sharedPostgres()).url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`)

      expect(await open(url).catch((error) => error)).to.have.property('code', 'ERR_STORE_UNAVAILABLE')
    })
  })

  it('says plainly that it cannot be reached, and nothing of the password', async () => {
    const error = await open('postgresql://user:hunter22@localhost:1/none').catch((reason: Error) => reason)

    expect(error).to.have.property('code', 'ERR_STORE_UNAVAILABLE')
    expect(error)
      .to.have.property('message')
      .that.matches(/^the database cannot be used: \w+ ECONNREFUSED$/)
    expect(JSON.stringify(error)).to.not.include('hunter22')
  })

  it('gives no connection back that a failed text left in a transaction', async () => {
    const database = await open((await sharedPostgres()).url(), 1)

    const failed = await database.query('BEGIN; SELECT 1 / 0; COMMIT').catch((error) => error)
    const rows = await database.query('SELECT 1 AS one', [])

    expect(failed).to.have.property('code', '22012')
    expect(rows).to.deep.equal([{ one: 1 }])
  })

  it('makes its tables once, when any number of processes start at the same moment', async () => {
    const url = await (await sharedPostgres()).database()
    const databases = await Promise.all([1, 2, 3, 4, 5].map(() => open(url, 3)))

    const stores = await Promise.all(
      databases.map((database) => openStore(database, ['complaint', 'comment'], { supervise: false, emit: nobody })),
    )
    for (const { boss } of stores) await boss.stop({ graceful: false, close: false })

    expect(await databases[0]?.query('SELECT version FROM formbuilder.version')).to.have.length(1)
  })

  it('is started on again without a statement that changes a table, a queue or a function', async () => {
    const database = await open(await (await sharedPostgres()).database())
    const statements: string[] = []
    const watched = {
      ...database,
      query: <Row extends object>(text: string, values?: readonly unknown[]) => {
        statements.push(text)
        return database.query<Row>(text, values)
      },
    }
    const start = async () => {
      const { boss } = await openStore(watched, ['complaint', 'comment'], { supervise: false, emit: nobody })
      await boss.stop({ graceful: false, close: false })
    }
    await start()
    const changes = () => statements.splice(0).filter((text) => /\b(CREATE|ALTER|UPDATE \S+\.queue)\b/.test(text))
    const first = changes()

    await start()

    expect(first).to.have.length.above(6)
    expect(changes()).to.deep.equal([])
  })

  it('is started on again without a change, and by an older version too', async () => {
    const url = await (await sharedPostgres()).database()
    const database = await open(url)
    const start = async () => {
      const { boss } = await openStore(database, ['complaint'], { supervise: false, emit: nobody })
      await boss.stop({ graceful: false, close: false })
    }
    await start()
    await database.query('UPDATE formbuilder.version SET version = 99')

    await start()

    expect(await database.query('SELECT version FROM formbuilder.version')).to.deep.equal([{ version: 99 }])
  })

  it('looks up what it needs by its key, in full tables too, with plans that were made when they were empty', async () => {
    const url = await (await sharedPostgres()).database()
    const opened = await openStore(await open(url), ['complaint'], { supervise: false, emit: nobody })
    // Plans, and what is counted, belong to a connection.
    const database = await open(url, 1)
    const store = { ...opened, database }
    const [arrivals, work] = [new Arrivals(store, nobody, 10_000), new Attempts(store)]
    const handOver = async (ending: Ending) => {
      const claims = await work.claim('complaint', 4, 'repeatable')
      await Promise.all(claims.map((claim) => work.settle(claim, ending)))
    }
    const some = Array.from({ length: 4 }, () => incoming())
    const read = async () => {
      await database.query('SELECT pg_stat_force_next_flush()')
      const [row] = await database.query<{ read: number }>(
        `SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::int AS read`,
      )
      return row?.read ?? 0
    }
    // PostgreSQL settles on a plan that it keeps when it has been asked five times.
    for (let time = 0; time < 8; time++) {
      await Promise.all(some.map((each) => arrivals.accept(each)))
      await handOver(dead())
    }
    await Promise.all(Array.from({ length: 2000 }, () => arrivals.accept(incoming())))
    await database.query(
      `INSERT INTO formbuilder.attempt (submission, number, ended_at) SELECT id, 99, now() FROM formbuilder.submission`,
    )
    await database.query(
      `INSERT INTO formbuilder.submission (id, form, submission_id, service_slug, state)
       SELECT gen_random_uuid(), 'complaint', n, 'test-form', 'dead' FROM generate_series(1, 2000) n`,
    )

    const before = await read()
    await Promise.all(some.map((each) => arrivals.accept(each)))
    await handOver(delivered())
    const after = await read()
    await opened.boss.stop({ graceful: false, close: false })

    expect(after - before).to.be.within(1, 300)
  })

  it('lets one process take in and another hand over', async () => {
    const DATABASE_URL = await (await sharedPostgres()).database()
    const handledBy: string[] = []
    const start = (role: string) =>
      startTestAdapter(
        createAdapter({
          forms: {
            complaint: {
              path: '/v2/complaint',
              async handle() {
                handledBy.push(role)
                return undefined
              },
            },
          },
        }),
        { environment: { DATABASE_URL, ADAPTER_ROLE: role, JWE_SHARED_KEY: KEY } },
      )
    const web = await start('web')
    const submissionId = crypto.randomUUID()

    const accepted = await web.send('/v2/complaint', { submissionId })
    const before = (await web.running.ledger.show(submissionId)).state
    const worker = await start('worker')
    const refused = await worker.send('/v2/complaint', { submissionId }).catch(() => undefined)
    const record = await worker.ended(submissionId)
    await Promise.all([web.stop(), worker.stop()])

    expect([accepted.status, before, record.state]).to.deep.equal([201, 'waiting', 'delivered'])
    expect(handledBy).to.deep.equal(['worker'])
    expect(refused?.status ?? 404).to.equal(404)
  })

  it('gives the work of a killed process to another, within a minute', async function () {
    // Half a minute without a sign of life, and then the next look; waited for, because no clock can be put forward in a server.
    this.timeout(90_000)
    const folder = mkdtempSync(join(tmpdir(), 'takeover-'))
    const certificate = await makeDevelopmentCertificate()
    writeFileSync(join(folder, 'cert.pem'), certificate.cert)
    writeFileSync(join(folder, 'key.pem'), certificate.key)
    const environment = {
      DATABASE_URL: await (await sharedPostgres()).database(),
      PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      TLS_CERT_FILE: join(folder, 'cert.pem'),
      TLS_KEY_FILE: join(folder, 'key.pem'),
      JWE_SHARED_KEY: KEY,
      LOG_LEVEL: 'silent',
    }
    const first = spawn(process.execPath, [resolve(import.meta.dirname, '../adapter-process.ts')], {
      env: { PATH: process.env['PATH'] ?? '', ...environment, HANDLER: 'hangs' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: first.stdout }), 'line')) as [string]
    const port = Number(line.replace('port ', ''))
    const database = await open(environment.DATABASE_URL)
    const payload = { serviceSlug: 'test-form', submissionId: 'left-behind', submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    await ask({ port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })
    await until(async () => (await database.query('SELECT 1 FROM formbuilder.attempt')).length === 1)
    first.kill('SIGKILL')

    const second = await createAdapter({
      forms: { complaint: { path: '/v2/complaint', handle: async () => ({ reference: 'by another' }) } },
    }).start({ environment, ownsProcess: false })
    const began = Date.now()
    await until(async () => (await second.ledger.show('left-behind')).state === 'delivered')
    const seconds = (Date.now() - began) / 1000
    const record = await second.ledger.show('left-behind')
    await second.stop()
    rmSync(folder, { recursive: true, force: true })

    expect(record).to.include({ attempts: 2, reference: 'by another' })
    expect(record.timeline.map(({ what }) => what)).to.include('attempt lost')
    expect(seconds).to.be.below(60)
  })
})

const KEY = 'k7Wq2mZx9LtR4vBn'
