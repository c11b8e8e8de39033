/** Unexpected errors outside of handlers. */
import { expect } from 'chai'
import type { AdapterEvent } from '../../src/events.ts'
import { startSweeping } from '../../src/operator/sweep.ts'
import { failureReporter } from '../../src/telemetry/failures.ts'

describe('an unexpected error outside of a handler', () => {
  for (const [during, what] of [
    ['request', 'a request failed:'],
    ['download', 'a download failed:'],
    ['operator', "a page of the operator's failed:"],
    ['sweep', 'the sweep failed:'],
    ['process', 'the process failed:'],
  ] as const) {
    it(`during ${during} is an event with its line and causes, and shown whole only in development`, () => {
      const events: AdapterEvent[] = []
      const shown: unknown[] = []
      const error = new TypeError('Ada Lovelace', { cause: Object.assign(new Error('Ada'), { code: 'ECONNREFUSED' }) })

      failureReporter((event) => events.push(event))(during, error)
      failureReporter(
        () => undefined,
        (...both) => shown.push(both),
      )(during, error)

      expect(events).to.have.length(1)
      expect(events[0]).to.include({ event: 'internal.failed', during, code: 'TypeError' })
      expect(events[0])
        .to.have.nested.property('failure.frames[0]')
        .that.matches(/failures\.test\.ts:\d+$/)
      expect(events[0]).to.have.nested.property('failure.causes[0].code', 'ECONNREFUSED')
      expect(JSON.stringify(events)).not.to.contain('Ada')
      expect(shown).to.deep.equal([[what, error]])
    })
  }

  it('of the sweep reaches the report', async () => {
    const events: AdapterEvent[] = []
    const report = failureReporter((event) => events.push(event))

    await startSweeping(
      () => Promise.reject(new Error('no')),
      (error) => report('sweep', error),
    ).stop()

    expect(events.map((event) => 'during' in event && event.during)).to.deep.equal(['sweep'])
  })
})
