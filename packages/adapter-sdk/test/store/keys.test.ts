/** What a store knows of keys, and when an old one can be removed, with a clock that moves. */
import { expect } from 'chai'
import { keyReports } from '../../src/operator/key-rule.ts'
import { keyFigures, missingKeys } from '../../src/operator/key-watch.ts'
import { generateKey, parseKeyring } from '../../src/protocol/keyring.ts'
import { keyIds } from '../../src/store/key-id.ts'
import type { KeyUse, Store } from '../../src/store/store.ts'
import type { Incoming } from '../../src/store/submission.ts'
import { KeyUseLog } from '../../src/telemetry/key-use-log.ts'
import { dead, delivered, incoming } from '../submissions.ts'
import { until } from '../until.ts'
import { type Clock, onEachEngine } from './engines.ts'

const DAY = 86_400
const IDS = { complaint: ['new', 'old'] }

onEachEngine('keys', (engine) => {
  let store: Store
  let clock: Clock
  beforeEach(async () => {
    store = engine().store
    clock = engine().clock
    await engine().empty()
  })

  const use = (keyId: string, what: KeyUse['what'] = 'receive') => store.useKeys([{ form: 'complaint', keyId, what }])
  const reports = async (ids: Record<string, string[]> = IDS) =>
    keyReports(ids, await store.keyUses(), await store.keyNeeds())
  const states = async (ids?: Record<string, string[]>) => (await reports(ids)).map(({ state }) => state)
  const accept = async (over: Partial<Incoming>) => {
    const submission = incoming(over)
    await store.accept([submission])
    return submission
  }
  const end = async (ending: ReturnType<typeof delivered>) => {
    const turn = { claim: [{ form: 'complaint', most: 1, suspects: 0 }], leaseSeconds: 60 }
    const [claim] = await store.turn({ ...turn, settle: [] })
    if (claim === undefined) throw new Error('nothing is due')
    await store.turn({ claim: [], leaseSeconds: 60, settle: [{ claim, ending }] })
    return claim
  }

  it('have ids that are the same in every process and after a restart, and not in another store', async () => {
    const [current, previous] = [generateKey(16), generateKey(32)]
    const other = await engine().another()

    const one = await keyIds({ a: parseKeyring(current, [previous]) }, await store.keySalt())
    const two = await keyIds({ b: parseKeyring(previous, [current]) }, await other.keySalt())
    const three = await keyIds({ a: parseKeyring(current) }, 'ab'.repeat(16))

    expect(await store.keySalt()).to.match(/^[0-9a-f]{32}$/)
    expect(two['b']).to.deep.equal(one['a']?.toReversed())
    expect(one['a']).to.not.include(three['a']?.[0])
    expect(JSON.stringify(one)).to.not.contain(current).and.not.contain(Buffer.from(current).toString('hex'))
  })

  it('are known by when they were used first and last, for each form and use', async () => {
    const first = clock.now()
    await store.useKeys([
      { form: 'complaint', keyId: 'a', what: 'receive' },
      { form: 'comment', keyId: 'a', what: 'receive' },
    ])
    clock.pass(DAY)
    await (await engine().another()).useKeys([
      { form: 'complaint', keyId: 'a', what: 'receive' },
      { form: 'complaint', keyId: 'a', what: 'deliver' },
    ])

    const now = clock.now()
    expect(await store.keyUses()).to.deep.equal({
      now,
      uses: [
        { form: 'comment', keyId: 'a', what: 'receive', firstAt: first, lastAt: first },
        { form: 'complaint', keyId: 'a', what: 'deliver', firstAt: now, lastAt: now },
        { form: 'complaint', keyId: 'a', what: 'receive', firstAt: first, lastAt: now },
      ],
    })
  })

  it('are recorded by several processes at the same moment', async () => {
    const stores = [store, await engine().another(), await engine().another()]
    const uses = ['c', 'b', 'a'].map((keyId) => ({ form: 'complaint', keyId, what: 'receive' as const }))

    await Promise.all(stores.map((each, i) => each.useKeys(i === 0 ? uses : uses.toReversed())))

    expect((await store.keyUses()).uses).to.have.length(3)
  })

  it('are needed by what waits, by dead letters, and by answers until they are erased', async () => {
    const needs = async () => (await store.keyNeeds()).map(({ waiting, dead, kept }) => [waiting, dead, kept])

    await accept({ keyId: 'old' })
    expect(await needs()).to.deep.equal([[1, 0, 0]])

    const claim = await end(dead() as never)
    expect(await needs()).to.deep.equal([[0, 1, 0]])

    await store.discard(
      [{ id: claim.id, revision: (await store.list({}, { limit: 1, offset: 0 }))[0]?.revision ?? 0 }],
      'sam',
      'x',
    )
    await accept({ keyId: 'old' })
    await end(delivered())
    expect(await needs()).to.deep.equal([[0, 0, 2]])

    clock.pass(8 * DAY)
    const ended = await store.erasable(7 * DAY, 10)
    await store.erase(ended.map(({ id }) => id))
    expect(await needs()).to.deep.equal([])
  })

  it('are needed by the copy that is held: one that took the place of a dead letter', async () => {
    const submission = await accept({ keyId: 'old' })
    await end(dead() as never)
    expect(await store.accept([{ ...submission, keyId: 'new' }])).to.deep.equal(['replaced'])

    expect(await store.keyNeeds()).to.deep.equal([{ form: 'complaint', keyId: 'new', waiting: 1, dead: 0, kept: 0 }])
  })

  it('stay 28 days after the first submission with a newer one, and after the last with themselves', async () => {
    await use('old')
    clock.pass(100 * DAY)
    // However long ago: without a submission with the new key nothing shows that the form was published with it.
    expect(await states()).to.deep.equal(['current', 'unpublished'])

    await use('new')
    clock.pass(28 * DAY - 1)
    expect(await states()).to.deep.equal(['current', 'early'])
    clock.pass(1)
    expect(await states()).to.deep.equal(['current', 'safe'])

    await use('old')
    expect(await states()).to.deep.equal(['current', 'early'])
    clock.pass(28 * DAY)
    expect((await reports())[1]).to.include({ state: 'safe', safeFrom: clock.now().toISOString() })

    await use('old', 'deliver')
    expect(await states()).to.deep.equal(['current', 'safe'])
  })

  it('stay as long as anything that is held needs them', async () => {
    await use('old')
    await use('new')
    await accept({ keyId: 'old' })
    clock.pass(29 * DAY)

    expect((await reports())[1]).to.deep.include({ state: 'needed', neededBy: { waiting: 1, dead: 0, kept: 0 } })
  })

  it('are themselves wherever they stand, and one that is listed twice counts where it is newest', async () => {
    await use('old')
    await use('new')
    clock.pass(28 * DAY)

    const moved = await reports({ complaint: ['newest', 'new', 'old'] })
    const twice = await reports({ complaint: ['new', 'new', 'old'] })

    expect(moved.map(({ position, state }) => [position, state])).to.deep.equal([
      [0, 'current'],
      [1, 'unpublished'],
      [2, 'safe'],
    ])
    expect(twice.map(({ position, state }) => [position, state])).to.deep.equal([
      [0, 'current'],
      [2, 'safe'],
    ])
  })

  it('that only the store knows are removed, or missing where something needs them, counted for each form', async () => {
    await use('gone')
    await use('lost')
    await accept({ keyId: 'lost' })
    await accept({ keyId: 'lost', form: 'comment' })
    await accept({ keyId: 'new', form: 'complaint' })
    const ids = { complaint: ['new'], comment: ['new'] }

    const unlisted = (await reports(ids)).filter(({ position }) => position === null)
    const said = await missingKeys(store, ids)

    expect(unlisted.map(({ form, state }) => [form, state])).to.deep.equal([
      ['comment', 'missing'],
      ['complaint', 'removed'],
      ['complaint', 'missing'],
    ])
    expect(said.map((event) => ({ ...event, detail: undefined }))).to.deep.equal(
      ['comment', 'complaint'].map((form) => {
        return { event: 'key.missing', form, waiting: 1, dead: 0, kept: 0, detail: undefined }
      }),
    )
  })

  it('have figures that show a previous one in use, and one that can be removed', async () => {
    let ticks = 0
    const figures = keyFigures(store, IDS, () => ticks)
    const previous = async () => (await figures()).previous
    const of = (receiving: number, removable: number) => [{ form: 'complaint', receiving, removable }]

    expect(await previous()).to.deep.equal(of(0, 0))
    await use('new')
    await use('old')
    expect(await previous()).to.deep.equal(of(1, 0))
    expect((await figures()).lastUses).to.deep.equal(
      [0, 1].map((position) => ({ form: 'complaint', position, use: 'received', at: clock.time / 1000 })),
    )
    clock.pass(DAY)
    expect(await previous()).to.deep.equal(of(0, 0))

    await accept({ keyId: 'old' })
    clock.pass(27 * DAY)
    expect(await previous()).to.deep.equal(of(0, 0))
    await end(delivered())
    clock.pass(DAY)
    await store.erase((await store.erasable(0, 10)).map(({ id }) => id))
    // What needs a key is counted every ten minutes at most.
    expect(await previous()).to.deep.equal(of(0, 0))
    ticks += 600_001
    expect(await previous()).to.deep.equal(of(0, 1))
  })

  describe('whose use is logged', () => {
    const received = (keyPosition: number) =>
      ({ event: 'submission.duplicate', form: 'complaint', submissionId: 'x', keyPosition }) as const
    const used = async () => (await store.keyUses()).uses.map(({ keyId, what }) => `${keyId} ${what}`)

    it('are written once for many uses, at the latest when the adapter stops', async () => {
      let writes = 0
      const counting = {
        async useKeys(uses: readonly KeyUse[]) {
          writes += 1
          await store.useKeys(uses)
        },
      }
      const log = new KeyUseLog(counting, IDS, () => undefined)
      for (let i = 0; i < 100; i++) {
        log.record(received(1))
        log.record({ ...received(0), event: 'attempt.decrypted' })
      }
      await used()
      expect(writes).to.equal(0)
      await log.close()

      expect(await used()).to.deep.equal(['new deliver', 'old receive'])
      expect(writes).to.equal(1)
    })

    it('are written after the pause, again and again', async () => {
      const log = new KeyUseLog(store, IDS, () => undefined, 0.01)
      log.record(received(1))
      await until(async () => (await used()).length === 1)
      log.record(received(0))
      await until(async () => (await used()).length === 2)
      await log.close()
    })

    it('are written later when the store fails, which is an event', async () => {
      const failures: string[] = []
      let fails = true
      const failing = {
        async useKeys(uses: readonly KeyUse[]) {
          if (fails) throw new Error('gone')
          await store.useKeys(uses)
        },
      }
      const log = new KeyUseLog(failing, IDS, (event) => failures.push(event.event), 0.01)
      log.record(received(1))
      await until(() => failures.length > 0)
      fails = false
      await until(async () => (await used()).length === 1)
      await log.close()

      expect(new Set(failures)).to.deep.equal(new Set(['store.failed']))
      expect(await used()).to.deep.equal(['old receive'])
    })
  })
})
