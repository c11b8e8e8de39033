import { expect } from 'chai'
import { filterOf, listQuery } from '../../../src/operator/page/filter.ts'

describe('the filter of a list', () => {
  for (const [text, from, to] of [
    ['2026-01-10', '2026-01-10T00:00:00.000Z', '2026-01-11T00:00:00.000Z'],
    ['2026-07-01', '2026-06-30T23:00:00.000Z', '2026-07-01T23:00:00.000Z'],
    ['2026-07-01 09:30', '2026-07-01T08:30:00.000Z', '2026-07-01T08:30:00.000Z'],
    ['2026-07-01T09:30', '2026-07-01T08:30:00.000Z', '2026-07-01T08:30:00.000Z'],
    ['2026-10-25', '2026-10-24T23:00:00.000Z', '2026-10-26T00:00:00.000Z'],
    ['2026-03-29 02:30', '2026-03-29T01:30:00.000Z', '2026-03-29T01:30:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ['2026-07-01T09:30:15.123Z', '2026-07-01T09:30:15.123Z', '2026-07-01T09:30:15.123Z'],
  ] as const)
    it(`takes ${text} as a time of the United Kingdom, and a day as a whole`, () => {
      const { filter, problems } = filterOf(new URLSearchParams({ from: text, to: text }))

      expect(problems).to.deep.equal([])
      expect(filter.receivedAfter?.toISOString()).to.equal(from)
      expect(filter.receivedBefore?.toISOString()).to.equal(to)
    })

  for (const text of [
    '2026-02-29',
    '2026-00-01',
    '2026-01-01 24:00',
    '2026-01-01 9:30',
    '01/02/2026',
    '1',
    'now',
    '2026-01-01T00:00:60Z',
  ])
    it(`refuses ${text} as a time`, () => {
      const { filter, problems } = filterOf(new URLSearchParams({ from: text, to: text }))

      expect(problems.map(({ field }) => field)).to.deep.equal(['from', 'to'])
      expect([filter.receivedAfter, filter.receivedBefore]).to.deep.equal([undefined, undefined])
    })

  it('keeps of the address of a list what a list reads, and nothing else', () => {
    expect(listQuery('state=dead&page=2&code=A%26B&next=https%3A%2F%2Fexample.org&refresh=10')).to.equal(
      'state=dead&code=A%26B&page=2',
    )
    expect(listQuery('https://example.org/?x')).to.equal('')
    expect(listQuery('page=1%0d%0aX: y')).to.equal('')
  })
})
