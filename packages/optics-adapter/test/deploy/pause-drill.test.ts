import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { alertRules } from './alerts.ts'

describe('a pause drill: a form is paused for long, with submissions, and is resumed', () => {
  let adapter: TestAdapter
  let firing: (scraped: string) => string[]

  before(async () => {
    firing = await alertRules()
    adapter = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => ({ reference: '492233' }) } } }),
      { environment: { METRICS_AUTH_USERNAME: 'metrics', METRICS_AUTH_PASSWORD: 'correct horse battery' } },
    )
  })
  after(() => adapter.stop())

  const alerts = async () => {
    const Authorization = `Basic ${Buffer.from('metrics:correct horse battery').toString('base64')}`
    const { text } = await adapter.request('GET', '/metrics', { headers: { Authorization } })
    // The certificate of the test kit is a short one.
    return firing(text).filter((alert) => alert !== 'AdapterCertificateEnding')
  }
  const send = async () => {
    const submissionId = crypto.randomUUID()
    await adapter.send('/v2/complaint', { submissionId })
    return submissionId
  }

  it('raises the alert of the pause and no other, however long submissions wait, and none afterwards', async () => {
    const { store, ledger } = adapter.running
    expect(await alerts()).to.deep.equal([])

    await store.pause('complaint', 'ada', 'the case system is being moved')
    const id = await send()
    await adapter.advance({ hours: 30 })
    expect(await alerts()).to.deep.equal(['AdapterFormPaused'])
    expect(await ledger.show(id)).to.include({ state: 'waiting', attempts: 0 })

    await store.resume('complaint', 'ada', null)
    expect(await adapter.ended(id)).to.include({ state: 'delivered' })
    expect(await alerts()).to.deep.equal([])
  })
})
