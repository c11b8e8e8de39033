import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import Koa from 'koa'
import { createAdapter } from '../../src/adapter.ts'
import { loadConfig } from '../../src/config.ts'
import { health } from '../../src/receiver/health.ts'
import { addRoutes } from '../../src/receiver/routes.ts'
import type { PausedForm } from '../../src/store/pauses.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
const basic = { Authorization: `Basic ${Buffer.from('dhh:secret').toString('base64')}` }

describe('health of an adapter', () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startTestAdapter(createAdapter({ forms }))
  })
  after(() => adapter.stop())

  it('answers healthy and ready with the texts of the live deployment', async () => {
    const [healthy, ready] = [await adapter.request('GET', '/health'), await adapter.request('GET', '/readiness')]

    expect(healthy).to.include({ status: 200, text: 'healthy' })
    expect(ready).to.include({ status: 200, text: 'ready' })
    expect(ready.headers['content-type']).to.equal('text/plain; charset=utf-8')
  })

  it('answers 503 while it stops, and still accepts submissions', async () => {
    const draining = await startTestAdapter(createAdapter({ forms }), {
      environment: { DRAIN_SECONDS: '1', METRICS_AUTH_USERNAME: 'dhh', METRICS_AUTH_PASSWORD: 'secret' },
    })

    const stopping = draining.stop()
    const readiness = await draining.request('GET', '/readiness', { headers: { ...basic, Accept: 'application/json' } })
    const sent = await draining.send('/v2/complaint', {})
    await stopping

    expect(readiness.status).to.equal(503)
    expect(readiness.body).to.deep.equal({
      status: 'not ready',
      reasons: [{ code: 'stopping', detail: 'the process is stopping' }],
    })
    expect(sent.status).to.equal(201)
  })
})

describe('reasons for not being ready', () => {
  let server: Server
  let state = { stopping: false, store: true, requests: 0 }
  let paused: readonly PausedForm[] = []
  before(async () => {
    const environment = {
      JWE_SHARED_KEY: '0123456789abcdef',
      TRUST_PROXY: '127.0.0.1',
      METRICS_AUTH_USERNAME: 'dhh',
      METRICS_AUTH_PASSWORD: 'secret',
    }
    const answer = addRoutes({
      config: loadConfig(environment, ['complaint']),
      emit: () => undefined,
      readMetrics: async () => '',
      health: {
        isStopping: () => state.stopping,
        check: () => (state.store ? Promise.resolve() : Promise.reject(new Error('password of the database'))),
        waiting: () => ({ requests: state.requests, limit: 10 }),
        paused: () => (state.store ? Promise.resolve(paused) : Promise.reject(new Error('password of the database'))),
      },
    })
    server = createServer(answer).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())
  beforeEach(() => {
    state = { stopping: false, store: true, requests: 0 }
    paused = []
  })

  const ask = (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/readiness`, { headers })

  it('are all given to a caller that may read metrics and asks for JSON', async () => {
    state = { stopping: true, store: false, requests: 10 }

    const answer = await ask({ ...basic, Accept: 'application/json' })

    expect(answer.status).to.equal(503)
    expect(answer.headers.get('retry-after')).to.equal('5')
    expect(await answer.json()).to.deep.equal({
      status: 'not ready',
      reasons: [
        { code: 'stopping', detail: 'the process is stopping' },
        { code: 'full', detail: '10 requests are waiting to be stored, the limit is 10' },
        { code: 'store', detail: 'a submission cannot be stored now' },
      ],
    })
  })

  for (const [who, headers] of [
    ['a probe', {}],
    ['a stranger who asks for JSON', { Accept: 'application/json' }],
    ['a caller with wrong credentials', { Accept: 'application/json', Authorization: 'Basic YTpi' }],
    ['a scraper that does not ask for JSON', basic],
  ] as const) {
    it(`are not given to ${who}`, async () => {
      state = { ...state, requests: 11 }

      const answer = await ask(headers)

      expect([answer.status, await answer.text()]).to.deep.equal([503, 'not ready'])
    })
  }

  it('are none while a form is paused: its submissions are received', async () => {
    paused = [{ form: 'complaint', at: '2030-01-01T12:00:00.000Z', by: 'ada', reason: 'moved' }]

    const [answer, probe] = [
      await ask({ ...basic, Accept: 'application/json' }),
      await ask({ Accept: 'application/json' }),
    ]

    expect([answer.status, await answer.json()]).to.deep.equal([200, { status: 'ready', reasons: [], paused }])
    expect([probe.status, await probe.text()]).to.deep.equal([200, 'ready'])
  })

  it('are none while fewer requests are waiting than the limit', async () => {
    state = { ...state, requests: 9 }

    const answer = await ask({ ...basic, Accept: 'application/json' })

    expect([answer.status, await answer.json()]).to.deep.equal([200, { status: 'ready', reasons: [] }])
  })
})

describe('probes of the readiness', () => {
  it('share one check of the store while it runs; the next probe starts a new one', async () => {
    let checks = 0
    let answer: () => void = () => undefined
    const check = () => {
      checks += 1
      return new Promise<void>((resolve) => {
        answer = resolve
      })
    }
    const app = new Koa()
    let asked = 0
    app.use((_ctx, next) => {
      asked += 1
      return next()
    })
    const waiting = () => ({ requests: 0, limit: 1 })
    const paused = async () => []
    app.use(health({ isStopping: () => false, check, waiting, paused, mayReadReasons: () => false }))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readiness`

    const first = Array.from({ length: 50 }, () => fetch(url))
    while (asked < 50) await new Promise((resolve) => setImmediate(resolve))
    answer()
    const statuses = (await Promise.all(first)).map(({ status }) => status)
    const later = fetch(url)
    while (checks < 2) await new Promise((resolve) => setImmediate(resolve))
    answer()
    await later
    server.closeAllConnections()
    server.close()

    expect(new Set(statuses)).to.deep.equal(new Set([200]))
    expect(checks).to.equal(2)
  })
})
