import { expect } from 'chai'
import { PermanentError, RetryError, UncertainError } from '../../src/errors.ts'
import type { Form } from '../../src/form.ts'
import { failed, lossOf, retry } from '../../src/worker/ending.ts'
import { claimed } from '../submissions.ts'

const policy = { delaySeconds: 30, delayMaxSeconds: 3600, limit: 25 }
const form: Form = { path: '/v2/complaint', handle: async () => undefined }

describe('the end of an attempt', () => {
  it('delays a retry longer each time, up to the longest delay, a quarter more or less', () => {
    for (const [attemptsSinceRedrive, middle] of [
      [1, 30],
      [2, 60],
      [3, 120],
      [4, 240],
      [8, 3600],
      [20, 3600],
    ] as const) {
      const failure = { code: 'ERR_HANDLER_FAILED', reason: 'the handler threw Error', uncertain: false }

      const { delaySeconds } = retry(claimed({ attemptsSinceRedrive }), policy, failure)

      expect(delaySeconds).to.be.within(middle * 0.75, middle * 1.25)
    }
  })

  it('delays a retry as long as the target asks, up to the longest delay', () => {
    const progress = { phase: 'handling', acted: false, isAborted: false } as const
    const asks = (seconds: number) =>
      failed(claimed(), form, policy, progress, Object.assign(new Error('busy'), { retryAfterSeconds: seconds }))

    expect(asks(600)).to.include({ delaySeconds: 600 })
    expect(asks(1_000_000)).to.include({ delaySeconds: 3600 })
  })

  it('repeats for three days or more by default', () => {
    const shortest = Array.from({ length: 25 }, (_, retries) => Math.min(21_600, 30 * 2 ** retries) * 0.75)

    expect(shortest.reduce((sum, delay) => sum + delay)).to.be.at.least(3 * 86_400 * 0.75)
    expect(shortest.reduce((sum, delay) => sum + delay)).to.be.at.least(3 * 86_400 - 1)
  })

  for (const [repeatable, loss] of [
    [undefined, 'repeatable'],
    [true, 'repeatable'],
    [false, 'uncertain'],
    ['until-acting', 'uncertain-if-acting'],
  ] as const) {
    it(`is ${loss} if the process is lost and the form is repeatable: ${repeatable}`, () => {
      expect(lossOf({ ...form, ...(repeatable === undefined ? {} : { repeatable }) })).to.equal(loss)
    })
  }

  for (const [what, error, code] of [
    ['a PermanentError', new PermanentError('no', { code: 'ERR_CASE_CLOSED' }), 'ERR_CASE_CLOSED'],
    ['an UncertainError', new UncertainError('no', { code: 'ERR_CASE_CLOSED' }), 'ERR_CASE_CLOSED'],
    ['a RetryError', new RetryError('no', { code: 'ERR_CASE_CLOSED' }), 'ERR_CASE_CLOSED'],
    [
      'a PermanentError, if the form gives advice on it',
      new PermanentError('no', { code: 'CASE_CLOSED' }),
      'CASE_CLOSED',
    ],
    [
      'no PermanentError, if it has another form',
      new PermanentError('no', { code: 'ADA_CASE' }),
      'ERR_HANDLER_PERMANENT',
    ],
    ['no other error', Object.assign(new Error('no'), { code: 'ERR_ADA_CASE' }), 'ERR_HANDLER_FAILED'],
  ] as const)
    it(`has the code of ${what}, although the citizen wrote a word of it`, () => {
      const advised = { ...form, advice: { CASE_CLOSED: 'Open the case.' } }
      const progress = { phase: 'handling', acted: false, isAborted: false } as const
      const isQuoted = (text: string) => /CASE/.test(text)

      expect(failed(claimed(), advised, policy, progress, error, isQuoted)).to.include({ code })
    })
})
