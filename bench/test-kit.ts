/** How long a test waits for an adapter of its own: the first of a process, and each one after it. */
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'
import type { TestKitReport } from './test-kit-work.ts'

const ROUNDS = 5

export async function testKit(lab: Lab): Promise<Measure[]> {
  const reports: TestKitReport[] = []
  for (let round = 0; round < ROUNDS; round++) reports.push(await lab.run<TestKitReport>('test-kit-work.ts'))
  const mark = { value: 100, atMost: true } as const
  return [
    { subject: 'first adapter of a process', unit: 'ms', rounds: reports.map(({ first }) => first) },
    { subject: 'each further adapter', unit: 'ms', rounds: reports.flatMap(({ further }) => further), mark },
  ]
}
