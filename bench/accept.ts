/** Submissions taken in a second, beside what cannot be avoided and what others do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhooks } from '@octokit/webhooks'
import { Webhook } from 'standardwebhooks'
import type { Lab, Subject } from './lab.ts'
import type { LoadOrder, LoadReport } from './load.ts'
import { serverNames } from './postgres.ts'
import type { Measure } from './report.ts'

const ROUNDS = 9
const SECONDS = 1

// Every limit stays on; the rate of one address is lifted above what one machine can send.
const SETTINGS = { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1', LOG_LEVEL: 'info' }

const FLOOR = 'floor (b): decrypt, append, fdatasync'
const ON_SQLITE = 'adapter, SQLite'

/** The floor that is durable, and the adapter on each store. */
export async function startAdapters(lab: Lab): Promise<Record<string, Subject>> {
  const subjects: Record<string, Subject> = {
    [FLOOR]: await lab.start('floors/https.ts', { BENCH_DURABLE: '1' }),
    [ON_SQLITE]: await lab.start('adapter.ts', SETTINGS),
  }
  for (const server of serverNames()) {
    const settings = { ...SETTINGS, DATABASE_URL: await lab.database('adapter', server) }
    subjects[`adapter, ${server}`] = await lab.start('adapter.ts', settings)
  }
  return subjects
}

export async function accept(lab: Lab): Promise<Measure[]> {
  const bare = 'floor (a): decrypt, no store'
  const adapters = await startAdapters(lab)
  const subjects: Record<string, Subject> = { [bare]: await lab.start('floors/https.ts'), ...adapters }
  const reports = new Map<string, LoadReport[]>()
  await warmUp(lab, subjects)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [connections, each] of [
      [32, subjects],
      [64, adapters],
    ] as const) {
      const order = { bodies: await lab.requests(`bodies-${connections}`, 30_000), connections, seconds: SECONDS }
      for (const [name, subject] of Object.entries(each)) {
        const title = connections === 32 ? name : `${name}, ${connections} connections`
        reports.set(title, [...(reports.get(title) ?? []), await measured(lab, title, subject, order)])
      }
    }
  }

  const of = (subject: string, more: Partial<Measure> = {}): Measure => {
    const found = reports.get(subject) ?? []
    const cores = Math.max(...found.map(({ loadCores }) => loadCores))
    const rounds = found.map(({ perSecond }) => perSecond)
    return { subject, unit: 'a second', rounds, note: `load used ${cores.toFixed(2)} cores`, ...more }
  }
  const wide = (subject: string, against?: string) =>
    of(`${subject}, 64 connections`, against === undefined ? {} : { against: `${against}, 64 connections` })
  const names = Object.keys(adapters).filter((name) => name !== FLOOR)
  return [
    of(bare),
    of(FLOOR, { against: bare }),
    ...names.map((name) => of(name, { against: FLOOR, mark: { ratio: name === ON_SQLITE ? 0.4 : 0.36 } })),
    wide(FLOOR),
    ...names.map((name) => wide(name, FLOOR)),
    ...(await webhooks(lab)),
  ]
}

/** Until the code that is run all the time has been compiled, in every subject: that takes some thousand requests. */
export async function warmUp(lab: Lab, subjects: Readonly<Record<string, Subject>>): Promise<void> {
  // More than any machine sends in that time: a body that is sent twice is a duplicate.
  const bodies = await lab.requests('warm-up', 60_000)
  for (const [name, subject] of Object.entries(subjects)) {
    await measured(lab, name, subject, { bodies, seconds: 5 })
  }
}

/** A figure counts only if every answer was a yes. */
export async function measured(
  lab: Lab,
  name: string,
  subject: Subject,
  order: Partial<LoadOrder> & { bodies: string },
): Promise<LoadReport> {
  const report = await lab.load(subject, order)
  const other = Object.entries(report.statuses).filter(([status]) => status !== '201')
  if (other.length > 0)
    throw new Error(`${name} answered ${other.map(([status, count]) => `${status} x ${count}`).join(', ')}`)
  return report
}

async function webhooks(lab: Lab): Promise<Measure[]> {
  const payload = 'x'.repeat(1700)
  const body = JSON.stringify({ payload })
  const bodies = join(lab.folder, 'webhook')
  writeFileSync(bodies, body)
  const secret = Buffer.alloc(32, 7).toString('base64')
  const now = new Date()
  const measures: Measure[] = []
  for (const peer of ['octokit', 'standardwebhooks']) {
    const signature =
      peer === 'octokit' ? await new Webhooks({ secret }).sign(body) : new Webhook(secret).sign('msg_1', now, body)
    const subject = await lab.start('floors/webhooks.ts', {
      BENCH_PEER: peer,
      BENCH_SIGNATURE: signature,
      BENCH_ID: 'msg_1',
      BENCH_TIMESTAMP: String(Math.floor(now.getTime() / 1000)),
    })
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++)
      rounds.push((await measured(lab, peer, subject, { bodies, seconds: 0.5 })).perSecond)
    measures.push({ subject: `peer: ${peer}, verify only`, unit: 'a second', rounds })
    await subject.stop()
  }
  return measures
}
