/**
 * node bench/capacity.ts [at most]: what a submission, a megabyte of files and a million kept rows cost on PostgreSQL.
 * The adapter takes in and hands over in one process, over HTTPS, with a handler that asks nobody.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { attachmentTables, tableStore } from '../packages/adapter-sdk/src/files/table.ts'
import { complaint, Lab } from './lab.ts'

const SUBMISSIONS = Number(process.argv[2] ?? 40_000)
const SECONDS = 15
const MEGABYTES = 64
const FILES_SCHEMA = 'capacity_files'
const KEPT = ['formbuilder.submission', 'formbuilder.letter', 'formbuilder.history']

await using lab = await Lab.open()
const url = await lab.database('capacity')
const client = new pg.Client({ connectionString: url })
await client.connect()
const subject = await lab.start('adapter.ts', {
  DATABASE_URL: url,
  BENCH_HANDLER_MILLISECONDS: '0',
  LOG_LEVEL: 'info',
  CONCURRENCY: '64',
  SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
})
const bodies = await lab.requests('capacity', SUBMISSIONS, complaint)
const bodyBytes = readFileSync(bodies).byteLength / SUBMISSIONS

const start = await reading()
const began = performance.now()
await lab.load(subject, { bodies, seconds: SECONDS, connections: 32 })
const taken = performance.now()
while ((await number(`SELECT count(*) AS n FROM formbuilder.submission WHERE state IN ('waiting', 'running')`)) > 0)
  await wait(100)
const ended = performance.now()
await wait(2000) // statistics of the last transactions
const end = await reading()
const delivered = await number(`SELECT count(*) AS n FROM formbuilder.submission WHERE state = 'delivered'`)

const withLetters = await keptBytes()
await client.query('DELETE FROM formbuilder.letter')
const withoutLetters = await keptBytes()

console.log(`${delivered} submissions, each a request of ${Math.round(bodyBytes)} bytes`)
console.table({
  'taken in, each second': Math.round(delivered / ((taken - began) / 1000)),
  'taken in and delivered, each second': Math.round(delivered / ((ended - began) / 1000)),
  'CPU of the adapter, ms each': round(((end.adapter - start.adapter) / delivered) * 1000),
  'CPU of PostgreSQL, ms each': round(((end.postgres - start.postgres) / delivered) * 1000),
  'WAL, KB each': round((end.wal - start.wal) / delivered / 1000),
  'disk with answers, GB a million': round((withLetters / delivered) * 1e6 * 1e-9),
  'disk after ATTACHMENT_KEEP_DAYS, GB a million': round((withoutLetters / delivered) * 1e6 * 1e-9),
  'memory of the adapter at most, MiB': Math.round(subject.peak()),
})

await subject.stop()
await client.query(attachmentTables(FILES_SCHEMA))
const pool = new pg.Pool({ connectionString: url, max: 4 })
const store = tableStore(pool, FILES_SCHEMA)
const megabyte = randomBytes(1_000_000)
const before = await reading()
const ownCpu = process.cpuUsage()
const ids = Array.from({ length: MEGABYTES }, () => randomUUID())
for (const id of ids) await store.write(id, Readable.from([megabyte]))
const written = process.cpuUsage(ownCpu)
await wait(2000)
const after = await reading()
const size = await number(
  `SELECT sum(pg_total_relation_size(c.oid)) AS n FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
   WHERE nspname = '${FILES_SCHEMA}' AND relkind = 'r'`,
)
console.table({
  'CPU of the adapter, ms a MB': round((written.user + written.system) / 1000 / MEGABYTES),
  'CPU of PostgreSQL, ms a MB': round(((after.postgres - before.postgres) * 1000) / MEGABYTES),
  'WAL, MB a MB': round((after.wal - before.wal) / 1e6 / MEGABYTES),
  'disk, MB a MB': round(size / 1e6 / MEGABYTES),
})
await pool.end()
await client.end()

/** CPU in seconds, and the position of the write-ahead log in bytes. */
async function reading(): Promise<{ adapter: number; postgres: number; wal: number }> {
  const { rows } = await client.query<{ folder: string; wal: string }>(
    `SELECT current_setting('data_directory') AS folder, pg_current_wal_lsn() - '0/0' AS wal`,
  )
  const postmaster = Number(readFileSync(`${rows[0]?.folder}/postmaster.pid`, 'utf8').split('\n')[0])
  const processes = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [cpuOf(Number(name))] : []))
  const server = processes.filter((each) => each?.pid === postmaster || each?.parent === postmaster)
  const postgres = server.reduce((sum, each) => sum + (each?.seconds ?? 0), 0)
  return { adapter: cpuOf(subject.pid)?.seconds ?? 0, postgres, wal: Number(rows[0]?.wal) }
}

/** Of a process and of its children that have ended (proc(5)). */
function cpuOf(pid: number): { pid: number; parent: number; seconds: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number)
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + (fields[at] ?? 0), 0)
    return { pid, parent: fields[1] ?? 0, seconds: ticks / 100 }
  } catch {
    return undefined // it ended while we looked
  }
}

/** Of submissions, their letters and their history, without what was updated and deleted. */
async function keptBytes(): Promise<number> {
  for (const table of KEPT) await client.query(`VACUUM FULL ${table}`)
  return await number(`SELECT ${KEPT.map((table) => `pg_total_relation_size('${table}')`).join(' + ')} AS n`)
}

async function number(query: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(query)
  return Number(rows[0]?.n)
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
