import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { encryptCompact } from '../../packages/adapter-sdk/src/protocol/jwe.ts'
import { generateKey, type Key, parseKeyring } from '../../packages/adapter-sdk/src/protocol/keyring.ts'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { PostgresServer } from '../../packages/adapter-sdk/test/postgres-server.ts'
import { Ingress, Replica } from '../../packages/adapter-sdk/test/restart/ingress.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

describe('a rolling restart of two replicas under load', () => {
  const cases = new Map<string, number>()
  let postgres: PostgresServer
  let casework: Server
  let replicas: Replica[]
  let key: Key

  before(async () => {
    const sharedKey = generateKey(16)
    key = parseKeyring(sharedKey).keys[0] as Key
    postgres = await PostgresServer.start()
    casework = createServer((request, response) => {
      const id = request.url?.slice(1) ?? ''
      cases.set(id, (cases.get(id) ?? 0) + 1)
      // Slow, so that cases are always being made when a replica stops.
      setTimeout(() => response.end(`CASE-${id}`), 50)
    }).listen(0, '127.0.0.1')
    await until(() => casework.listening)
    const environment = {
      CASES_URL: `http://127.0.0.1:${(casework.address() as AddressInfo).port}`,
      DATABASE_URL: await postgres.database(),
      JWE_SHARED_KEY: sharedKey,
      TRUST_PROXY: '127.0.0.1',
      LISTEN_HOST: '127.0.0.1',
      LOG_LEVEL: 'error',
      // On a fast machine four senders at one address would exceed the default.
      SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
      DRAIN_SECONDS: '2',
      STOP_GRACE_SECONDS: '10',
    }
    replicas = [await freePort(), await freePort()].map((port) => new Replica(port, environment))
  })
  after(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()))
    casework.close()
    await postgres[Symbol.asyncDispose]()
  })

  it('loses no request, fails none, and makes each case once', async function () {
    this.timeout(120_000)
    await using ingress = new Ingress(replicas)
    const exits: (number | null)[] = []
    const ready = async (replica: Replica) => {
      await until(() => ingress.isReady(replica))
      const sent = ingress.sent.length
      // Both replicas are under load before the next step.
      await until(() => ingress.sent.length > sent + 50)
    }

    for (const replica of replicas) replica.start()
    ingress.start(4, () => compose(key))
    for (const replica of replicas) await ready(replica)
    for (const replica of replicas) {
      exits.push(await replica.stop())
      replica.start()
      await ready(replica)
    }
    await ingress.stop()
    const answers = Object.groupBy(ingress.sent, ({ answer }) => String(answer))
    expect(Object.keys(answers)).to.deep.equal(['201'])
    await until(() => ingress.sent.every(({ submissionId }) => cases.has(submissionId)))

    expect(ingress.sent.length).to.be.greaterThan(200)
    expect([...cases.values()].filter((count) => count !== 1)).to.deep.equal([])
    expect(cases.size).to.equal(ingress.sent.length)
    expect(exits).to.deep.equal([0, 0])
  })
})

async function compose(key: Key): Promise<{ submissionId: string; jwe: string }> {
  const submissionId = crypto.randomUUID()
  const submission = { serviceSlug: 'complain', submissionId, submissionAnswers: { a: 'b' }, attachments: [] }
  return { submissionId, jwe: await encryptCompact(JSON.stringify(submission), key) }
}
