import { expect } from 'chai'
import type { FileStore } from '../../src/files/file-store.ts'
import { Ledger } from '../../src/operator/ledger.ts'
import { type SweepOptions, startSweeping, sweep } from '../../src/operator/sweep.ts'
import type { Claim, Ending } from '../../src/store/claim.ts'
import type { Store } from '../../src/store/store.ts'
import { memoryFiles } from '../../src/testing/clock.ts'
import { type Engine, onEachEngine } from '../store/engines.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'

const DAY_SECONDS = 86_400
const KEEP = { attachmentKeepDays: 7, keepDays: 28 }

onEachEngine('the sweep', (engine) => {
  let store: Store
  let ledger: Ledger
  beforeEach(async () => {
    await engine().empty()
    store = onClock(engine())
    ledger = new Ledger(store, () => undefined)
  })

  /** A submission with one file, whose attempt had this ending; without one, it is waiting. */
  async function submitted(ending?: Ending) {
    const file = await stored(store.files)
    const submission = incoming({ files: [file] })
    await store.accept([submission])
    const claim = { settle: [], claim: [{ form: submission.form, most: 1, suspects: 0 }], leaseSeconds: 30 }
    if (ending !== undefined) {
      const [claimed] = (await store.turn(claim)) as [Claim]
      await store.turn({ settle: [{ claim: claimed, ending }], claim: [], leaseSeconds: 30 })
    }
    return { ...submission, file }
  }
  const pass = (days: number) => engine().clock.pass(days * DAY_SECONDS)
  const events: Parameters<SweepOptions['emit']>[0][] = []
  const run = (over: Partial<SweepOptions> = {}) =>
    sweep({ store, ...KEEP, emit: (event) => events.push(event), ...over })
  const swept = () => events.findLast((event) => event.event === 'store.swept')
  const hasFile = (id: string) => readable(store.files, id)
  const stateOf = async (submissionId: string) => (await store.list({ id: submissionId }, PAGE))[0]?.state
  const jweOf = async ({ id }: { id: string }) => (await store.ownerOf(id))?.jwe

  it('erases the file and the answers of a delivered submission after 7 days, and not before', async () => {
    const { submissionId, file } = await submitted(delivered())

    pass(6.9)
    await run()
    const before = [await hasFile(file.id), await jweOf(file)]
    pass(0.2)
    await run()

    expect(before).to.deep.equal([true, 'header..iv.ciphertext.tag'])
    expect([await hasFile(file.id), await jweOf(file)]).to.deep.equal([false, undefined])
    expect(await stateOf(submissionId)).to.equal('delivered')
    expect(swept()).to.include({ files: 1 })
  })

  it('forgets a submission after 28 days, and until then knows what the sender repeats', async () => {
    const submission = await submitted(delivered())

    pass(27.9)
    await run()
    const before = await store.accept([{ ...submission, files: [] }])
    pass(0.2)
    await run()

    expect(before).to.deep.equal(['duplicate'])
    expect(await stateOf(submission.submissionId)).to.equal(undefined)
    expect(swept()).to.include({ submissions: 1 })
  })

  it('remembers a submission for as long as it keeps its files', async () => {
    const { file } = await submitted(delivered())

    pass(40)
    await run({ attachmentKeepDays: 60 })

    expect([await hasFile(file.id), await jweOf(file)]).to.deep.equal([true, 'header..iv.ciphertext.tag'])
  })

  it('never erases dead letters, waiting submissions or their files, and counts old dead letters', async () => {
    const kept = [
      await submitted(dead()),
      await submitted(dead({ uncertain: true })),
      await submitted(retry({ delaySeconds: 1000 })),
      await submitted(),
    ]

    pass(4000)
    await run()

    const states = await Promise.all(kept.map(({ submissionId }) => stateOf(submissionId)))
    expect(states).to.deep.equal(['dead', 'dead', 'waiting', 'waiting'])
    expect(await Promise.all(kept.map(({ file }) => hasFile(file.id)))).to.deep.equal([true, true, true, true])
    expect(await Promise.all(kept.map(({ file }) => jweOf(file)))).to.not.include(null)
    expect(swept()).to.include({ oldDeadLetters: 2, submissions: 0, files: 0 })
  })

  it('erases a discarded submission like a delivered one', async () => {
    const { submissionId, file } = await submitted(dead())
    await ledger.discard({ id: submissionId }, 'a test', 'not wanted')

    pass(7.1)
    await run()
    const after = [await hasFile(file.id), await stateOf(submissionId)]
    pass(21)
    await run()

    expect(after).to.deep.equal([false, 'discarded'])
    expect(await stateOf(submissionId)).to.equal(undefined)
  })

  it('removes a file without an owner a day after it was written', async () => {
    const { id } = await stored(store.files)

    pass(0.9)
    await run()
    const before = await hasFile(id)
    pass(0.2)
    await run()

    expect([before, await hasFile(id)]).to.deep.equal([true, false])
  })

  it('removes the files of a replaced copy', async () => {
    const old = await submitted(dead())
    const fresh = await stored(store.files)
    await store.accept([{ ...old, files: [fresh] }])

    pass(1.1)
    await run()

    expect([await hasFile(old.file.id), await hasFile(fresh.id)]).to.deep.equal([false, true])
  })

  it('refuses a submission with a file that it gives up, also when it stops for a day before it removes the bytes', async () => {
    const file = await stored(store.files)
    pass(1.1)
    const stopped = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const files: FileStore = {
      ...store.files,
      async remove(ids) {
        if (ids.length > 0) {
          stopped.resolve()
          await goOn.promise
        }
        await store.files.remove(ids)
      },
    }

    const sweeping = run({ store: withFiles(store, files) })
    await stopped.promise
    pass(1)
    const refused = await store.accept([incoming({ files: [file] })]).catch((error) => error)
    goOn.resolve()
    await sweeping

    expect(refused).to.include({ code: 'ERR_STORE_UNAVAILABLE', retryable: true })
    expect(await store.count({})).to.equal(0)
    expect(await hasFile(file.id)).to.equal(false)
  })

  it('keeps a file whose submission was accepted before it could be given up', async () => {
    const file = await stored(store.files)
    pass(1.1)
    const files: FileStore = {
      ...store.files,
      async *list(olderThanSeconds) {
        for await (const id of store.files.list(olderThanSeconds)) {
          await store.accept([incoming({ files: [file] })])
          yield id
        }
      },
    }

    await run({ store: withFiles(store, files) })

    expect(await hasFile(file.id)).to.equal(true)
  })

  for (const [where, broken] of [
    ['before it removes the files', (files: FileStore) => ({ files: { ...files, remove: killed } })],
    ['after it removed the files', () => ({ erase: killed })],
  ] as const) {
    it(`is completed by the next one if it is interrupted ${where}`, async () => {
      const { submissionId, file } = await submitted(delivered())
      pass(7.1)
      const before = await run({ store: override(store, broken(store.files)) }).catch((error: Error) => error.message)

      await run()
      const after = [await hasFile(file.id), await jweOf(file)]
      pass(21)
      await run()

      expect(before).to.equal('killed')
      expect(after).to.deep.equal([false, undefined])
      expect(await stateOf(submissionId)).to.equal(undefined)
    })
  }

  it('goes in batches, each of which is progress although the next one fails', async () => {
    await store.accept(Array.from({ length: 450 }, () => incoming()))
    const turn = { leaseSeconds: 30, claim: [{ form: 'complaint', most: 450, suspects: 0 }], settle: [] }
    const claims = await store.turn(turn)
    await store.turn({ ...turn, claim: [], settle: claims.map((claim) => ({ claim, ending: delivered() })) })
    pass(28.1)
    const left = async () => (await store.erasable(0, 1000)).length
    const erasing = () => {
      let batches = 0
      return override(store, { erase: (ids) => (++batches > 1 ? killed() : store.erase(ids)) })
    }
    const counts = [await left()]

    for (let time = 0; time < 2; time += 1) {
      await run({ store: erasing() }).catch(() => undefined)
      counts.push(await left())
    }
    await run()

    expect(counts).to.deep.equal([450, 250, 50])
    expect(await store.count({})).to.equal(0)
    expect(swept()).to.include({ submissions: 450 })
  })

  it('ends after the batch that it is at when the process stops', async () => {
    const { submissionId } = await submitted(delivered())
    pass(28.1)

    await run({ isStopping: () => true })

    expect(await stateOf(submissionId)).to.equal('delivered')
  })

  it('can run several times at once', async () => {
    const { submissionId } = await submitted(delivered())
    const others = await Promise.all([1, 2].map(() => engine().another()))
    pass(28.1)

    await Promise.all([run(), ...others.map((other) => run({ store: withFiles(other, store.files) }))])

    expect(await stateOf(submissionId)).to.equal(undefined)
  })
})

describe('sweeping', () => {
  it('goes on after a sweep that fails, and ends when it is stopped', async () => {
    const failures: unknown[] = []
    let runs = 0

    const sweeping = startSweeping(
      async () => {
        runs += 1
        throw new Error('the store is unavailable')
      },
      (error) => failures.push(error),
    )
    await sweeping.stop()

    expect(runs).to.equal(1)
    expect(failures).to.have.length(1)
  })
})

const PAGE = { limit: 1000, offset: 0 }

const killed = () => Promise.reject(new Error('killed'))

/** The store with files whose ages follow the clock of the test. */
function onClock({ store, clock }: Engine): Store {
  return withFiles(store, memoryFiles({ now: () => clock.time }))
}

function withFiles(store: Store, files: FileStore): Store {
  return override(store, { files })
}

function override(store: Store, over: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name in over) return over[name as keyof Store]
      const value = target[name as keyof Store]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function stored(files: FileStore) {
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
