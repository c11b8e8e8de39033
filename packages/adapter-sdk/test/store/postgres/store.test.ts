import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import { openPool, type Pool } from '../../../src/store/postgres/pool.ts'
import { openPostgres } from '../../../src/store/postgres/store.ts'
import { makeDevelopmentCertificate, startTestAdapter } from '../../../src/testing/index.ts'
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
})

const KEY = 'k7Wq2mZx9LtR4vBn'
