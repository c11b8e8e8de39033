import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { integrityCheck } from '../../packages/adapter-sdk/src/store/sqlite/backup.ts'
import { openSqlite } from '../../packages/adapter-sdk/src/store/sqlite/store.ts'
import { startAccepting } from '../../packages/adapter-sdk/test/store/sqlite/processes.ts'
import { incoming } from '../../packages/adapter-sdk/test/submissions.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

const OPTIONS = { migrate: true, horizonSeconds: 90_000 }

describe('processes on one store in SQLite', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'store-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  const database = () => join(dataDir, 'store/adapter.sqlite')
  /** How many of these are held, and how many submissions there are. */
  const held = async (ids: readonly string[]) => {
    const store = await openSqlite(dataDir, { ...OPTIONS, migrate: false })
    const counts = [
      (await Promise.all(ids.map((id) => store.count({ id })))).reduce((sum, count) => sum + count, 0),
      await store.count({}),
    ]
    await store.close()
    return counts
  }

  it('may start at the same time on an empty folder, and all write', async () => {
    const processes = Array.from({ length: 4 }, () => startAccepting(dataDir, { size: 8, batches: 5 }))
    await Promise.all(processes.map(({ ended }) => ended))

    const ids = processes.flatMap((each) => each.accepted())
    expect(processes.map(({ lines }) => lines.at(-1))).to.deep.equal(Array(4).fill('closed'))
    expect(await held(ids)).to.deep.equal([160, 160])
  })

  it('keep each batch whole, and all that was acknowledged, when they are killed', async () => {
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      const accepting = startAccepting(dataDir, { size: 16 })
      await until(() => accepting.accepted().length >= 160 * (i + 1))
      await accepting.kill()
      ids.push(...accepting.accepted())
    }
    const [found, all] = await held(ids)

    expect(found).to.equal(ids.length)
    expect(all).to.be.within(ids.length, ids.length + 4 * 16)
    expect((all as number) % 16).to.equal(0)
    expect(await integrityCheck(dataDir)).to.deep.equal([])
  })

  it('go on at once after one was killed in the middle of a transaction, of which nothing is left', async () => {
    const store = await openSqlite(dataDir, OPTIONS)
    await store.accept([incoming()])
    const child = startAccepting(dataDir, { size: 20_000 }) // a transaction of a second
    await child.printed('open')
    await until(() => isWriting(database()))
    await child.kill()

    const started = performance.now()
    const results = await store.accept([incoming()])
    const milliseconds = performance.now() - started
    const count = await store.count({})
    await store.close()

    expect([results, count]).to.deep.equal([['accepted'], 2])
    expect(milliseconds).to.be.below(5000)
  })

  it('wait for each other no longer than 5 seconds, and learn that the store is busy', async () => {
    const store = await openSqlite(dataDir, OPTIONS)
    const other = new DatabaseSync(database())
    other.exec('BEGIN IMMEDIATE')

    const started = performance.now()
    const error = await store.accept([incoming()]).catch((reason: unknown) => reason)
    const seconds = (performance.now() - started) / 1000
    other.exec('ROLLBACK')
    other.close()
    const after = await store.accept([incoming()])
    await store.close()

    expect(error).to.include({ code: 'ERR_SQLITE_ERROR', errcode: 5, message: 'database is locked' })
    expect(seconds).to.be.within(4, 9)
    expect(after).to.deep.equal(['accepted'])
  })

  it('let a person wait longer, and then say that the store is busy', async () => {
    const store = await openSqlite(dataDir, { ...OPTIONS, busySeconds: 7 })
    await store.accept([incoming()])
    const [entry] = await store.list({}, { limit: 1, offset: 0 })
    const chosen = [{ id: entry?.id ?? '', revision: entry?.revision ?? 0 }]
    const other = new DatabaseSync(database())
    other.exec('BEGIN IMMEDIATE')
    const retry = () => store.retryNow(chosen, 'a test', null).catch((reason: unknown) => reason)

    const error = await retry()
    const waiting = retry()
    // Longer than a single try waits.
    await new Promise((resolve) => setTimeout(resolve, 6000))
    other.exec('ROLLBACK')
    other.close()
    const moved = await waiting
    await store.close()

    expect(error).to.include({ name: 'AdapterError', code: 'ERR_STORE_UNAVAILABLE' })
    expect(error)
      .to.have.property('message')
      .that.matches(/^the store is busy/)
    expect(moved).to.be.an('array')
  })

  it('refuse what a full disk cannot hold, keep nothing of it, and go on when there is room', async () => {
    const child = startAccepting(dataDir, { size: 16, fileBytes: 1024 * 1024 })
    await child.printed('refused')
    const refusedAt = child.lines.length
    const refusal = child.lines.find((line) => line.startsWith('refused'))
    const before = child.accepted().length
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    await child.printed('accepted', refusedAt)
    await child.kill()

    const ids = child.accepted()
    const [found, all] = await held(ids)
    expect(refusal).to.match(/^refused \d+ (disk I\/O error|database or disk is full)$/)
    expect(before).to.be.above(0)
    expect(found).to.equal(ids.length)
    expect((all as number) % 16).to.equal(0)
    expect(all).to.be.within(ids.length, ids.length + 16)
    expect(await integrityCheck(dataDir)).to.deep.equal([])
  })

  it('keep the log short while they write and read', async () => {
    const child = startAccepting(dataDir, { size: 64 })
    await child.printed('accepted')
    const store = await openSqlite(dataDir, { ...OPTIONS, migrate: false })
    let largest = 0
    while (child.accepted().length < 15_000) {
      await store.counts()
      await store.list({}, { limit: 100, offset: 0 })
      largest = Math.max(largest, statSync(`${database()}-wal`).size)
    }
    await child.kill()
    await store.close()

    // Without a limit it would hold all of it: more than 40 MB. A checkpoint starts at 4 MB.
    expect(largest / 1e6).to.be.below(16)
  })
})

/** Whether another process is in a transaction that writes. */
function isWriting(path: string): boolean {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('BEGIN IMMEDIATE; ROLLBACK')
    return false
  } catch {
    return true
  } finally {
    database.close()
  }
}
