import { expect } from 'chai'
import { RateLimit } from '../../src/request/rate-limit.ts'

describe('RateLimit', () => {
  it('allows the limit in the second that starts with the first request', () => {
    const rate = new RateLimit(2)

    const waits = [5000, 5500, 5999, 5999].map((now) => rate.secondsToWait('a', now))

    expect(waits).to.deep.equal([0, 0, 1, 1])
  })

  it('starts a new window after that second, even without a sweep', () => {
    const rate = new RateLimit(1)

    const waits = [5000, 5999, 6000, 6999, 7000].map((now) => rate.secondsToWait('a', now))

    expect(waits).to.deep.equal([0, 1, 0, 1, 0])
  })

  it('counts each key separately', () => {
    const rate = new RateLimit(1)

    expect(['a', 'b', 'a'].map((key) => rate.secondsToWait(key, 0))).to.deep.equal([0, 0, 1])
  })

  it('deletes keys whose window has ended', () => {
    const rate = new RateLimit(1)
    for (let i = 0; i < 1000; i++) rate.secondsToWait(`${i}`, i)

    rate.sweep(1500)

    expect(rate.size).to.equal(499)
    expect(rate.secondsToWait('999', 1500)).to.equal(1)
  })
})
