/** How long a submission waits for its 201 when half of what the adapter can take comes in. */
import { DURABLE_FLOOR, startAdapters, startFloor } from './accept.ts'
import { between, figures, floorFigures, type Run } from './between.ts'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 7
const SECONDS = 1.5

export async function latency(lab: Lab): Promise<Measure[]> {
  const floor = await startFloor(lab)
  const measures: Measure[] = []
  for (const [name, subject] of Object.entries(await startAdapters(lab))) {
    await lab.load(subject, { bodies: await lab.requests('warm-up', 60_000), seconds: 4 })
    const most = await lab.load(subject, { bodies: await lab.requests('most', 15_000), seconds: 1.5 })
    const order = async () => ({
      bodies: await lab.requests('paced', 15_000),
      seconds: SECONDS,
      rate: most.perSecond / 2,
    })
    const contenders = { adapter: { subject, order } }
    const turns = await between(lab, { subject: floor, order }, contenders, { rounds: ROUNDS, warmUpSeconds: 2 })
    const against = `p99 of ${DURABLE_FLOOR}, at the rate of ${name}`
    const ratio = name.includes('PostgreSQL') ? 1 : 2
    measures.push(
      { subject: against, unit: 'ms', ...floorFigures(turns.adapter, p99) },
      { subject: `p99 of ${name}`, unit: 'ms', ...figures(turns.adapter, p99), against, mark: { ratio, atMost: true } },
      { subject: `median of ${name}`, unit: 'ms', rounds: figures(turns.adapter, ({ p50 }) => p50).rounds },
    )
  }
  return measures
}

const p99 = (run: Run): number => run.p99
