/** From the start of the process until it takes submissions, and what it needs when idle. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5

export async function start(lab: Lab): Promise<Measure[]> {
  const [node, empty, existing, memory]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    const floor = await lab.start('floors/https.ts')
    node.push(floor.startedInMilliseconds / 1000)
    await floor.stop()

    const folder = join(lab.folder, `start-${round}`)
    mkdirSync(folder)
    const first = await lab.start('adapter.ts', { DATA_DIR: folder })
    empty.push(first.startedInMilliseconds / 1000)
    await first.stop()
    const second = await lab.start('adapter.ts', { DATA_DIR: folder })
    existing.push(second.startedInMilliseconds / 1000)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    memory.push(second.memory())
    await second.stop()
  }
  const seconds = { unit: 'seconds' }
  const floor = 'floor: node:https listens'
  return [
    { subject: floor, ...seconds, rounds: node },
    { subject: 'empty store', ...seconds, rounds: empty, against: floor, mark: { value: 0.8, atMost: true } },
    {
      subject: 'existing store, after SIGKILL',
      ...seconds,
      rounds: existing,
      against: floor,
      mark: { value: 0.55, atMost: true },
    },
    { subject: 'memory when idle', unit: 'MiB', rounds: memory, mark: { value: 125, atMost: true } },
  ]
}
