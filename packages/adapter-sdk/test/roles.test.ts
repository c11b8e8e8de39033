import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { encryptCompact } from '../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../src/protocol/keyring.ts'
import { makeDevelopmentCertificate } from '../src/testing/index.ts'
import { ask } from '../src/testing/sender.ts'
import { sharedPostgres } from './shared-postgres.ts'
import { until } from './until.ts'

const KEY = 'k7Wq2mZx9LtR4vBn'

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`two adapters on one store, on ${kind}`, () => {
    it('accept in the role web, and deliver in the role worker', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'roles-'))
      const certificate = await makeDevelopmentCertificate()
      writeFileSync(join(folder, 'cert.pem'), certificate.cert)
      writeFileSync(join(folder, 'key.pem'), certificate.key)
      const place =
        kind === 'sqlite'
          ? { DATA_DIR: join(folder, 'data') }
          : { DATABASE_URL: await (await sharedPostgres()).database() }
      const handledBy: string[] = []
      const start = (role: string) =>
        createAdapter({
          forms: {
            complaint: {
              path: '/v2/complaint',
              repeatable: true,
              async handle() {
                handledBy.push(role)
              },
            },
          },
        }).start({
          ownsProcess: false,
          environment: {
            ...place,
            PORT: '0',
            LISTEN_HOST: '127.0.0.1',
            TLS_CERT_FILE: join(folder, 'cert.pem'),
            TLS_KEY_FILE: join(folder, 'key.pem'),
            JWE_SHARED_KEY: KEY,
            LOG_LEVEL: 'silent',
            ADAPTER_ROLE: role,
          },
        })
      const [web, worker] = [await start('web'), await start('worker')]
      const payload = { serviceSlug: 'test-form', submissionId: 'one', submissionAnswers: {}, attachments: [] }
      const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
      const post = (port: number) => ask({ port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })

      const accepted = await post(web.port)
      const refused = await post(worker.port)
      await until(async () => (await web.ledger.show('one')).state === 'delivered')
      await Promise.all([web.stop(), worker.stop()])
      rmSync(folder, { recursive: true, force: true })

      expect([accepted.status, refused.status]).to.deep.equal([201, 404])
      expect(handledBy).to.deep.equal(['worker'])
    })
  })
}
