/** One, two and four adapters on one PostgreSQL that keeps a million submissions: how much more they take, and whether any is handed out twice. */
import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { fillPostgres } from './accept-rows.ts'
import type { Lab, Subject } from './lab.ts'
import type { Measure } from './report.ts'

const PROCESSES = [1, 2, 4]
const ROUNDS = 5
const SECONDS = 3
const CONNECTIONS = 32

export async function processes(lab: Lab): Promise<Measure[]> {
  const filled = await lab.database('filled')
  await fillPostgres(filled)
  const measures: Measure[] = []
  for (const count of PROCESSES) {
    const url = await lab.database(`processes_${count}`, 'PostgreSQL', 'filled')
    measures.push(...(await together(lab, url, count)))
  }
  return measures
}

/** So many adapters, each on a core of its own where there are as many. */
async function together(lab: Lab, url: string, count: number): Promise<Measure[]> {
  const adapters: Subject[] = []
  for (let n = 0; n < count; n++) {
    const adapter = await lab.start('adapter.ts', {
      DATABASE_URL: url,
      BENCH_HANDLER_MILLISECONDS: '0',
      CONCURRENCY: '64',
      SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
    })
    execFileSync('taskset', ['-a', '-p', '-c', String(n % cpus().length), String(adapter.pid)], { stdio: 'ignore' })
    adapters.push(adapter)
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const rows = async () => (await client.query<Totals>(TOTALS)).rows[0] as Totals
  const [rates, delays]: [number[], number[]] = [[], []]
  const before = await rows()
  let sent = 0
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now()
    const reports = await Promise.all(
      adapters.map(async (adapter) => {
        const bodies = await lab.requests(`processes-${adapter.port}`, 20_000)
        return await lab.load(adapter, { bodies, seconds: SECONDS, connections: CONNECTIONS / count })
      }),
    )
    const accepted = reports.reduce((sum, { answers }) => sum + answers, 0)
    sent += accepted
    const loaded = performance.now()
    while ((await rows()).open > 0) await pause(20)
    if (round === 0) continue
    rates.push(reports.reduce((sum, { perSecond }) => sum + perSecond, 0))
    delays.push(accepted / ((performance.now() - began) / 1000) / (accepted / ((loaded - began) / 1000)))
  }
  const after = await rows()
  const connections = after.connections - before.connections + before.connections - 1
  for (const adapter of adapters) await adapter.stop()
  await client.end()
  if (after.twice > 0 || after.delivered - before.delivered !== sent)
    throw new Error(`${after.twice} handed out twice; ${after.delivered - before.delivered} of ${sent} delivered`)
  const each = (value: number) => (value / sent).toFixed(2)
  const name = `${count} ${count === 1 ? 'process' : 'processes'}`
  const note = `${connections} connections; each submission: ${each(after.wal - before.wal)} bytes of log, ${each(after.writes - before.writes)} writes, ${each(after.syncs - before.syncs)} syncs`
  return [
    { subject: `${name}: accepted, while delivering`, unit: 'a second', rounds: rates, against: NAME_OF_ONE, note },
    { subject: `${name}: delivered by the end of the load`, unit: 'of accepted', rounds: delays },
  ]
}

const NAME_OF_ONE = '1 process: accepted, while delivering'

interface Totals {
  readonly open: number
  readonly delivered: number
  readonly twice: number
  readonly connections: number
  readonly wal: number
  readonly writes: number
  readonly syncs: number
}

const TOTALS = `SELECT
  (SELECT count(*)::int FROM formbuilder.submission WHERE state IN ('waiting', 'running')) AS open,
  (SELECT sum(count)::int FROM formbuilder.hourly WHERE what = 'delivered') AS delivered,
  (SELECT count(*)::int FROM formbuilder.submission WHERE attempts > 1) AS twice,
  (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections,
  (pg_current_wal_lsn() - '0/0')::float8 AS wal,
  (SELECT sum(writes)::float8 FROM pg_stat_io) AS writes,
  (SELECT sum(fsyncs)::float8 FROM pg_stat_io) AS syncs`
