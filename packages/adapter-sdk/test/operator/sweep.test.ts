import { expect } from 'chai'
import type { FileStore } from '../../src/files/file-store.ts'
import { Ledger } from '../../src/operator/ledger.ts'
import { type SweepOptions, sweep } from '../../src/operator/sweep.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import type { Claim, Ending } from '../../src/store/claim.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { onBothStores, type TestStore } from '../shared-postgres.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'

const DAY = 86_400_000
const KEEP = { attachmentKeepDays: 7, keepDays: 28 }

onBothStores('the sweep', (store) => {
  let arrivals: Arrivals
  let ledger: Ledger
  let work: Attempts
  before(() => {
    arrivals = new Arrivals(store().store, () => undefined)
    ledger = new Ledger(store().store, () => undefined)
    work = new Attempts(store().store)
  })

  /** A submission with one file, whose attempt had this ending; without one, it is waiting. */
  async function submitted(ending?: Ending) {
    const file = await stored(store())
    const submission = incoming({ files: [file] })
    await arrivals.accept(submission)
    if (ending !== undefined) await work.settle((await work.claim('complaint', 1, 'repeatable'))[0] as Claim, ending)
    return { ...submission, file }
  }
  const run = (days: number, over: Partial<SweepOptions> = {}) => {
    const now = () => new Date(Date.now() + days * DAY)
    return sweep({
      store: store().store,
      files: store().files,
      ...KEEP,
      emit: (event) => events.push(event),
      now,
      ...over,
    })
  }
  const events: Parameters<SweepOptions['emit']>[0][] = []
  const swept = () => events.findLast((event) => event.event === 'store.swept')
  const hasFile = (id: string) => readable(store().files, id)
  const jwe = async (id: string) => {
    const sql = 'SELECT jwe FROM formbuilder.submission WHERE submission_id = $1'
    const [row] = await store().database.query<{ jwe: string | null }>(sql, [id])
    return row === undefined ? 'no row' : row.jwe
  }
  const states = async (ids: string[]) =>
    (await ledger.list({ limit: 1000 }))
      .filter(({ submissionId }) => ids.includes(submissionId))
      .map(({ state }) => state)
      .sort()
  afterEach(async () => {
    await store().database.query('DELETE FROM formbuilder.submission')
    await store().database.query('DELETE FROM formbuilder_queue.job')
  })

  it('deletes the file and the answers of a delivered submission after 7 days, and not before', async () => {
    const { submissionId, file } = await submitted(delivered())

    await run(6.9)
    const before = [await hasFile(file.id), await jwe(submissionId)]
    await run(7.1)
    const after = [await hasFile(file.id), await jwe(submissionId)]

    expect(before).to.deep.equal([true, 'header..iv.ciphertext.tag'])
    expect(after).to.deep.equal([false, null])
    expect(await states([submissionId])).to.deep.equal(['delivered'])
  })

  it('forgets a submission after 28 days, and until then knows what the sender repeats', async () => {
    const submission = await submitted(delivered())

    await run(27.9)
    const before = await arrivals.accept({ ...submission, files: [] })
    await run(28.1)

    expect(before).to.equal('duplicate')
    expect(await jwe(submission.submissionId)).to.equal('no row')
    expect(swept()).to.include({ submissions: 1 })
  })

  it('remembers a submission for as long as it keeps its files', async () => {
    const { submissionId, file } = await submitted(delivered())

    await run(40, { attachmentKeepDays: 60 })

    expect([await hasFile(file.id), await jwe(submissionId)]).to.deep.equal([true, 'header..iv.ciphertext.tag'])
  })

  it('never deletes dead letters, waiting submissions or their files, and counts old dead letters', async () => {
    const letters = [
      await submitted(dead()),
      await submitted(dead({ uncertain: true })),
      await submitted(retry()),
      await submitted(),
    ]

    await run(4000)

    expect(await states(letters.map(({ submissionId }) => submissionId))).to.deep.equal([
      'dead',
      'dead',
      'waiting',
      'waiting',
    ])
    expect(await Promise.all(letters.map(({ file }) => hasFile(file.id)))).to.deep.equal([true, true, true, true])
    expect(await Promise.all(letters.map(({ submissionId }) => jwe(submissionId)))).to.not.include(null)
    expect(swept()).to.include({ oldDeadLetters: 2, submissions: 0 })
  })

  it('deletes a discarded submission like a delivered one', async () => {
    const { submissionId, file } = await submitted(dead())
    await ledger.discard({ id: submissionId }, 'a test', 'not wanted')

    await run(7.1)
    const after = [await hasFile(file.id), await jwe(submissionId)]
    await run(28.1)

    expect(after).to.deep.equal([false, null])
    expect(await jwe(submissionId)).to.equal('no row')
  })

  it('deletes a file without an owner a day after it was written', async () => {
    const { id } = await stored(store())

    await run(0.9)
    const before = await hasFile(id)
    await run(1.1)

    expect([before, await hasFile(id)]).to.deep.equal([true, false])
  })

  it('deletes the files of a replaced copy', async () => {
    const old = await submitted(dead())
    const fresh = await stored(store())
    await arrivals.accept({ ...old, files: [fresh] })

    await run(1.1)

    expect([await hasFile(old.file.id), await hasFile(fresh.id)]).to.deep.equal([false, true])
  })

  for (const [where, broken] of [
    ['before it removes the files', { remove: () => Promise.reject(new Error('killed')) }],
    ['after it removed the files', {}],
  ] as const) {
    it(`is completed by the next one if it is interrupted ${where}`, async () => {
      const { submissionId, file } = await submitted(delivered())
      const files: FileStore = { ...store().files, ...broken }
      const database = store().database
      // The process dies at the first statement after the removal of the files.
      const cut =
        where === 'after it removed the files'
          ? { ...database, query: failingAfter(database.query, 'DELETE FROM formbuilder.attachment') }
          : database
      await run(7.1, { files, store: { ...store().store, database: cut } }).catch(() => undefined)

      await run(7.1)
      await run(28.1)

      expect(await hasFile(file.id)).to.equal(false)
      expect(await jwe(submissionId)).to.equal('no row')
      expect(await database.query('SELECT 1 FROM formbuilder.attachment')).to.deep.equal([])
    })
  }

  it('restores the queue entry of a waiting submission that has lost it', async () => {
    const { submissionId } = await submitted()
    await store().database.query('DELETE FROM formbuilder_queue.job')

    await run(1.1)

    const [claim] = await work.claim('complaint', 10, 'repeatable')
    expect(claim).to.include({ submissionId })
  })

  it('can run several times at once', async () => {
    const { submissionId } = await submitted(delivered())
    const others = await Promise.all([1, 2].map(() => store().another()))

    await Promise.all([run(28.1), ...others.map((other) => run(28.1, { store: other }))])

    expect(await jwe(submissionId)).to.equal('no row')
  })
})

async function stored({ files }: TestStore) {
  const id = crypto.randomUUID()
  await files.write(
    id,
    (async function* () {
      yield Buffer.alloc(32)
    })(),
  )
  return { id, bytes: 32, plaintextBytes: 20, sha256: 'ab' }
}

async function readable(files: FileStore, id: string): Promise<boolean> {
  try {
    for await (const _block of files.read(id)) return true
    return false
  } catch {
    return false
  }
}

function failingAfter<Query extends (text: string, values?: readonly unknown[]) => Promise<unknown>>(
  query: Query,
  start: string,
): Query {
  return ((text, values) =>
    text.startsWith(start) ? Promise.reject(new Error('killed')) : query(text, values)) as Query
}
