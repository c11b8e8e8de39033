import { randomUUID } from 'node:crypto'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { generateKey } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { submit, type Target, verifyEndpoint } from '../src/index.ts'
import { failure, outcome } from './outcome.ts'

describe('against an adapter of the SDK', () => {
  let adapter: TestAdapter
  before(async () => {
    const forms = { complaint: { path: '/v2/complaint', services: ['complaint-form'], handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ version: '1.4.2', forms }))
  })
  after(() => adapter.stop())

  const target = (more: Partial<Target> = {}): Target => ({
    endpoint: `https://localhost:${adapter.running.port}/v2/complaint`,
    key: adapter.key,
    allowLocal: true,
    ca: adapter.certificate.cert,
    ...more,
  })
  const submission = (serviceSlug = 'complaint-form') => ({
    serviceSlug,
    submissionId: randomUUID(),
    submissionAnswers: { yourname_text_1: 'Ann <Example> & Co' },
    attachments: [],
  })

  it('a submission is accepted, handled as it was sent, and recognised when it is sent again', async () => {
    const sent = submission()

    const receipts = [await submit({ ...target(), submission: sent }), await submit({ ...target(), submission: sent })]
    await adapter.ended(sent.submissionId)

    expect(receipts.map(({ outcome, status }) => [outcome, status])).to.deep.equal([
      ['accepted', 201],
      ['duplicate', 200],
    ])
    expect(adapter.handled.map((handled) => handled.submission.submissionAnswers)).to.deep.equal([
      { yourname_text_1: 'Ann <Example> & Co' },
    ])
  })

  it('another key, another path and another form are refused, each with its reason', async () => {
    const path = `https://localhost:${adapter.running.port}/v2/other`
    const errors = [
      await failure(() => submit({ ...target({ key: generateKey(16) }), submission: submission() })),
      await failure(() => submit({ ...target({ endpoint: path }), submission: submission() })),
      await failure(() => submit({ ...target(), submission: submission('other-form') })),
    ]

    expect(errors.map(({ code }) => code)).to.deep.equal(Array(3).fill('ERR_RECEIVER_REFUSED'))
    expect(errors.map(({ message }) => message.slice(0, 25))).to.deep.equal([
      'the receiver answered 401',
      'the receiver answered 404',
      'the receiver answered 422',
    ])
    expect(errors[2]?.message).to.contain('serviceSlug is not a service of this form')
  })

  it('the endpoint proves that it has the key, and stores nothing', async () => {
    const before = await adapter.running.ledger.list()

    expect(await verifyEndpoint(target())).to.deep.include({ form: 'complaint', version: '1.4.2' })
    expect(await adapter.running.ledger.list()).to.deep.equal(before)
  })

  it('the endpoint proves nothing for another key or path', async () => {
    const path = `https://localhost:${adapter.running.port}/health`

    expect(await outcome(() => verifyEndpoint(target({ key: generateKey(16) })))).to.equal('ERR_ENDPOINT_UNPROVEN')
    expect(await outcome(() => verifyEndpoint(target({ endpoint: path })))).to.equal('ERR_ENDPOINT_UNPROVEN')
  })
})
