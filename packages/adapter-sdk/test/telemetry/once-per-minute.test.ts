import { expect } from 'chai'
import type { Logger } from 'pino'
import type { AdapterEvent } from '../../src/events.ts'
import { logEvents } from '../../src/telemetry/log.ts'
import { OncePerMinute } from '../../src/telemetry/once-per-minute.ts'

describe('one of a kind in a minute', () => {
  it('passes, and the next says how many were left out since', () => {
    let now = 5
    const limit = new OncePerMinute(() => now)

    const first = ['a', 'a', 'b', 'a'].map((kind) => limit.pass(kind))
    now += 59_999
    const late = limit.pass('a')
    now += 1
    const second = ['a', 'a', 'b'].map((kind) => limit.pass(kind))
    now += 60_000
    const third = ['a', 'b'].map((kind) => limit.pass(kind))

    expect(first).to.deep.equal([0, undefined, 0, undefined])
    expect(late).to.equal(undefined)
    expect(second).to.deep.equal([3, undefined, 0])
    expect(third).to.deep.equal([1, 0])
  })

  it('is written of what strangers can cause, with the number left out; of everything else each is', () => {
    let now = 0
    const lines: Record<string, unknown>[] = []
    const write = (fields: Record<string, unknown>) => lines.push(fields)
    const record = logEvents({ debug: write, info: write, warn: write, error: write } as unknown as Logger, () => now)
    const refused: AdapterEvent = {
      event: 'proxy.refused',
      code: 'ERR_PROXY_UNTRUSTED',
      setting: 'TRUST_PROXY',
      address: '192.0.2.1',
      forwardedProto: 'none',
      detail: 'x',
    }
    const unmatched: AdapterEvent = { event: 'submission.unmatched', path: '/x', forms: ['/y'], detail: 'x' }
    const dropped: AdapterEvent = { event: 'log.dropped', lines: 1 }

    for (const at of [0, 1, 2, 60_000, 60_001, 120_000]) {
      now = at
      for (const event of [refused, { ...refused, setting: 'ADMIN_TRUSTED_PROXIES' as const }, unmatched, dropped])
        record(event)
    }

    const of = (wanted: AdapterEvent) => lines.filter(({ event }) => event === wanted.event)
    expect(of(refused).map(({ setting, leftOut }) => [setting, leftOut])).to.deep.equal(
      [0, 2, 1].flatMap((count) => ['TRUST_PROXY', 'ADMIN_TRUSTED_PROXIES'].map((setting) => [setting, count])),
    )
    expect(of(unmatched).map(({ leftOut }) => leftOut)).to.deep.equal([0, 2, 1])
    expect(of(dropped)).to.have.length(6)
  })
})
