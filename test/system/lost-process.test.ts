/**
 * What has not begun is given back by a process that stops, or is cut off from its store, and a process that was stopped
 * while it asked whether it may act does nothing: real processes, on both stores, with a lease of five seconds.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as elapsed } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import type { Entry } from '../../packages/adapter-sdk/src/store/entry.ts'
import { HORIZON_SECONDS, openStore } from '../../packages/adapter-sdk/src/store/open.ts'
import type { Store } from '../../packages/adapter-sdk/src/store/store.ts'
import { type Program, startProgram } from '../../packages/adapter-sdk/test/adapter-program.ts'
import { PostgresServer } from '../../packages/adapter-sdk/test/postgres-server.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

const LEASE_SECONDS = 5

const KINDS = ['sqlite', 'postgres'] as const

// They wait most of the time, and so all run at once.
let outcomes: ReadonlyMap<Kind, ReturnType<typeof outcomesOn>> | undefined
const started = () => {
  outcomes ??= new Map(KINDS.map((kind) => [kind, outcomesOn(kind)]))
  return outcomes
}
function outcomesOn(kind: Kind) {
  const all = { stopped: stopping(kind), cutOff: cutOff(kind), asleep: asleep(kind) }
  for (const outcome of Object.values(all)) outcome.catch(() => undefined)
  return all
}

for (const kind of KINDS) {
  describe(`a process with a short lease, on ${kind}`, function () {
    this.timeout(120_000)
    let here: ReturnType<typeof outcomesOn>
    before(() => {
      here = started().get(kind) as ReturnType<typeof outcomesOn> // there is one for each kind
    })
    after(() => Promise.allSettled(Object.values(here)))

    it('gives back what has not begun when it is told to stop, and finishes what has', async () => {
      const { code, begun, others } = await here.stopped

      expect(code).to.equal(0)
      expect(begun.map(({ state, attempts }) => [state, attempts])).to.deep.equal(Array(2).fill(['delivered', 1]))
      expect(others.map(({ state, attempts }) => [state, attempts])).to.deep.equal(Array(4).fill(['waiting', 0]))
    })

    it('loses nothing while it is cut off from its store for longer than a lease', async () => {
      const { entries, failures } = await here.cutOff

      expect(failures).to.be.greaterThan(0)
      expect(entries.map(({ state, attempts, losses }) => [state, attempts, losses])).to.deep.equal(
        Array(6).fill(['delivered', 1, 0]),
      )
    })

    it('makes no case after it was stopped while it asked whether it may act', async () => {
      const { entry, cases, handledBy } = await here.asleep

      expect(handledBy).to.deep.equal([1, 1])
      expect(cases).to.equal(1)
      expect(entry).to.include({ state: 'delivered', losses: 1 })
    })
  })
}

type Kind = Store['kind']

/** A store of its own, and what a test does to it. */
async function place(kind: Kind) {
  const folder = mkdtempSync(join(tmpdir(), 'lost-process-'))
  const server = kind === 'postgres' ? await PostgresServer.start() : undefined
  const url = await server?.database()
  const programs: Program[] = []
  let store: Store | undefined
  return {
    server,
    url,
    database: join(folder, 'store/adapter.sqlite'),
    start(environment: Readonly<Record<string, string>> = {}): Program {
      const program = startProgram({
        program: join(import.meta.dirname, '../../packages/adapter-sdk/test/worker/lease-program.ts'),
        environment: {
          DATA_DIR: folder,
          ...(url !== undefined && { DATABASE_URL: url }),
          ...{ LEASE_SECONDS: String(LEASE_SECONDS), LOG_LEVEL: 'error', CONCURRENCY: '2' },
          ...{ RETRY_DELAY_SECONDS: '1', DRAIN_SECONDS: '0', STOP_GRACE_SECONDS: '20' },
          ...environment,
        },
      })
      programs.push(program)
      return program
    },
    /** As another process sees it: after the first start. */
    async store(): Promise<Store> {
      const where = { DATA_DIR: folder, DATABASE_URL: url }
      store ??= await openStore(where, { migrate: false, horizonSeconds: HORIZON_SECONDS })
      return store
    },
    async close() {
      await Promise.all(programs.map((program) => program.kill()))
      await store?.close()
      await server?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Place = Awaited<ReturnType<typeof place>>

/** Sends six submissions to two places, after quick ones: two begin, and two more are claimed ahead. */
async function fill(at: Place, program: Program): Promise<{ readonly store: Store; readonly ids: readonly string[] }> {
  await program.listening
  const store = await at.store()
  await Promise.all(Array.from({ length: 40 }, () => program.send(randomUUID())))
  await until(async () => (await store.counts()).delivered === 40)
  const ids = Array.from({ length: 6 }, () => randomUUID())
  await Promise.all(ids.map((id) => program.send(id, { answers: { seconds: 8 } })))
  await until(async () => (await store.counts()).running === 4)
  return { store, ids }
}

const entryOf = async (store: Store, id: string) => (await store.list({ id }, { limit: 1, offset: 0 }))[0] as Entry

async function stopping(kind: Kind) {
  const at = await place(kind)
  try {
    const program = at.start()
    const { store, ids } = await fill(at, program)
    const code = await program.kill('SIGTERM')
    const hasBegun = (id: string) => program.lines.includes(`handle ${id}`)
    const entries = await Promise.all(ids.map((id) => entryOf(store, id)))
    return {
      code,
      begun: entries.filter(({ submissionId }) => hasBegun(submissionId)),
      others: entries.filter(({ submissionId }) => !hasBegun(submissionId)),
    }
  } finally {
    await at.close()
  }
}

async function cutOff(kind: Kind) {
  const at = await place(kind)
  try {
    const program = at.start()
    const { store, ids } = await fill(at, program)
    await unavailable(at, 3 * LEASE_SECONDS)
    const entries = async () => await Promise.all(ids.map((id) => entryOf(store, id)))
    await until(async () => (await entries().catch(() => [])).filter(({ state }) => state === 'delivered').length === 6)
    const failures = program.lines.filter((line) => line.includes('"during":"release"')).length
    return { entries: await entries(), failures }
  } finally {
    await at.close()
  }
}

/** Nothing can be written for so long. */
async function unavailable({ server, database }: Place, seconds: number): Promise<void> {
  if (server !== undefined) {
    await server.halt()
    await elapsed(seconds * 1000)
    await server.resume()
    return
  }
  const unlock = locked(database)
  await elapsed(seconds * 1000)
  unlock()
}

function locked(database: string): () => void {
  const writer = new DatabaseSync(database, { timeout: 10_000 })
  writer.exec('BEGIN IMMEDIATE')
  return () => {
    writer.exec('ROLLBACK')
    writer.close()
  }
}

async function asleep(kind: Kind) {
  const at = await place(kind)
  const cases: string[] = []
  const casework = createServer((request, response) => {
    const id = request.url?.slice(1) ?? ''
    if (request.method === 'POST') cases.push(id)
    response.writeHead(cases.includes(id) ? 200 : 404).end(`CASE-${id}`)
  }).listen(0, '127.0.0.1')
  await until(() => casework.listening)
  const environment = { CASES_URL: `http://127.0.0.1:${(casework.address() as AddressInfo).port}` }
  try {
    const first = at.start(environment)
    const id = randomUUID()
    await first.send(id, { answers: { seconds: 4 } })
    const store = await at.store()
    await until(() => first.lines.includes(`handle ${id}`))
    const unlock = await rowLocked(at)
    await until(() => first.lines.includes(`acting ${id}`))
    // Long enough to have asked; the answer waits for the lock.
    await elapsed(300)
    process.kill(first.pid, 'SIGSTOP')
    // A thread that still runs could take the lock, and keep it.
    await until(() => isStopped(first.pid))
    await unlock()
    const second = at.start(environment)
    await until(async () => (await entryOf(store, id)).state === 'delivered')
    process.kill(first.pid, 'SIGCONT')
    // It ends what it runs before it answers the next one.
    const next = randomUUID()
    await first.send(next)
    await until(async () => (await entryOf(store, next)).state === 'delivered')
    await first.kill('SIGTERM')
    const handledBy = [first, second].map(({ lines }) => lines.filter((line) => line === `handle ${id}`).length)
    return { entry: await entryOf(store, id), cases: cases.filter((each) => each === id).length, handledBy }
  } finally {
    await at.close()
    casework.close()
    casework.closeAllConnections()
  }
}

/** With all its threads, which run on for a moment after the signal. */
function isStopped(pid: number): boolean {
  const states = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    return status.slice(status.lastIndexOf(')')).split(' ')[1]
  })
  return states.every((state) => state === 'T')
}

/** Nobody can change the submissions until it is unlocked. */
async function rowLocked({ url, database }: Place): Promise<() => Promise<void>> {
  if (url === undefined) {
    const unlock = locked(database)
    return async () => unlock()
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN; SELECT FROM formbuilder.submission FOR UPDATE')
  return async () => {
    await client.query('ROLLBACK')
    await client.end()
  }
}
