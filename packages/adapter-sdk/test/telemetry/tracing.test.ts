import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import axios from 'axios'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'
import { until } from '../until.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SENDER_SPAN = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE_ID}-${SENDER_SPAN}-01`

describe('a trace', () => {
  const exporter = new InMemorySpanExporter()
  const received: IncomingMessage[] = []
  let target: Server
  let adapter: TestAdapter
  let call: (url: string) => Promise<unknown> = async () => undefined

  before(async () => {
    target = createServer((incoming, response) => {
      received.push(incoming)
      response.statusCode = Number(incoming.url?.slice(1) || 200)
      response.end('{}')
    }).listen(0, '127.0.0.1')
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    adapter = await startTestAdapter(
      createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            async handle(_submission, { attempt }) {
              await call(`http://127.0.0.1:${(target.address() as AddressInfo).port}/${attempt < 2 ? 503 : 200}`)
              return { reference: 'CASE-1' }
            },
          },
        },
      }),
    )
  })
  after(async () => {
    await adapter.stop()
    target.close()
    for (const api of [trace, propagation, context]) api.disable()
  })
  beforeEach(() => {
    exporter.reset()
    received.length = 0
    call = async () => undefined
  })

  const post = async (headers: Record<string, string>) => {
    const submissionId = crypto.randomUUID()
    const submission = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(submission), adapter.key)
    await adapter.request('POST', '/v2/complaint', {
      headers: { 'Content-Type': 'application/jose', ...headers },
      body,
    })
    // The wait before the second attempt is one of the adapter's clock.
    await until(async () => (await adapter.running.ledger.show(submissionId)).attempts > 0)
    await until(async () => (await adapter.running.ledger.show(submissionId)).state !== 'running')
    await adapter.advance({ seconds: 2 })
    await adapter.ended(submissionId)
    await until(() => named('attempt').some(({ attributes }) => attributes['formbuilder.outcome'] === 'delivered'))
    return submissionId
  }
  const spans = () => exporter.getFinishedSpans()
  const named = (name: string): ReadableSpan[] => spans().filter((span) => span.name === name)

  it('covers the POST, the commit and every attempt, each linked to the POST', async () => {
    call = (url) => axios.post(url, {})

    const submissionId = await post({ traceparent: TRACEPARENT })

    const [received] = named('POST /v2/complaint')
    const [commit] = named('commit')
    const attempts = named('attempt')
    expect(new Set(spans().map((span) => span.spanContext().traceId))).to.deep.equal(new Set([TRACE_ID]))
    expect(received?.parentSpanContext?.spanId).to.equal(SENDER_SPAN)
    expect(received?.attributes['http.response.status_code']).to.equal(201)
    expect(commit?.parentSpanContext?.spanId).to.equal(received?.spanContext().spanId)
    expect(attempts.map(({ attributes }) => attributes['formbuilder.outcome'])).to.deep.equal(['retry', 'delivered'])
    for (const attempt of attempts) {
      expect(attempt.parentSpanContext?.spanId).to.equal(received?.spanContext().spanId)
      expect(attempt.links.map((link) => link.context.spanId)).to.deep.equal([received?.spanContext().spanId])
      expect(attempt.attributes['formbuilder.submission_id']).to.equal(submissionId)
    }
    expect(named('handle').map((span) => span.parentSpanContext?.spanId)).to.deep.equal(
      attempts.map((span) => span.spanContext().spanId),
    )
  })

  for (const [client, use] of [
    ['axios', (url: string) => axios.post(url, {})],
    ['fetch', (url: string) => fetch(url, { method: 'POST' }).then(assertOk)],
    ['node:http', postPlainly],
  ] as const) {
    it(`continues in a server that the handler calls with ${client}, with a span for each call`, async () => {
      call = use

      await post({ traceparent: TRACEPARENT })

      const targets = named('target')
      const handlers = named('handle').map((span) => span.spanContext().spanId)
      expect(targets.map(({ attributes }) => attributes['http.response.status_code'])).to.deep.equal([503, 200])
      expect(targets.map((span) => span.parentSpanContext?.spanId)).to.deep.equal(handlers)
      expect(received.map(({ headers }) => headers['traceparent'])).to.deep.equal(
        targets.map((span) => `00-${TRACE_ID}-${span.spanContext().spanId}-01`),
      )
      const outcomes = adapter.events.flatMap((each) => (each.event === 'target.called' ? [each.outcome] : []))
      expect(outcomes.slice(-2)).to.deep.equal(['5xx', '2xx'])
    })
  }

  it('keeps a traceparent that the handler sets itself', async () => {
    call = (url) => axios.post(url.replace('503', '200'), {}, { headers: { traceparent: TRACEPARENT } })

    await post({})

    expect(received.map(({ headers }) => headers['traceparent'])).to.deep.equal([TRACEPARENT])
  })

  for (const [why, traceparent] of [
    ['too short', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SENDER_SPAN}-01`],
    ['version ff', `ff-${TRACE_ID}-${SENDER_SPAN}-01`],
    ['more than version 00 has', `${TRACEPARENT}-00`],
    ['not hexadecimal', TRACEPARENT.replace('0af', 'xyz')],
    ['a name in it', 'Jane Citizen'],
  ] as const) {
    it(`starts anew if the sender's traceparent is invalid: ${why}`, async () => {
      await post({ traceparent })

      const [received] = named('POST /v2/complaint')
      expect(received?.parentSpanContext).to.equal(undefined)
      expect(received?.spanContext().traceId).not.to.equal(TRACE_ID)
      expect(named('attempt')[0]?.spanContext().traceId).to.equal(received?.spanContext().traceId)
    })
  }

  it('shows a dead letter where the retries are used up', async () => {
    const handle = () => Promise.reject(new Error('no'))
    const app = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle } } })
    await using impatient = await startTestAdapter(app, { environment: { RETRY_LIMIT: '0' } })
    const submissionId = crypto.randomUUID()

    await impatient.send('/v2/complaint', { submissionId })
    await impatient.ended(submissionId)
    await until(() => named('attempt').length > 0)

    expect(named('attempt').map(({ attributes }) => attributes['formbuilder.outcome'])).to.deep.equal(['dead'])
    expect(named('attempt')[0]?.attributes['formbuilder.code']).to.equal('ERR_RETRIES_EXHAUSTED')
  })

  it('contains the code of an error, and nothing of its message', async () => {
    call = async (url) => {
      if (url.endsWith('/503')) throw new Error('Jane Citizen, 1 High Street')
    }

    await post({})

    const [failed] = named('attempt')
    expect(failed?.status.message).to.equal('ERR_HANDLER_FAILED')
    expect(
      JSON.stringify(spans().map(({ attributes, events, status }) => [attributes, events, status])),
    ).not.to.contain('Jane')
  })
})

async function assertOk(answer: Response): Promise<void> {
  if (!answer.ok) throw new Error('not ok')
}

async function postPlainly(url: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sending = request(url, { method: 'POST' }, (response) => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error('not ok'))
    })
    sending.on('error', reject)
    sending.end()
  })
}
