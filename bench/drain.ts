/** How fast a backlog is handed over to a target that takes its time. Ideal: concurrency divided by latency. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { encryptCompact } from '@formbuilder/adapter-sdk/protocol'
import { openEmbedded } from '../packages/adapter-sdk/src/embedded.ts'
import { Inbox } from '../packages/adapter-sdk/src/inbox.ts'
import { openPostgres } from '../packages/adapter-sdk/src/postgres.ts'
import { openStore } from '../packages/adapter-sdk/src/store.ts'
import { complaint, type Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const WAITING = 2_000
const CONCURRENCY = 16
const MARKS: Readonly<Record<number, number>> = { 50: 0.85, 5: 0.4 }

export async function drain(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const milliseconds of [5, 50]) {
    const ideal = (CONCURRENCY * 1000) / milliseconds
    const floor = `ideal for ${milliseconds} ms`
    measures.push({ subject: floor, unit: 'a second', rounds: Array.from({ length: ROUNDS }, () => ideal) })
    const waiting = milliseconds === 50 ? WAITING / 2 : WAITING
    for (const kind of ['embedded', 'PostgreSQL'] as const) {
      const rounds: number[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push(await once_(lab, kind, milliseconds, waiting, round))
      measures.push({
        subject: `${kind}, target of ${milliseconds} ms`,
        unit: 'a second',
        rounds,
        against: floor,
        mark: { ratio: MARKS[milliseconds] ?? 0 },
        note: `${waiting} waiting`,
      })
    }
  }
  return measures
}

async function once_(
  lab: Lab,
  kind: 'embedded' | 'PostgreSQL',
  milliseconds: number,
  waiting: number,
  round: number,
): Promise<number> {
  const folder = join(lab.folder, `drain-${kind}-${milliseconds}-${round}`)
  const url = kind === 'embedded' ? undefined : await lab.database(`drain_${milliseconds}_${round}`)
  const database = url === undefined ? await openEmbedded(folder) : await openPostgres(url, () => undefined)
  const store = await openStore(database, ['complaint'], { supervise: false, emit: () => undefined })
  const inbox = new Inbox(store, () => undefined, waiting + 1)
  await Promise.all(
    Array.from({ length: waiting }, async () => {
      const submissionId = crypto.randomUUID()
      const jwe = await encryptCompact(JSON.stringify(complaint(submissionId)), lab.key)
      await inbox.accept({ form: 'complaint', submissionId, serviceSlug: 'x', jwe, files: [] })
    }),
  )
  await store.close()

  let handled = 0
  let first = 0
  let last = 0
  const target = createServer((request, response) => {
    request.resume()
    setTimeout(() => {
      first ||= performance.now()
      handled += 1
      last = performance.now()
      response.end()
    }, milliseconds)
  }).listen(0, '127.0.0.1')
  await once(target, 'listening')
  const { port } = target.address() as { port: number }
  const subject = await lab.start('adapter.ts', {
    CONCURRENCY: String(CONCURRENCY),
    BENCH_TARGET: `http://127.0.0.1:${port}/`,
    ...(url === undefined ? { DATA_DIR: folder } : { DATABASE_URL: url }),
  })
  while (handled < waiting) await new Promise((resolve) => setTimeout(resolve, 20))
  await subject.stop()
  target.close()
  return (handled - 1) / ((last - first) / 1000)
}
