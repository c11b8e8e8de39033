/** Submissions taken in a second, beside what cannot be avoided and what others do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhooks } from '@octokit/webhooks'
import { Webhook } from 'standardwebhooks'
import { between, type Contender, floorRows, ofPeer, rateAndCpu } from './between.ts'
import type { Lab, Subject } from './lab.ts'
import { serverNames } from './postgres.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const SECONDS = 0.6
const WARM_UP_SECONDS = 3

// Every limit stays on; the rate of one address is lifted above what one machine can send.
const SETTINGS = { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1', LOG_LEVEL: 'info' }

export const DURABLE_FLOOR = 'floor (b): decrypt, append, fdatasync'

/** The floor that is durable. */
export async function startFloor(lab: Lab): Promise<Subject> {
  return await lab.start('floors/https.ts', { BENCH_DURABLE: '1' })
}

/** The adapter on each store, by its name in the tables. */
export async function startAdapters(lab: Lab): Promise<Record<string, Subject>> {
  const subjects: Record<string, Subject> = { [ON_SQLITE]: await lab.start('adapter.ts', SETTINGS) }
  for (const server of serverNames()) {
    const settings = { ...SETTINGS, DATABASE_URL: await lab.database('adapter', server) }
    subjects[`adapter, ${server}`] = await lab.start('adapter.ts', settings)
  }
  return subjects
}

export async function accept(lab: Lab): Promise<Measure[]> {
  // More than any adapter takes in a turn: a body that is sent twice is a duplicate. To the others that makes no difference.
  const fresh = async (round: number) => await lab.requests('fresh', round < 0 ? 40_000 : 8_000)
  const used = await lab.requests('used', 8_000)
  const contender = (subject: Subject, bodies = async (_round: number) => used): Contender => ({
    subject,
    order: async (round) => ({ bodies: await bodies(round), connections: 32, seconds: SECONDS }),
  })
  const adapters = Object.entries(await startAdapters(lab)).map(([name, subject]) => [name, contender(subject, fresh)])
  const contenders: Record<string, Contender> = {
    [BARE]: contender(await lab.start('floors/https.ts')),
    ...Object.fromEntries(adapters),
    [BOSS]: contender(await lab.start('floors/boss.ts', { DATABASE_URL: await lab.database('boss') })),
    [OCTOKIT]: await webhooks(lab, 'octokit'),
    [STANDARD]: await webhooks(lab, 'standardwebhooks'),
  }
  const floor = contender(await startFloor(lab))
  const turns = await between(lab, floor, contenders, { rounds: ROUNDS, warmUpSeconds: WARM_UP_SECONDS })
  const of = (name: string) => turns[name] ?? []
  const peer = (name: string, other: string, ratio: number): Measure => ({
    subject: `${name}, of the peer`,
    unit: 'a second',
    ...ofPeer(of(name), of(other)),
    against: other,
    mark: { ratio },
  })
  return [
    ...floorRows(DURABLE_FLOOR, of(ON_SQLITE)),
    ...rateAndCpu(BARE, of(BARE), DURABLE_FLOOR),
    ...rateAndCpu(ON_SQLITE, of(ON_SQLITE), DURABLE_FLOOR, { rate: 0.46, cpu: 2.2 }),
    ...serverNames().flatMap((server) =>
      rateAndCpu(`adapter, ${server}`, of(`adapter, ${server}`), DURABLE_FLOOR, { rate: 0.43, cpu: 2.2 }),
    ),
    ...[BOSS, OCTOKIT, STANDARD].flatMap((name) => rateAndCpu(name, of(name), DURABLE_FLOOR)),
    peer('adapter, PostgreSQL', BOSS, 5),
    peer(ON_SQLITE, OCTOKIT, 0.3),
    peer(ON_SQLITE, STANDARD, 0.45),
  ]
}

const BARE = 'floor (a): decrypt, no store'
const ON_SQLITE = 'adapter, SQLite'
const BOSS = 'peer: Koa, jose, a job of pg-boss'
const OCTOKIT = 'peer: octokit webhooks, keeps nothing'
const STANDARD = 'peer: Koa, standardwebhooks, keeps nothing'

/** The receiver of a webhook library, on a body of the size of ours. */
async function webhooks(lab: Lab, peer: 'octokit' | 'standardwebhooks'): Promise<Contender> {
  const body = JSON.stringify({ payload: 'x'.repeat(1700) })
  const bodies = join(lab.folder, 'webhook')
  writeFileSync(bodies, body)
  const secret = Buffer.alloc(32, 7).toString('base64')
  const now = new Date()
  const signature =
    peer === 'octokit' ? await new Webhooks({ secret }).sign(body) : new Webhook(secret).sign('msg_1', now, body)
  const subject = await lab.start('floors/webhooks.ts', {
    BENCH_PEER: peer,
    BENCH_SIGNATURE: signature,
    BENCH_ID: 'msg_1',
    BENCH_TIMESTAMP: String(Math.floor(now.getTime() / 1000)),
  })
  return { subject, order: async () => ({ bodies, connections: 32, seconds: SECONDS }) }
}
