import { expect } from 'chai'
import { chartOf, periodOf } from '../../../src/operator/page/chart.ts'
import type { Hour } from '../../../src/store/entry.ts'

const HOUR = 3_600_000

/** The hours that a period asks for, up to the one that holds `now`; `accepted` of each. */
function hoursTo(now: string, count: number, accepted: (hour: Date) => number = () => 1): Hour[] {
  const current = Math.floor(Date.parse(now) / HOUR) * HOUR
  return Array.from({ length: count }, (_, i) => {
    const hour = new Date(current - (count - 1 - i) * HOUR)
    return { hour: hour.toISOString(), accepted: accepted(hour), delivered: 0, dead: 0 }
  })
}

describe('the chart of the overview', () => {
  const chart = (name: string, now: string, accepted?: (hour: Date) => number) => {
    const period = periodOf(name)
    return chartOf(period, hoursTo(now, period.hours, accepted))
  }

  for (const [name, bars, first, last] of [
    ['24h', 24, '15:00', '14:00'],
    ['7d', 28, 'Sat 24 Nov, 18:00', 'Sat 1 Dec, 12:00'],
    ['28d', 28, 'Sun 4 Nov', 'Sat 1 Dec'],
    ['a year', 24, '15:00', '14:00'],
    ['', 24, '15:00', '14:00'],
  ] as const) {
    it(`has ${bars} bars of London's time for the period ${JSON.stringify(name)}, the current one last`, () => {
      const { buckets, width } = chart(name, '2029-12-01T14:20:00Z')
      const labels = buckets.map(({ label }) => label.replace(/^(\w+),/, '$1'))

      expect(labels).to.have.length(bars)
      expect([labels[0], labels.at(-1)]).to.deep.equal([first, last])
      expect(width).to.equal(bars * 10)
    })
  }

  it('has whole bars only, but for the current one, at every hour of a day', () => {
    for (let hour = 0; hour < 24; hour += 1) {
      const now = `2029-12-01T${String(hour).padStart(2, '0')}:20:00Z`
      const ofQuarters = chart('7d', now).buckets.map(({ accepted }) => accepted)
      const ofDays = chart('28d', now).buckets.map(({ accepted }) => accepted)

      expect(ofQuarters).to.deep.equal([...Array(27).fill(6), (hour % 6) + 1])
      expect(ofDays).to.deep.equal([...Array(27).fill(24), hour + 1])
    }
  })

  for (const [when, now, longer] of [
    ['back', '2029-10-30T23:20:00Z', 25],
    ['forward', '2029-03-28T22:20:00Z', 23],
  ] as const) {
    it(`has a day of ${longer} hours when the clocks go ${when}, and no part of a bar`, () => {
      const days = chart('28d', now).buckets.map(({ accepted }) => accepted)
      const quarters = chart('7d', now).buckets.map(({ accepted }) => accepted)

      expect(days.filter((count) => count !== 24)).to.deep.equal([longer])
      expect(quarters.filter((count) => count !== 6)).to.deep.equal([longer === 25 ? 7 : 5])
      expect([days.length, quarters.length]).to.deep.equal([28, 28])
    })
  }

  for (const [highest, top] of [
    [0, 2],
    [1, 2],
    [2, 2],
    [3, 4],
    [5, 10],
    [11, 20],
    [40, 40],
    [41, 100],
    [99_999, 100_000],
    [100_001, 200_000],
  ] as const) {
    it(`has a scale to ${top} where the highest bar is ${highest}`, () => {
      const { scale, rows } = chart('24h', '2029-12-01T14:20:00Z', (hour) => (hour.getUTCHours() === 9 ? highest : 0))
      const [bar] = rows[0]?.bars ?? []

      expect(scale).to.deep.equal({ top, middle: top / 2 })
      expect(bar?.height).to.equal(highest === 0 ? undefined : Math.max(2, Math.round((highest / top) * 64)))
      expect(rows[0]?.total).to.equal(highest)
    })
  }

  it('shows a count of one, however high the others are', () => {
    const { rows } = chart('24h', '2029-12-01T14:20:00Z', (hour) => (hour.getUTCHours() === 9 ? 1_000_000 : 1))

    expect(rows[0]?.bars.map(({ height }) => height)).to.deep.equal([...Array(18).fill(2), 64, ...Array(5).fill(2)])
    expect(rows[0]?.peak).to.include({ count: 1_000_000, label: '09:00' })
  })

  it('writes times under equal parts', () => {
    const ticks = (name: string) => chart(name, '2029-12-01T14:20:00Z').ticks

    expect(ticks('24h')).to.deep.equal(['20:00', '02:00', '08:00', '14:00'])
    expect(ticks('7d')).to.have.length(7)
    expect(ticks('28d')).to.deep.equal(['10 Nov', '17 Nov', '24 Nov', '1 Dec'])
  })
})
