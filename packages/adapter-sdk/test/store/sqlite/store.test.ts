import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { openMemory, openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { incoming } from '../../submissions.ts'

const OPTIONS = { migrate: true, horizonSeconds: 90_000 }
const PAGE = { limit: 1000, offset: 0 }
const FILES = {} as Store['files']

describe('the threads of a store in SQLite', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'store-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  it('answer what is asked at once in the order of the questions', async () => {
    const store = await openMemory(FILES, OPTIONS)
    const order: string[] = []
    const submission = incoming()

    const answers = await Promise.all([
      store.accept([submission]).finally(() => order.push('accept')),
      store.turn({ settle: [], claim: [{ form: 'complaint', most: 1, suspects: 0 }], leaseSeconds: 30 }),
      store.accept([submission]).finally(() => order.push('accept again')),
    ])
    await store.close()

    expect(order).to.deep.equal(['accept', 'accept again'])
    expect(answers[0]).to.deep.equal(['accepted'])
    expect(answers[1].map(({ submissionId }) => submissionId)).to.deep.equal([submission.submissionId])
    expect(answers[2]).to.deep.equal(['duplicate'])
  })

  it('do not keep an accept waiting for a question of an operator', async () => {
    const store = await openSqlite(dataDir, OPTIONS)
    for (let i = 0; i < 20; i++) await store.accept(Array.from({ length: 500 }, () => incoming()))
    const order: string[] = []

    await Promise.all([
      Promise.all(Array.from({ length: 400 }, () => store.list({ reason: 'nobody' }, PAGE))).then(() =>
        order.push('lists'),
      ),
      store.accept([incoming()]).then(() => order.push('accept')),
    ])
    await store.close()

    expect(order).to.deep.equal(['accept', 'lists'])
  })

  it('pass an error of SQLite on by its name, code, number and message, and go on', async () => {
    const store = await openMemory(FILES, OPTIONS)
    const broken = { ...incoming(), jwe: null as unknown as string }

    const error = await store.accept([incoming(), broken]).catch((reason: unknown) => reason)

    expect(error).to.be.instanceOf(Error)
    expect(error).to.include({
      ...{ name: 'Error', code: 'ERR_SQLITE_ERROR', errcode: 1299 },
      message: 'NOT NULL constraint failed: letter.jwe',
    })
    expect(await store.count({})).to.equal(0)
    expect(await store.accept([incoming()])).to.deep.equal(['accepted'])
    await store.close()
  })

  it('serve one store in memory after the other, each empty, and none that is closed', async () => {
    const first = await openMemory(FILES, OPTIONS)
    await first.accept([incoming()])
    await first.close()
    const second = await openMemory(FILES, OPTIONS)

    const refusal = await first.accept([incoming()]).catch((reason: unknown) => reason)

    expect(refusal).to.include({ name: 'AdapterError', code: 'ERR_STORE_UNAVAILABLE' })
    expect(await second.count({})).to.equal(0)
    await first.close()
    expect(await second.accept([incoming()])).to.deep.equal(['accepted'])
    await second.close()
  })

  for (const [index, name] of ['writer', 'reader'].entries()) {
    it(`emit that the store is lost when the ${name} ends by itself, and reject what is asked then and later`, async () => {
      const threads: Worker[] = []
      const note = (worker: Worker) => threads.push(worker)
      process.on('worker', note)
      const store = await openSqlite(dataDir, OPTIONS).finally(() => process.off('worker', note))
      const ask = async () => await (name === 'writer' ? store.accept([incoming()]) : store.counts())

      const asked = ask().catch((reason: unknown) => reason)
      await threads[index]?.terminate()
      const lost = await store.lost
      const later = await ask().catch((reason: unknown) => reason)
      await asked
      await store.close()

      expect(lost).to.include({ code: 'ERR_STORE_UNAVAILABLE' })
      expect(later).to.equal(lost)
    })
  }

  it('end when the store is closed, also twice, and answer nothing after that', async () => {
    const store = await openSqlite(dataDir, OPTIONS)
    const accepting = store.accept([incoming()])
    await Promise.all([store.close(), store.close()])

    const error = await store.accept([incoming()]).catch((reason: unknown) => reason)

    expect(await accepting).to.deep.equal(['accepted'])
    expect(error).to.include({ code: 'ERR_STORE_UNAVAILABLE' })
  })

  it('do not keep a process alive that asks no more, and get none of its options or secrets', async () => {
    const url = (file: string) => JSON.stringify(new URL(`../../../src/store/sqlite/${file}`, import.meta.url).href)
    const loaded = `import { isMainThread } from 'node:worker_threads'; if (!isMainThread) console.log('loaded twice')`
    const program = `
      const { openSqlite } = await import(${url('store.ts')})
      const store = await openSqlite(process.argv[1], { migrate: true, horizonSeconds: 1 })
      console.log(await store.count({}))`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(loaded)}`, '--input-type=module', '-e', program, dataDir],
      { timeout: 30_000 },
    )

    expect(stdout).to.equal('0\n')
  })
})
