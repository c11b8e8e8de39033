import { createAdapter } from '@formbuilder/adapter-sdk'
import { encryptCompact, generateKey, type Key, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { alertRules } from './alerts.ts'

const [OLD, NEW] = [generateKey(16), generateKey(16)]
const OLD_KEY_ALERTS = ['AdapterOldKeyUsed', 'AdapterOldKeyRemovable']

describe('a key drill: the shared key is changed, and the old one is no longer needed', () => {
  let adapter: TestAdapter
  let firing: (scraped: string) => string[]

  before(async () => {
    firing = await alertRules()
    adapter = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => ({ reference: '492233' }) } } }),
      {
        environment: {
          JWE_SHARED_KEY: NEW,
          JWE_PREVIOUS_KEYS: OLD,
          METRICS_AUTH_USERNAME: 'metrics',
          METRICS_AUTH_PASSWORD: 'correct horse battery',
        },
      },
    )
  })
  after(() => adapter.stop())

  const alerts = async () => {
    const Authorization = `Basic ${Buffer.from('metrics:correct horse battery').toString('base64')}`
    const { text } = await adapter.request('GET', '/metrics', { headers: { Authorization } })
    return firing(text).filter((alert) => OLD_KEY_ALERTS.includes(alert))
  }
  const send = async (key: string) => {
    const submissionId = crypto.randomUUID()
    const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(key).keys[0] as Key)
    await adapter.request('POST', '/v2/complaint', { body })
    await adapter.ended(submissionId)
  }
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  /** Uses of keys are recorded beside everything else. */
  const recorded = (count: number) => until(async () => (await adapter.running.store.keyUses()).uses.length >= count)

  it('shows the old key while submissions come with it, and again when nothing needs it', async () => {
    expect(await alerts()).to.deep.equal([])

    // Both keys are accepted; the form is not published with the new one yet.
    await send(OLD)
    await recorded(2)
    expect(await alerts()).to.deep.equal(['AdapterOldKeyUsed'])

    // Published. Two days later nothing has come with the old key.
    await send(NEW)
    await recorded(4)
    await adapter.advance({ hours: 48 })
    expect(await alerts()).to.deep.equal([])

    // The 28 days are over, and what was received with the old key was erased.
    await adapter.advance({ hours: 27 * 24 })
    await adapter.running.sweep()
    expect(await alerts()).to.deep.equal(['AdapterOldKeyRemovable'])

    // The sender replays something from before the publication: the 28 days start again.
    await send(OLD)
    await until(async () => (await alerts()).join() === 'AdapterOldKeyUsed')
  })
})
