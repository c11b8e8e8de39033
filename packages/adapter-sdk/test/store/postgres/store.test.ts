import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
      writeFileSync(file('key.pem'), certificate.key)
      writeFileSync(file('stranger.pem'), stranger.cert)
      // The certificate does not have the last address.
      const listening = 'listen_addresses=localhost,127.0.0.2'
      server = await PostgresServer.start(['ssl=on', 'ssl_cert_file=tls.pem', 'ssl_key_file=tls-key.pem', listening], {
        'tls.pem': certificate.cert,
        'tls-key.pem': certificate.key,
        'pg_hba.conf': 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n',
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

    // Each mode with the root of the server, with none, with another one, and on a server without TLS: as libpq does.
    const encrypted = async (url: string): Promise<boolean | string> => {
      const opening = open(url)
      const opened = await opening.catch((error: Error & { code: string }) => error)
      if ('code' in opened) return opened.code
      const { rows } = await opened.pool.query<{ ssl: boolean }>(
        'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      )
      return rows[0]?.ssl ?? 'no row'
    }
    for (const [query, onTls, onPlain, why] of [
      ['', true, false, 'without sslmode: as prefer'],
      ['sslmode=disable', false, false, 'never encrypts'],
      ['sslmode=allow', false, false, 'encrypts only where the server insists'],
      ['sslmode=prefer', true, false, 'encrypts where the server can'],
      ['sslmode=require', true, 'ERR_STORE_UNAVAILABLE', 'encrypts, and asks for no certificate that is known'],
      ['ssl=true', true, 'ERR_STORE_UNAVAILABLE', 'the same, as other programs write it'],
      ['sslmode=require&sslrootcert=root.pem', true, 'ERR_STORE_UNAVAILABLE', 'with a root: as verify-ca'],
      ['sslmode=require&sslrootcert=stranger.pem', 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE', 'the same'],
      ['sslmode=verify-ca&sslrootcert=root.pem', true, 'ERR_STORE_UNAVAILABLE', 'checks the authority'],
      ['sslmode=verify-ca&sslrootcert=stranger.pem', 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE', 'the same'],
      ['sslmode=verify-full&sslrootcert=root.pem', true, 'ERR_STORE_UNAVAILABLE', 'checks authority and name'],
      ['sslmode=verify-full', 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE', 'the authorities that Node knows'],
      ['sslmode=verify-full&sslrootcert=system', 'ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE', 'the same'],
      ['sslmode=no-verify', 'ERR_CONFIG_INVALID', 'ERR_CONFIG_INVALID', 'no mode of libpq'],
    ] as const)
      it(`${query || 'nothing'}: ${why}`, async () => {
        const asked = `?${query.replace(/(\w+\.pem)/, (name) => file(name))}`

        const found = [
          await encrypted(server.url('postgres', asked)),
          await encrypted((await sharedPostgres()).url('postgres', asked)),
        ]

        expect(found).to.deep.equal([onTls, onPlain])
      })

    it('asks for no name with verify-ca, and for the name of the host with verify-full', async () => {
      const by = (mode: string) =>
        server.url('postgres', `?sslmode=${mode}&sslrootcert=${file('root.pem')}`).replace('@localhost', '@127.0.0.2')

      expect(await encrypted(by('verify-ca'))).to.equal(true)
      expect(await encrypted(by('verify-full'))).to.equal('ERR_STORE_UNAVAILABLE')
    })

    it('encrypts with allow where the server insists, on every connection', async () => {
      await using strict = await PostgresServer.start(['ssl=on', 'ssl_cert_file=tls.pem', 'ssl_key_file=tls-key.pem'], {
        'tls.pem': readFileSync(file('root.pem'), 'utf8'),
        'tls-key.pem': readFileSync(file('key.pem'), 'utf8'),
        'pg_hba.conf': 'hostssl all all all trust\n',
      })

      expect(await encrypted(strict.url('postgres', '?sslmode=allow'))).to.equal(true)
      expect(await encrypted(strict.url('postgres', '?sslmode=disable'))).to.equal('ERR_STORE_UNAVAILABLE')
    })

    for (const [query, warnings] of [
      [
        '?sslmode=require',
        [`DATABASE_URL: sslmode=require encrypts, but does not check the server's certificate: use verify-full`],
      ],
      ['?sslmode=verify-full&sslrootcert=root.pem', []],
    ] as const)
      it(`${warnings.length === 0 ? 'does not warn' : 'warns at each start'} with ${query}`, async () => {
        const url = server.url('postgres', query.replace('root.pem', file('root.pem')))
        const forms = { complaint: { path: '/v2/complaint', repeatable: true, async handle() {} } }

        for (let start = 0; start < 2; start++) {
          await using adapter = await startTestAdapter(createAdapter({ forms }), { environment: { DATABASE_URL: url } })

          const said = adapter.events.flatMap((event) => (event.event === 'store.unchecked' ? [event.detail] : []))
          expect(said).to.deep.equal(warnings)
        }
      })

    it('says nothing beside the log, whatever the mode', async () => {
      const warned: string[] = []
      const listener = (warning: Error) => warned.push(warning.message)
      process.on('warning', listener)

      for (const mode of ['prefer', 'require', 'verify-ca'])
        await open(
          server.url('postgres', `?sslmode=${mode}${mode === 'verify-ca' ? `&sslrootcert=${file('root.pem')}` : ''}`),
        )
      await new Promise((resolve) => setImmediate(resolve))
      process.off('warning', listener)

      expect(warned).to.deep.equal([])
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
})
