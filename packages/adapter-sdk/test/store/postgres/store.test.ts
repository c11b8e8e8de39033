import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import { encryptCompact } from '../../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../../src/protocol/keyring.ts'
import { openPool, type Pool } from '../../../src/store/postgres/pool.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import { makeDevelopmentCertificate, startTestAdapter } from '../../../src/testing/index.ts'
import { ask } from '../../../src/testing/sender.ts'
import { PostgresServer } from '../../postgres-server.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { until } from '../../until.ts'

const nobody = () => undefined

describe('PostgreSQL as the store', () => {
  const opened: Pool[] = []
  const open = async (url: string) => {
    const pool = await openPool(url, 2, nobody)
    opened.push(pool)
    return pool
  }
  afterEach(async () => {
    for (const pool of opened.splice(0)) await pool.close()
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
      const { pool } = await open(server.url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`))

      const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')

      expect(rows).to.deep.equal([{ ssl: true }])
    })

    it('encrypts the connection that listens as well', async () => {
      const { pool, listen } = await open(
        server.url('postgres', `?sslmode=verify-full&sslrootcert=${file('root.pem')}`),
      )
      const heard: string[] = []

      const listening = await listen('a_channel', (payload) => heard.push(payload))
      await pool.query("SELECT pg_notify('a_channel', 'x')")
      await until(() => heard.length > 0)
      const { rows } = await pool.query(
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

  it('returns no connection to the pool that a failed text left in a transaction', async () => {
    const pool = await openPool((await sharedPostgres()).url(), 1, nobody)

    const failed = await pool
      .lend((client) => client.query('BEGIN; SELECT 1 / 0; COMMIT'))
      .catch((error: Error & { code?: string }) => error.code)
    const { rows } = await pool.pool.query('SELECT 1 AS one')
    await pool.close()

    expect(failed).to.equal('22012')
    expect(rows).to.deep.equal([{ one: 1 }])
  })

  it('makes its tables once, when any number of processes start at the same moment', async () => {
    const server = await sharedPostgres()
    const url = await server.database()

    const stores = await Promise.all(
      [1, 2, 3, 4, 5].map(() => openPostgres({ url, connections: 3 }, { migrate: true, horizonSeconds: 3600 })),
    )
    for (const store of stores) await store.close()

    expect(await server.query('SELECT version FROM formbuilder.version', url)).to.deep.equal([{ version: 1 }])
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

  it('gives the work of a killed process to another, 30 to 70 seconds after', async function () {
    // Waited for in full: a lease is judged by watching it.
    this.timeout(120_000)
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
    const first = spawn(process.execPath, [resolve(import.meta.dirname, '../../adapter-process.ts')], {
      env: { PATH: process.env['PATH'] ?? '', ...environment, HANDLER: 'hangs' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: first.stdout }), 'line')) as [string]
    const port = Number(line.replace('port ', ''))
    const payload = { serviceSlug: 'test-form', submissionId: 'left-behind', submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    await ask({ port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })
    const { pool } = await open(environment.DATABASE_URL)
    await until(async () => {
      const { rows } = await pool.query("SELECT 1 FROM formbuilder.submission WHERE state = 'running'")
      return rows.length === 1
    })
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
    expect(seconds).to.be.within(25, 90)
  })
})

const KEY = 'k7Wq2mZx9LtR4vBn'
