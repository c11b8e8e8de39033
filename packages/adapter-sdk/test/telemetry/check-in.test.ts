import { expect } from 'chai'
import type { AdapterEvent } from '../../src/events.ts'
import type { CheckingIn, Happened } from '../../src/store/store.ts'
import { CheckIn } from '../../src/telemetry/check-in.ts'
import { until } from '../until.ts'

const about = { form: 'complaint', submissionId: 'x', attempt: 1, milliseconds: 1 }
const delivered: AdapterEvent = { event: 'submission.delivered', ...about, confirmed: false, referenced: true }
const failed = (code: string): AdapterEvent => ({ event: 'attempt.failed', ...about, code, retryInSeconds: 1 })
const refused = (code: 'ERR_JWE_INVALID' | 'ERR_STORE_UNAVAILABLE'): AdapterEvent => ({
  ...{ event: 'submission.refused', form: 'complaint', status: 400 },
  code,
})

describe('a process that checks in', () => {
  const written: Happened[] = []
  const events: AdapterEvent[] = []
  let out: string[]
  let isDown: boolean
  let checkIn: CheckIn
  const store: CheckingIn = {
    async checkIn(_process, since) {
      if (isDown) throw new Error('Jane Citizen')
      written.push(since)
    },
    async checkOut(id) {
      if (isDown) throw new Error('Jane Citizen')
      out.push(id)
    },
  }
  beforeEach(() => {
    written.length = 0
    events.length = 0
    out = []
    isDown = false
    checkIn = new CheckIn(store, { role: 'all', version: '1' }, (event) => events.push(event), 0.02)
  })
  afterEach(() => checkIn.close())

  it('says so at once, again and again, and that it stops, once', async () => {
    checkIn.start()
    await until(() => written.length >= 3)
    await Promise.all([checkIn.close(), checkIn.close()])
    const count = written.length
    await new Promise((resolve) => setTimeout(resolve, 60))

    expect(out).to.deep.equal([checkIn.id])
    expect(written).to.have.length(count)
    expect(checkIn.id).to.match(/^[0-9a-f-]{36}$/)
  })

  for (const [what, happened, ended] of [
    ['a delivery', [delivered], { wasDelivered: true, failures: 0, code: null }],
    ['failures', [failed('A'), failed('B')], { wasDelivered: false, failures: 2, code: 'B' }],
    ['failures before a delivery', [failed('A'), delivered], { wasDelivered: true, failures: 0, code: 'A' }],
    ['failures after a delivery', [delivered, failed('A')], { wasDelivered: true, failures: 1, code: 'A' }],
    [
      'failures on both sides',
      [failed('A'), delivered, failed('B'), failed('C')],
      { wasDelivered: true, failures: 2, code: 'C' },
    ],
  ] as const) {
    it(`adds up ${what}, and says it once`, async () => {
      for (const event of happened) checkIn.record(event)
      checkIn.start()
      await until(() => written.length >= 2)

      expect(written.slice(0, 2)).to.deep.equal([
        { ended: [{ form: 'complaint', ...ended }], refused: [] },
        { ended: [], refused: [] },
      ])
    })
  }

  it('adds up refusals by form and code', async () => {
    for (const event of [refused('ERR_JWE_INVALID'), refused('ERR_STORE_UNAVAILABLE'), refused('ERR_JWE_INVALID')]) {
      checkIn.record(event)
    }
    await checkIn.close()

    expect(written).to.deep.equal([
      {
        ended: [],
        refused: [
          { form: 'complaint', code: 'ERR_JWE_INVALID', count: 2 },
          { form: 'complaint', code: 'ERR_STORE_UNAVAILABLE', count: 1 },
        ],
      },
    ])
  })

  it('says later what it could not say, in its order, and names no text of the failure', async () => {
    isDown = true
    checkIn.record(failed('A'))
    checkIn.record(refused('ERR_JWE_INVALID'))
    checkIn.start()
    await until(() => events.length >= 1)
    checkIn.record(delivered)
    checkIn.record(failed('B'))
    checkIn.record(refused('ERR_JWE_INVALID'))
    await until(() => events.length >= 3)
    isDown = false
    await until(() => written.length >= 1)

    expect(written[0]).to.deep.equal({
      ended: [{ form: 'complaint', wasDelivered: true, failures: 1, code: 'B' }],
      refused: [{ form: 'complaint', code: 'ERR_JWE_INVALID', count: 2 }],
    })
    expect(events[0]).to.deep.equal({ event: 'store.failed', during: 'check-in', code: 'Error' })
  })

  it('stops although the store is gone', async () => {
    checkIn.start()
    await until(() => written.length >= 1)
    isDown = true
    await checkIn.close()

    expect(events.map((event) => [event.event, 'during' in event && event.during])).to.deep.equal([
      ['store.failed', 'check-in'],
      ['store.failed', 'check-in'],
    ])
  })
})
