/** How long a submission waits for its 201 when half of what the adapter can take comes in. */
import { measured, startAdapters, warmUp } from './accept.ts'
import type { Lab, Subject } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const SECONDS = 2

export async function latency(lab: Lab): Promise<Measure[]> {
  const subjects = await startAdapters(lab)
  const [[floorName, floor], ...adapters] = Object.entries(subjects) as [[string, Subject], ...[string, Subject][]]
  await warmUp(lab, subjects)
  const rounds = new Map<string, number[]>()
  const add = (name: string, value: number) => rounds.set(name, [...(rounds.get(name) ?? []), value])

  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, subject] of adapters) {
      const most = { bodies: await lab.requests('most', 6_000), seconds: 1 }
      const rate = (await measured(lab, name, subject, most)).perSecond / 2
      const paced = { bodies: await lab.requests('paced', 6_000), seconds: SECONDS, rate }
      add(`p99 of ${floorName}, at the rate of ${name}`, (await measured(lab, floorName, floor, paced)).p99)
      const { p50, p99 } = await measured(lab, name, subject, paced)
      add(`p99 of ${name}`, p99)
      add(`median of ${name}`, p50)
    }
  }
  return adapters.flatMap(([name]): Measure[] => {
    const against = `p99 of ${floorName}, at the rate of ${name}`
    const of = (subject: string) => ({ subject, unit: 'ms', rounds: rounds.get(subject) ?? [] })
    return [
      of(against),
      { ...of(`p99 of ${name}`), against, mark: { ratio: 3, atMost: true } },
      of(`median of ${name}`),
    ]
  })
}
