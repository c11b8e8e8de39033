import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { PermanentError } from '../../src/errors.ts'
import { type ErrorReports, reportErrors } from '../../src/telemetry/sentry.ts'
import { startTestAdapter } from '../../src/testing/index.ts'
import { until } from '../until.ts'

describe('errors reported to Sentry', () => {
  let sentry: Server
  let dsn: string
  let reports: ErrorReports
  const bodies: string[] = []

  before(async () => {
    sentry = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks)
        bodies.push((request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString())
        response.end('{}')
      })
    }).listen(0, '127.0.0.1')
    await until(() => sentry.listening)
    dsn = `http://publickey@127.0.0.1:${(sentry.address() as AddressInfo).port}/1`
  })
  beforeEach(async () => {
    bodies.length = 0
    reports = await reportErrors(dsn)
  })
  afterEach(() => reports.close())
  after(() => sentry.close())

  /** The event of an envelope: its third line. */
  const events = () => bodies.map((body) => JSON.parse(body.split('\n')[2] ?? '') as Record<string, unknown>)

  it('name the event, the code, the form and the id, and nothing else', async () => {
    reports.record({
      event: 'submission.dead',
      form: 'complaint',
      submissionId: 'b1',
      attempt: 2,
      code: 'ERR_X',
      uncertain: true,
    })
    await until(() => bodies.length === 1)

    const [event] = events()
    // The library names itself and nothing else.
    expect(Object.keys(event?.['sdk'] as object)).to.have.members(['integrations', 'name', 'packages', 'version'])
    expect({ ...event, event_id: '', timestamp: 0, sdk: '' }).to.deep.equal({
      event_id: '',
      timestamp: 0,
      sdk: '',
      environment: 'production',
      level: 'error',
      platform: 'node',
      message: 'submission.dead ERR_X',
      tags: { event: 'submission.dead', code: 'ERR_X', form: 'complaint' },
      extra: { submissionId: 'b1', attempt: 2 },
      fingerprint: ['submission.dead', 'ERR_X', 'complaint'],
    })
  })

  it('have the frames of the error and its causes, without a message', async () => {
    reports.record({
      event: 'submission.dead',
      form: 'complaint',
      submissionId: 'b1',
      attempt: 2,
      code: 'ERR_X',
      uncertain: true,
      failure: {
        name: 'TypeError',
        frames: ['src/complaint.ts:12', 'node_modules/axios/lib/core/settle.js:19'],
        causes: [{ name: 'AxiosError', code: 'ERR_BAD_RESPONSE', status: 503, frames: [] }],
      },
    })
    await until(() => bodies.length === 1)

    const exception = events()[0]?.['exception'] as {
      values: { type: string; value: string; stacktrace: object }[]
    }
    const { values } = exception
    expect(values.map(({ type, value }) => [type, value])).to.deep.equal([
      ['AxiosError', 'AxiosError ERR_BAD_RESPONSE HTTP 503'],
      ['TypeError', 'TypeError'],
    ])
    expect(JSON.stringify(values[1]?.stacktrace)).to.match(
      /settle\.js","lineno":19,.*complaint\.ts","lineno":12,"in_app":true/,
    )
  })

  it('are reported once a minute, however often the same error happens', async () => {
    const unavailable = { event: 'store.failed', during: 'claim', code: 'Error ECONNREFUSED' } as const

    for (let i = 0; i < 50; i++) reports.record(unavailable)
    reports.record({ ...unavailable, during: 'accept' })
    await reports.close()

    expect(events().map(({ message, tags }) => [message, (tags as { during: string }).during])).to.have.deep.members([
      ['store.failed Error ECONNREFUSED', 'claim'],
      ['store.failed Error ECONNREFUSED', 'accept'],
    ])
  })

  it('do not include events that are not errors', async () => {
    reports.record({ event: 'submission.refused', form: 'complaint', code: 'ERR_JWE_INVALID', status: 401 })
    reports.record({
      event: 'server',
      server: { type: 'connection.refused', reason: 'handshake', address: '192.0.2.1' },
    })
    reports.record({ event: 'server', server: { type: 'listener.failed', name: 'TypeError' } })
    await reports.close()

    expect(events().map(({ message }) => message)).to.deep.equal(['server listener.failed'])
  })

  it('contain no answer, whatever a handler throws', async () => {
    const handle = async ({ submissionAnswers }: { submissionAnswers: unknown }) => {
      const { name } = submissionAnswers as { name: string }
      console.assert(name.length > 0, name)
      throw new PermanentError(`no such person: ${name}`, { cause: new Error(name), code: name })
    }
    const adapter = await startTestAdapter(createAdapter({ forms: { complaint: { path: '/v2/complaint', handle } } }), {
      environment: { SENTRY_DSN: dsn },
    })

    await adapter.send('/v2/complaint', { submissionAnswers: { name: 'JaneCitizen' } })
    await until(() => adapter.events.some(({ event }) => event === 'submission.dead' || event === 'attempt.failed'))
    await adapter.stop()

    expect(bodies.join()).to.contain('"event":"submission.dead"')
    expect(bodies.join()).not.to.contain('JaneCitizen')
  })
})
