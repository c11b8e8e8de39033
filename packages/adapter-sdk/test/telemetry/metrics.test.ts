import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { PermanentError } from '../../src/errors.ts'
import type { AdapterEvent } from '../../src/events.ts'
import type { FormState } from '../../src/store/entry.ts'
import { labelSets } from '../../src/telemetry/metric-labels.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'
import { until } from '../until.ts'

const CREDENTIALS = { METRICS_AUTH_USERNAME: 'dhh', METRICS_AUTH_PASSWORD: 'secret' }
const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

/** A code that an answer holds is not kept, so the answers only choose one. */
const REFUSALS = { first: 'ERR_CASEWORK_CLOSED', second: 'ERR_MADE_UP_BY_A_HANDLER' } as const

describe('metrics of an adapter', () => {
  let adapter: TestAdapter

  before(async () => {
    adapter = await startTestAdapter(
      createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            advice: { ERR_CASEWORK_CLOSED: 'Ask the casework team to open the case.' },
            async handle({ submissionAnswers }) {
              const { refusal, unnamed } = submissionAnswers as { refusal?: keyof typeof REFUSALS; unnamed?: true }
              if (refusal !== undefined) throw new PermanentError('refused', { code: REFUSALS[refusal] })
              return unnamed ? {} : { reference: '1' }
            },
          },
        },
      }),
      { environment: CREDENTIALS },
    )
  })
  after(() => adapter.stop())

  const scrape = async () => (await adapter.request('GET', '/metrics', { headers: basic('dhh:secret') })).text
  const deliver = async (submissionAnswers: Record<string, unknown>, uploads = {}) => {
    const submissionId = crypto.randomUUID()
    await adapter.send('/v2/complaint', { submissionId, submissionAnswers, ...uploads })
    return await adapter.ended(submissionId)
  }

  it('start with the three gauges of the live deployment, byte for byte', async () => {
    await using fresh = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
      { environment: CREDENTIALS },
    )

    const answer = await fresh.request('GET', '/metrics', { headers: basic('dhh:secret') })

    expect(answer.headers['content-type']).to.equal('text/plain; version=0.0.4')
    expect(answer.text.slice(0, RECORDED.length)).to.equal(RECORDED)
    expect(answer.text.slice(RECORDED.length)).to.match(/^\n# HELP /)
  })

  it('tell when the newest submission was accepted, also once it is forgotten; nothing if none ever was', async () => {
    const name = 'formbuilder_last_accepted_timestamp_seconds'
    await using fresh = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
      { environment: CREDENTIALS },
    )
    const read = async () =>
      value((await fresh.request('GET', '/metrics', { headers: basic('dhh:secret') })).text, name)

    const never = await read()
    const { submissionId } = await fresh.send('/v2/complaint')
    await fresh.ended(submissionId)
    const { receivedAt } = await fresh.running.ledger.show(submissionId)
    const accepted = await read()
    await fresh.advance({ days: 2 })
    const later = await read()
    await fresh.advance({ days: 90 })
    await fresh.advance({ days: 90 })
    const forgotten = await read()

    expect(never).to.equal(undefined)
    expect(accepted).to.equal(Date.parse(receivedAt) / 1000)
    expect(later).to.equal(accepted)
    expect(forgotten).to.equal(0)
  })

  it('count deliveries, and keep `_failed` up while there is a dead letter', async () => {
    const delivered = await deliver({})
    const dead = await deliver({ refusal: 'first' })

    const before = await scrape()
    await adapter.running.ledger.discard({ id: dead.id }, 'a test', 'done by hand')
    const after = await scrape()

    expect(delivered.state).to.equal('delivered')
    expect(value(before, 'delayed_jobs_successful')).to.equal(1)
    expect(value(before, 'delayed_jobs_failed')).to.equal(1)
    expect(value(before, 'formbuilder_dead_letters{code="ERR_CASEWORK_CLOSED"}')).to.equal(1)
    expect(value(after, 'delayed_jobs_failed')).to.equal(0)
    expect(value(after, 'formbuilder_dead_letters{code="ERR_CASEWORK_CLOSED"}')).to.equal(0)
  })

  it('count a delivery for which the case system named nothing', async () => {
    const series = 'formbuilder_submissions_unreferenced_total{form="complaint"}'
    await deliver({})
    const named = value(await scrape(), series)
    await deliver({ unnamed: true })
    await until(() => adapter.events.some((each) => each.event === 'submission.delivered' && !each.referenced))

    expect([named, value(await scrape(), series)]).to.deep.equal([0, 1])
  })

  it('count what was accepted, repeated, refused and captured, with the time taken and the key used', async () => {
    const submissionId = crypto.randomUUID()
    const start = await scrape()
    const uploads = [{ filename: 'a.txt', mimetype: 'text/plain', content: Buffer.from('hello') }]

    await adapter.send('/v2/complaint', { submissionId, uploads })
    await adapter.send('/v2/complaint', { submissionId })
    await adapter.request('POST', '/v2/complaint', { body: 'no token', headers: { 'Content-Type': 'text/plain' } })
    await until(() =>
      adapter.events.some((each) => each.event === 'submission.delivered' && each.submissionId === submissionId),
    )
    const end = await scrape()

    const grew = (series: string) => (value(end, series) ?? 0) - (value(start, series) ?? 0)
    expect(grew('formbuilder_submissions_accepted_total{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_submissions_duplicate_total{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_submissions_refused_total{form="complaint",code="ERR_JWE_INVALID"}')).to.equal(1)
    expect(grew('formbuilder_files_captured_total{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_files_captured_bytes_total{form="complaint"}')).to.equal(16)
    expect(grew('formbuilder_attempts_total{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_submissions_delivered_total{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_accept_seconds_count{form="complaint"}')).to.equal(1)
    expect(grew('formbuilder_handler_seconds_count{form="complaint",outcome="delivered"}')).to.equal(1)
    expect(grew('formbuilder_store_commit_seconds_count')).to.be.greaterThan(0)
    await until(async () => (await adapter.running.store.keyUses()).uses.length === 2)
    const used = value(
      await scrape(),
      'formbuilder_key_last_used_timestamp_seconds{form="complaint",position="0",use="received"}',
    )
    expect(used).to.be.closeTo(Date.now() / 1000, 60)
    expect(value(end, 'formbuilder_certificate_days_left{listener="web"}')).to.be.greaterThan(0)
    expect(end).to.match(/^nodejs_eventloop_lag_p99_seconds /m)
    expect(end).to.match(/^process_resident_memory_bytes /m)
  })

  it('start every counter at 0, so that its first increase is visible', async () => {
    const metrics = createMetrics(labelSets(new Map([['complaint', {}]]), 1), NOTHING)

    const text = await metrics.read()

    const ofForms = ['accepted', 'duplicate', 'replaced', 'delivered', 'unreferenced', 'redriven', 'discarded'].map(
      (what) => `formbuilder_submissions_${what}_total{form="complaint"}`,
    )
    for (const series of [...ofForms, 'formbuilder_submissions_unmatched_total'])
      expect([series, value(text, series)]).to.deep.equal([series, 0])
  })

  it('count POST requests to paths that no form has, without naming the paths', async () => {
    await adapter.send('/v2/complaints')
    await adapter.send('/v2/another')

    const text = await scrape()

    expect(value(text, 'formbuilder_submissions_unmatched_total')).to.equal(2)
    expect(text).not.to.contain('another')
  })

  it('count a code that the form does not declare as other', async () => {
    const { submissionId } = await deliver({ refusal: 'second' })
    await until(() =>
      adapter.events.some((each) => each.event === 'submission.dead' && each.submissionId === submissionId),
    )

    const text = await scrape()

    expect(value(text, 'formbuilder_submissions_dead_total{form="complaint",code="other"}')).to.equal(1)
    expect(text).not.to.contain('ERR_MADE_UP_BY_A_HANDLER')
  })

  it('show that the store is unavailable, and omit its gauges instead of setting them to 0', async () => {
    const metrics = createMetrics(labelSets(new Map(), 1), { ...NOTHING, counts: () => Promise.reject(new Error()) })

    const text = await metrics.read()

    expect(value(text, 'formbuilder_store_up')).to.equal(0)
    expect(text).not.to.match(/^(delayed_jobs_failed|formbuilder_dead_letters|formbuilder_oldest_waiting_seconds)\b/m)
  })

  it('omit the gauges of keys when the store is unavailable', async () => {
    const keys = {
      lastUses: [{ form: 'complaint', position: 1, use: 'received', at: 1_900_000_000 }],
      previous: [{ form: 'complaint', receiving: 1, removable: 0 }],
    } as const
    let isUp = true
    const read = async () => (isUp ? keys : Promise.reject(new Error()))
    const metrics = createMetrics(labelSets(new Map([['complaint', {}]]), 2), { ...NOTHING, keys: read })

    const up = await metrics.read()
    isUp = false
    const down = await metrics.read()

    expect(
      value(up, 'formbuilder_key_last_used_timestamp_seconds{form="complaint",position="1",use="received"}'),
    ).to.equal(1_900_000_000)
    expect(value(up, 'formbuilder_previous_keys_receiving{form="complaint"}')).to.equal(1)
    expect(value(up, 'formbuilder_previous_keys_removable{form="complaint"}')).to.equal(0)
    expect(down).not.to.match(/^formbuilder_(key_last|previous_keys)/m)
  })

  it('show what waits for its files by host and code, and the age of the oldest', async () => {
    const group = { count: 2, since: '2030-01-01T12:00:00.000Z', oldestSeconds: 90, submissionIds: ['Jane'] }
    const waiting = [
      { ...group, host: '*.files.example', code: 'ERR_ATTACHMENT_STATUS' },
      { ...group, host: '*.files.example', code: 'ERR_ATTACHMENT_TIMEOUT', oldestSeconds: 4000 },
      { ...group, host: null, code: 'ERR_ATTACHMENT_REFUSED' },
      { ...group, host: 'one.that.was.removed.example', code: 'ERR_ATTACHMENT_REFUSED', count: 1 },
    ]
    const sets = labelSets(new Map(), 1, ['*.files.example'])
    const found = [...waiting]
    const metrics = createMetrics(sets, { ...NOTHING, waitingForFiles: async () => found.splice(0) })
    const [text, after] = [await metrics.read(), await metrics.read()]

    const name = 'formbuilder_submissions_waiting_for_files'
    expect(value(text, `${name}{host="*.files.example",code="ERR_ATTACHMENT_STATUS"}`)).to.equal(2)
    expect(value(text, `${name}{host="*.files.example",code="ERR_ATTACHMENT_TIMEOUT"}`)).to.equal(2)
    expect(text).to.match(/_waiting_for_files\{host="other",code="\w+"\} 3$/m)
    expect(text).not.to.match(/removed|Jane|2030/)
    expect([text, after].map((each) => value(each, 'formbuilder_oldest_waiting_for_files_seconds'))).to.deep.equal([
      4000, 0,
    ])
    expect(after).not.to.match(/^formbuilder_submissions_waiting_for_files\{/m)
  })

  it('omit what waits for its files while the store does not answer that', async () => {
    const metrics = createMetrics(labelSets(new Map(), 1), {
      ...NOTHING,
      waitingForFiles: () => Promise.reject(new Error()),
    })

    const text = await metrics.read()

    expect(text).not.to.match(/^formbuilder_(submissions|oldest)_waiting_for_files/m)
    expect(value(text, 'formbuilder_store_up')).to.equal(1)
  })

  it('say of each form whether it is paused, and nothing while the store does not answer that', async () => {
    const sets = labelSets(new Map(['complaint', 'enquiry'].map((form) => [form, {}])), 1)
    const paused = { at: '2030-01-01T12:00:00.000Z', by: 'Jane', reason: 'Jane' }
    let forms = async (): Promise<FormState[]> => [
      { ...FRESH, name: 'complaint', asksFirst: false, paused },
      { ...FRESH, name: 'of-an-older-version', asksFirst: false, paused },
    ]
    const metrics = createMetrics(sets, { ...NOTHING, forms: () => forms() })
    const text = await metrics.read()
    forms = () => Promise.reject(new Error())
    const down = await metrics.read()

    expect([...text.matchAll(/^formbuilder_form_paused.*$/gm)].map(String)).to.deep.equal([
      'formbuilder_form_paused{form="complaint"} 1',
      'formbuilder_form_paused{form="enquiry"} 0',
    ])
    expect(text).not.to.contain('Jane')
    expect(down).not.to.match(/^formbuilder_form_paused/m)
  })

  it('have only label values from a closed set, whatever the events contain', async () => {
    const sets = labelSets(new Map([['complaint', {}]]), 2)
    const metrics = createMetrics(sets, NOTHING)

    for (const event of strange()) metrics.record(event)
    const text = await metrics.read()

    const allowed: Record<string, ReadonlySet<string>> = { ...sets }
    const labels = [...text.matchAll(/^formbuilder_\w+\{(.+)\} /gm)]
      .flatMap(([, each]) => [...(each ?? '').matchAll(/(\w+)="([^"]*)"/g)])
      .filter(([, name]) => name !== 'le')
    const stray = labels.filter(([, name, each]) => each !== 'other' && !allowed[name ?? '']?.has(each ?? ''))
    expect(labels.length).to.be.greaterThan(40)
    expect(stray.map(([text]) => text)).to.deep.equal([])
    expect(text).not.to.contain('Jane')
  })
})

const RECORDED = `# TYPE delayed_jobs_successful gauge
# HELP delayed_jobs_successful Number of successful jobs
delayed_jobs_successful 0

# TYPE delayed_jobs_pending gauge
# HELP delayed_jobs_pending Number of pending jobs
delayed_jobs_pending 0

# TYPE delayed_jobs_failed gauge
# HELP delayed_jobs_failed Number of jobs failed
delayed_jobs_failed 0
`

const FRESH = { lastDeliveredAt: null, failuresInARow: 0, lastFailure: null }

const NOTHING = {
  keys: async () => ({ lastUses: [], previous: [] }),
  counts: async () => ({
    waiting: 0,
    running: 0,
    retrying: 0,
    paused: 0,
    dead: 1,
    delivered: 0,
    oldestWaitingSeconds: 0,
    lastAcceptedSeconds: null,
    deadByCode: { 'Jane Citizen': 1 },
  }),
  waitingForFiles: async () => [
    {
      ...{ host: 'Jane.example', code: 'Jane', count: 2, since: '2030-01-01T12:00:00.000Z', oldestSeconds: 90 },
      submissionIds: ['Jane'],
    },
  ],
  forms: async () => [{ ...FRESH, name: 'Jane', asksFirst: false, paused: { at: '2030', by: 'Jane', reason: 'Jane' } }],
  waitingForCommit: () => 0,
  attemptsRunning: () => 0,
  linesDropped: () => 0,
  listeners: () => new Map(),
}

/** Events with unexpected values: a handler's own code, a form or a key that has been removed. */
function strange(): AdapterEvent[] {
  const words = { form: 'Jane', submissionId: 'Jane', code: 'Jane', reason: 'Jane', during: 'Jane', outcome: 'Jane' }
  const numbers = { bytes: 1, files: 1, milliseconds: 1, keyPosition: 9, position: 9, attempt: 1, submissions: 1 }
  const names = [
    ...['accepted', 'duplicate', 'replaced', 'refused', 'unmatched', 'delivered', 'dead', 'redriven', 'discarded'].map(
      (what) => `submission.${what}`,
    ),
    ...['captured', 'failed', 'served', 'refused'].map((what) => `attachment.${what}`),
    ...['endpoint.proven', 'attempt.started', 'attempt.decrypted', 'attempt.failed', 'target.called'],
    ...['store.committed', 'store.failed', 'store.swept', 'internal.failed', 'operator.refused'],
  ]
  const server = ['request.refused', 'connection.refused'].map((type) => ({
    event: 'server',
    server: { type, status: 400, reason: 'Jane', address: 'Jane' },
  }))
  const events = names.map((event) => ({ event, ...words, ...numbers, status: 400, retryInSeconds: 1, why: 'Jane' }))
  return [...events, ...server] as unknown as AdapterEvent[]
}

function value(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
