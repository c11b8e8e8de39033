import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { encryptCompact } from '../../packages/adapter-sdk/src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../packages/adapter-sdk/src/protocol/keyring.ts'
import type { Entry } from '../../packages/adapter-sdk/src/store/entry.ts'
import { HORIZON_SECONDS, openStore } from '../../packages/adapter-sdk/src/store/open.ts'
import { makeDevelopmentCertificate } from '../../packages/adapter-sdk/src/testing/index.ts'
import { ask } from '../../packages/adapter-sdk/src/testing/sender.ts'
import { sharedPostgres } from '../../packages/adapter-sdk/test/shared-postgres.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'
import { atOnce } from '../faults/at-once.ts'

const KEY = 'k7Wq2mZx9LtR4vBn'
const INNOCENT = 12

describe('a submission that kills the process', function () {
  this.timeout(300_000)
  for (const kind of ['sqlite', 'postgres'] as const) {
    const outcome = atOnce(() => crashing(kind))
    it(`ends as a dead letter after five losses, and the others beside it are delivered, on ${kind}`, async () => {
      const { poison, others, starts } = await outcome()

      expect(poison).to.include({ state: 'dead', code: 'ERR_ATTEMPT_LOST', losses: 5, uncertain: false })
      expect(others.map(({ state }) => state)).to.deep.equal(Array(INNOCENT).fill('delivered'))
      // They ran beside it once, and never again.
      expect(Math.max(...others.map(({ attempts }) => attempts))).to.equal(2)
      expect(starts).to.equal(6)
    })
  }
})

/** Starts an adapter again whenever it is killed, until nothing waits. */
async function crashing(kind: 'sqlite' | 'postgres') {
  const folder = mkdtempSync(join(tmpdir(), 'crash-'))
  const certificate = await makeDevelopmentCertificate()
  writeFileSync(join(folder, 'cert.pem'), certificate.cert)
  writeFileSync(join(folder, 'key.pem'), certificate.key)
  const DATABASE_URL = kind === 'postgres' ? await (await sharedPostgres()).database() : undefined
  const place = { DATABASE_URL, DATA_DIR: folder }
  let starts = 0
  const start = async () => {
    starts += 1
    const child = spawn(
      process.execPath,
      [resolve(import.meta.dirname, '../../packages/adapter-sdk/test/adapter-process.ts')],
      {
        env: {
          PATH: process.env['PATH'] ?? '',
          ...(DATABASE_URL !== undefined && { DATABASE_URL }),
          DATA_DIR: folder,
          PORT: '0',
          LISTEN_HOST: '127.0.0.1',
          TLS_CERT_FILE: join(folder, 'cert.pem'),
          TLS_KEY_FILE: join(folder, 'key.pem'),
          JWE_SHARED_KEY: KEY,
          LOG_LEVEL: 'silent',
          LEASE_SECONDS: '5',
          RETRY_DELAY_SECONDS: '1',
          RETRY_LIMIT: '3',
          HANDLER: 'takes a second',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    return { child, port: Number(line.replace('port ', '')) }
  }

  let { child, port } = await start()
  const send = async (submissionId: string, submissionAnswers: object) => {
    const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    await ask({ port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })
  }
  const ids = Array.from({ length: INNOCENT }, (_, index) => `innocent-${index}`)
  await Promise.all([...ids.map((id) => send(id, {})), send('poison', { poison: true })])
  await once(child, 'exit')

  const store = await openStore(place, { migrate: false, horizonSeconds: HORIZON_SECONDS })
  try {
    const find = async (id: string) => (await store.list({ id }, { limit: 1, offset: 0 }))[0] as Entry
    while ((await find('poison')).state !== 'dead' || (await store.counts()).waiting > 0) {
      ;({ child, port } = await start())
      const isOver = new AbortController()
      await Promise.race([
        once(child, 'exit', { signal: isOver.signal }).catch(() => undefined),
        until(async () => {
          const { waiting, running } = await store.counts()
          return isOver.signal.aborted || waiting + running === 0
        }),
      ])
      isOver.abort()
    }
    const [poison, ...others] = await Promise.all(['poison', ...ids].map(find))
    return { poison: poison as Entry, others, starts }
  } finally {
    child.kill('SIGKILL')
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
