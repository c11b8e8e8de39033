/** npm test and npm run test:quick: runs test files in several processes of mocha, and is quiet about what passes. */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { sharePostgres } from '../packages/adapter-sdk/test/shared-postgres.ts'
import { makeMemoryFolder, remove } from './memory-folder.ts'
import { Progress } from './progress.ts'
import { mochaGlobalTeardown } from './watchdog.ts'

const ROOT = resolve(import.meta.dirname, '..')
const SPEC = ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/**/*.test.ts']
/** Files that take longer than eight seconds: most of them wait, so they start first, and the others run beside them. */
const SLOW = /(^|\/)test\/system\//
// A run within a run, as in its own test, has notes of its own.
const NOTES = join(ROOT, `node_modules/.cache/test-notes-${process.pid}.jsonl`)
const SHOWN = 10
const TYPESCRIPT = join(ROOT, 'node_modules/typescript/bin/tsc')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Without the slow files. */
    quick: { type: 'boolean', default: false },
    /** In an order by chance; the same seed gives the same order. */
    shuffle: { type: 'boolean', default: false },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    /** Prints the files in their order, and runs none. */
    list: { type: 'boolean', default: false },
  },
})
process.chdir(ROOT)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const jobs = Math.max(2, Number(values.jobs ?? availableParallelism() + (values.quick ? 2 : 3)))
const files = order(positionals.length > 0 ? positionals : globSync(SPEC))
if (values.list) {
  console.log(files.join('\n'))
  process.exit()
}
if (values.quick) process.env['TEST_QUICK'] = '1'
mkdirSync(dirname(NOTES), { recursive: true })
writeFileSync(NOTES, '')
// A run within a run has what the one around it has made.
const isWithin = process.env['TEST_NOTES_FILE'] !== undefined
if (!isWithin) build()
const folder = isWithin ? undefined : makeMemoryFolder()
if (folder !== undefined) {
  process.env['TMPDIR'] = folder
  process.once('exit', () => remove(folder))
}
process.env['TEST_NOTES_FILE'] = NOTES

let postgres: AsyncDisposable | undefined
let progress: Progress | undefined
let isFinished = false
const began = performance.now()
const mocha = new Mocha({
  ui: join(ROOT, 'test/ui.ts'),
  require: [join(ROOT, 'test/built.ts'), join(ROOT, 'test/watchdog.ts')],
  reporter: class extends Progress {
    constructor(...parameters: ConstructorParameters<typeof Progress>) {
      super(...parameters)
      progress = this
    }
  },
  timeout: 60_000,
  slow: 2000,
  parallel: true,
  jobs,
  globalSetup: [
    async () => {
      postgres = await sharePostgres()
    },
  ],
  globalTeardown: [async () => await postgres?.[Symbol.asyncDispose](), mochaGlobalTeardown],
} as Mocha.MochaOptions)
mocha.files = files.map((file) => resolve(file))
console.log(`${files.length} files, ${jobs} at once${values.shuffle ? `, in the order of --seed ${seed}` : ''}`)
// Until a result is there: mocha may wait for ever for a process that has died, with nothing that keeps this one alive.
process.exitCode = 1
process.once('beforeExit', () => finish(1))
mocha.run(finish)

/** Tests run what is built; this takes half a second when it is. */
function build(): void {
  const { status } = spawnSync(process.execPath, [TYPESCRIPT, '-b'], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

function finish(failures: number): void {
  if (isFinished) return
  isFinished = true
  const silent = mocha.files.filter((file) => progress?.ended.has(file) !== true).map((file) => relative(ROOT, file))
  if (silent.length > 0) console.log(`Not one result of ${silent.join(', ')}`)
  const died = notes().filter((note): note is Death => 'exitCode' in note)
  for (const { file, exitCode } of died) console.log(`${file}: its process ended with ${exitCode}`)
  printTimes(notes().filter((note): note is Time => 'seconds' in note))
  rmSync(NOTES)
  process.exitCode = failures + silent.length + died.length > 0 ? 1 : 0
}

function order(found: readonly string[]): string[] {
  const sorted = [...new Set(found.map((file) => relative(ROOT, resolve(file))))].sort()
  // Those of the whole repository take longest.
  const slow = sorted.filter((file) => SLOW.test(file)).sort((file, other) => rank(file) - rank(other))
  const others = sorted.filter((file) => !SLOW.test(file))
  if (values.quick) return values.shuffle ? shuffled(others) : others
  return values.shuffle ? shuffled(sorted) : [...slow, ...others]
}

function rank(file: string): number {
  return file.startsWith('test/') ? 0 : 1
}

/** Each order is as likely as any other (Fisher and Yates). */
function shuffled<T>(items: readonly T[]): T[] {
  const random = randomFrom(seed)
  const mixed = [...items]
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    ;[mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T]
  }
  return mixed
}

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Time = { readonly file: string; readonly seconds: number; readonly cpuSeconds: number }
type Death = { readonly file: string; readonly exitCode: number }

/** What the processes have written down. */
function notes(): (Time | Death)[] {
  const lines = readFileSync(NOTES, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Time | Death)
}

/** The whole time, and the files that took most of it. */
function printTimes(times: readonly Time[]): void {
  const all = times.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  console.log(`${((performance.now() - began) / 1000).toFixed(0)} s, and ${all.toFixed(0)} s of processor time.`)
  console.log('The files that took most processor time, with the processes they started:')
  for (const { seconds, cpuSeconds, file } of times.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds).slice(0, SHOWN))
    console.log(`  ${cpuSeconds.toFixed(1).padStart(5)} s in ${seconds.toFixed(1).padStart(5)} s  ${file}`)
}
