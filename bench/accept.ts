/** Submissions taken in a second, and how long one waits, beside what cannot be avoided and what others do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhooks } from '@octokit/webhooks'
import { Webhook } from 'standardwebhooks'
import type { Lab, Subject } from './lab.ts'
import type { LoadReport } from './load.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const SECONDS = 1.5
// Every limit stays on; these two are lifted above what one machine can send.
const SETTINGS = { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1', LOG_LEVEL: 'info' }

export async function accept(lab: Lab): Promise<Measure[]> {
  const subjects: Record<string, Subject> = {
    'floor (a): decrypt, no store': await lab.start('floors/https.ts'),
    'floor (b): decrypt, append, fdatasync': await lab.start('floors/https.ts', { BENCH_DURABLE: '1' }),
    'adapter, embedded': await lab.start('adapter.ts', SETTINGS),
    'adapter, PostgreSQL': await lab.start('adapter.ts', { ...SETTINGS, DATABASE_URL: await lab.database('adapter') }),
    'peer: koa, jose, send; embedded': await lab.start('floors/peer.ts'),
    'peer: koa, jose, send; PostgreSQL': await lab.start('floors/peer.ts', {
      DATABASE_URL: await lab.database('peer'),
    }),
  }
  const [a, b, embedded, postgres, peerEmbedded, peerPostgres] = Object.keys(subjects) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const fast = new Map<string, LoadReport[]>()
  const wide = new Map<string, LoadReport[]>()
  const half = new Map<string, LoadReport[]>()
  const add = (to: Map<string, LoadReport[]>, name: string, report: LoadReport) =>
    to.set(name, [...(to.get(name) ?? []), report])

  for (let round = 0; round < ROUNDS; round++) {
    const bodies = await lab.requests(`round-${round}`, 12_000)
    for (const [name, subject] of Object.entries(subjects)) {
      add(fast, name, checked(name, await lab.load(subject, { bodies, seconds: SECONDS })))
    }
    const more = await lab.requests(`wide-${round}`, 12_000)
    for (const name of [b, embedded, postgres]) {
      add(
        wide,
        name,
        checked(name, await lab.load(subjects[name] as Subject, { bodies: more, seconds: SECONDS, connections: 64 })),
      )
    }
    for (const name of [embedded, postgres]) {
      const paced = await lab.requests(`paced-${name.length}-${round}`, 8_000)
      const rate = (fast.get(name)?.at(-1)?.perSecond ?? 0) / 2
      add(
        half,
        `p99 of floor (b) beside ${name}`,
        checked(b, await lab.load(subjects[b] as Subject, { bodies: paced, seconds: SECONDS, rate })),
      )
      add(
        half,
        `p99 of ${name}`,
        checked(name, await lab.load(subjects[name] as Subject, { bodies: paced, seconds: SECONDS, rate })),
      )
    }
  }

  const rate = (reports: LoadReport[] | undefined) => (reports ?? []).map(({ perSecond }) => perSecond)
  const p99 = (reports: LoadReport[] | undefined) => (reports ?? []).map((report) => report.p99)
  const of = (subject: string, more: Partial<Measure> = {}): Measure => {
    const reports = fast.get(subject)
    const cores = Math.max(...(reports ?? []).map(({ loadCores }) => loadCores))
    return { subject, unit: 'a second', rounds: rate(reports), note: `load used ${cores.toFixed(2)} cores`, ...more }
  }
  const per64 = (subject: string, more: Partial<Measure> = {}): Measure => ({
    subject: `${subject}, 64 connections`,
    unit: 'a second',
    rounds: rate(wide.get(subject)),
    ...more,
  })
  return [
    of(a),
    of(b, { against: a }),
    of(embedded, { against: b, mark: { ratio: 0.35 } }),
    of(postgres, { against: b, mark: { ratio: 0.38 } }),
    of(peerEmbedded, { against: b }),
    of(peerPostgres, { against: b }),
    { ...of(embedded), subject: `${embedded} over its peer`, against: peerEmbedded, mark: { ratio: 4 } },
    { ...of(postgres), subject: `${postgres} over its peer`, against: peerPostgres, mark: { ratio: 4 } },
    per64(b),
    per64(embedded, { against: `${b}, 64 connections` }),
    per64(postgres, { against: `${b}, 64 connections` }),
    ...[embedded, postgres].flatMap((name): Measure[] => {
      const floor = `p99 of floor (b) beside ${name}`
      return [
        { subject: floor, unit: 'ms at half the rate', rounds: p99(half.get(floor)) },
        {
          subject: `p99 of ${name}`,
          unit: 'ms at half the rate',
          rounds: p99(half.get(`p99 of ${name}`)),
          against: floor,
          mark: { ratio: 3, atMost: true },
        },
      ]
    }),
    ...(await webhooks(lab)),
  ]
}

/** A figure counts only if every answer was a yes. */
export function checked(name: string, report: LoadReport): LoadReport {
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
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(checked(peer, await lab.load(subject, { bodies, seconds: 1 })).perSecond)
    }
    measures.push({ subject: `peer: ${peer}, verify only`, unit: 'a second', rounds })
    await subject.stop()
  }
  return measures
}
