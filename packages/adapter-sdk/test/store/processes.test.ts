/** What every store promises of processes that check in, and of what they say has happened, run on each engine. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { Claim } from '../../src/store/claim.ts'
import type { Happened, Store } from '../../src/store/store.ts'
import { dead, incoming, retry } from '../submissions.ts'
import { type Clock, onEachEngine } from './engines.ts'

const NOTHING: Happened = { ended: [], refused: [] }

onEachEngine('processes that check in', (engine) => {
  let store: Store
  let clock: Clock
  before(() => {
    store = engine().store
    clock = engine().clock
  })
  beforeEach(async () => {
    await engine().empty()
    clock.time = Date.UTC(2030, 0, 1, 12, 30)
    await store.recordForms(['complaint', 'enquiry'].map((name) => ({ name, asksFirst: false })))
  })

  const made = (role = 'worker') => ({ id: randomUUID(), role, version: '1.2.3' })
  const iso = () => clock.now().toISOString()
  const ended = (over: Partial<Happened['ended'][number]>) =>
    store.checkIn(own, {
      ...NOTHING,
      ended: [{ form: 'complaint', wasDelivered: false, failures: 0, code: null, ...over }],
    })
  const own = made()
  const complaint = async () => (await store.forms()).find(({ name }) => name === 'complaint')

  it('are known from the first time on, the one that started first, first', async () => {
    const [first, second] = [made('web'), made()]
    const startedAt = [iso()]
    await store.checkIn(first, NOTHING)
    clock.pass(5)
    startedAt.push(iso())
    await (await engine().another()).checkIn(second, NOTHING)
    clock.pass(5)
    await store.checkIn(first, NOTHING)
    clock.pass(2)

    expect(await store.processes()).to.deep.equal([
      { ...first, startedAt: startedAt[0], seenAt: new Date(clock.time - 2000).toISOString(), silentSeconds: 2 },
      { ...second, startedAt: startedAt[1], seenAt: startedAt[1], silentSeconds: 7 },
    ])
  })

  it('are forgotten when they stop, and after an hour of silence', async () => {
    const [stopped, silent, living] = [made(), made(), made()]
    for (const each of [stopped, silent, living]) await store.checkIn(each, NOTHING)
    await store.checkOut(stopped.id)
    await store.checkOut(stopped.id)
    clock.pass(3600)
    const before = (await store.processes()).map(({ id }) => id)
    clock.pass(1)
    await store.checkIn(living, NOTHING)
    const after = (await store.processes()).map(({ id }) => id)
    // Shown or not, the row is gone: a clock that goes back does not bring it back.
    clock.pass(-1800)

    expect(before.sort()).to.deep.equal([silent.id, living.id].sort())
    expect(after).to.deep.equal([living.id])
    expect((await store.processes()).map(({ id }) => id)).to.deep.equal([living.id])
  })

  it('say how handing over goes: failures add up, over processes, until one is delivered', async () => {
    const fresh = await complaint()
    await ended({ failures: 2, code: 'ERR_CASEWORK_DOWN' })
    const failedAt = iso()
    clock.pass(10)
    await ended({})
    await ended({ failures: 1, code: 'ERR_CASEWORK_BUSY' })
    const failing = await complaint()
    const failedLastAt = iso()
    clock.pass(10)
    await ended({ wasDelivered: true })
    const deliveredAt = iso()
    const well = await complaint()
    clock.pass(10)
    await ended({ wasDelivered: true, failures: 3, code: 'ERR_CASEWORK_DOWN' })
    const again = await complaint()

    expect(fresh).to.include({ lastDeliveredAt: null, failuresInARow: 0, lastFailure: null })
    expect(failing).to.deep.include({
      ...{ lastDeliveredAt: null, failuresInARow: 3 },
      lastFailure: { at: failedLastAt, code: 'ERR_CASEWORK_BUSY' },
    })
    expect(failedAt).not.to.equal(failedLastAt)
    expect(well).to.deep.include({
      ...{ lastDeliveredAt: deliveredAt, failuresInARow: 0 },
      lastFailure: { at: failedLastAt, code: 'ERR_CASEWORK_BUSY' },
    })
    expect(again).to.deep.include({
      ...{ lastDeliveredAt: iso(), failuresInARow: 3 },
      lastFailure: { at: iso(), code: 'ERR_CASEWORK_DOWN' },
    })
    expect((await store.forms()).find(({ name }) => name === 'enquiry')).to.include({ failuresInARow: 0 })
  })

  it('say nothing of a form that no adapter recorded', async () => {
    await ended({ form: 'nobody', failures: 1, code: 'ERR' })

    expect((await store.forms()).map(({ name }) => name)).to.deep.equal(['complaint', 'enquiry'])
  })

  it('say which deliveries were refused, which are added up by form and code for some hours', async () => {
    const refused = (form: string, code: string, count: number) => ({ form, code, count })
    await store.checkIn(own, { ...NOTHING, refused: [refused('complaint', 'ERR_JWE_INVALID', 1)] })
    clock.pass(3600)
    await store.checkIn(made(), {
      ...NOTHING,
      refused: [refused('complaint', 'ERR_STORE_UNAVAILABLE', 5), refused('complaint', 'ERR_JWE_INVALID', 1)],
    })
    await store.checkIn(own, { ...NOTHING, refused: [refused('enquiry', 'ERR_JWE_INVALID', 7)] })

    expect(await store.refusals(1)).to.deep.equal([
      refused('enquiry', 'ERR_JWE_INVALID', 7),
      refused('complaint', 'ERR_STORE_UNAVAILABLE', 5),
      refused('complaint', 'ERR_JWE_INVALID', 1),
    ])
    expect(await store.refusals(2)).to.deep.include(refused('complaint', 'ERR_JWE_INVALID', 2))
    clock.pass(3600 * 24)
    expect(await store.refusals(24)).to.deep.equal([])
    expect((await store.hours(30)).every(({ accepted, dead }) => accepted + dead === 0)).to.equal(true)
    const ages = { endedSeconds: 1, failedDeliverySeconds: 1, hourSeconds: 3600, givenUpSeconds: 1 }
    expect(await store.forget(ages, 100)).to.include({ hours: 4 })
    expect(await store.refusals(30)).to.deep.equal([])
  })

  it('that check in at once with the same forms do not wait for each other for ever', async () => {
    const second = await engine().another()
    const forms = ['complaint', 'enquiry']
    const since = (order: readonly string[]) => ({
      ended: order.map((form) => ({ form, wasDelivered: false, failures: 1, code: 'ERR' })),
      refused: order.map((form) => ({ form, code: 'ERR', count: 1 })),
    })
    const [a, b] = [made(), made()]
    for (let i = 0; i < 20; i += 1) {
      await Promise.all([store.checkIn(a, since(forms)), second.checkIn(b, since(forms.toReversed()))])
    }

    expect((await store.forms()).map(({ failuresInARow }) => failuresInARow)).to.deep.equal([40, 40])
    expect((await store.refusals(1)).map(({ count }) => count)).to.deep.equal([40, 40])
  })

  describe('and hours', () => {
    it('are those of one form, where one is asked for', async () => {
      await store.accept([incoming(), incoming(), incoming({ form: 'enquiry' })])
      const [all] = await store.hours(1)
      const [one] = await store.hours(1, 'enquiry')
      const [none] = await store.hours(1, 'nobody')

      expect([all, one, none].map((hour) => hour?.accepted)).to.deep.equal([3, 1, 0])
      expect(await store.hours(3, 'enquiry')).to.have.length(3)
    })
  })

  it('that failed before are listed as they are counted', async () => {
    await store.accept(Array.from({ length: 4 }, () => incoming()))
    const claim = (most: number) =>
      store.turn({ settle: [], claim: [{ form: 'complaint', most, suspects: 0 }], leaseSeconds: 30 })
    const [failed, letter, redriven] = (await claim(3)) as [Claim, Claim, Claim]
    await store.turn({
      settle: [
        { claim: failed, ending: retry({ delaySeconds: 60 }) },
        { claim: letter, ending: dead() },
        { claim: redriven, ending: dead() },
      ],
      claim: [],
      leaseSeconds: 30,
    })
    const [entry] = await store.list({ id: redriven.submissionId }, { limit: 1, offset: 0 })
    await store.redrive([entry as { id: string; revision: number }], 'ada', null)
    const listed = await store.list({ state: 'waiting', failed: true }, { limit: 10, offset: 0 })

    expect(listed.map(({ submissionId }) => submissionId)).to.deep.equal([failed.submissionId])
    expect((await store.counts()).retrying).to.equal(1)
    expect(await store.count({ state: 'waiting', failed: true })).to.equal(1)
    expect(await store.count({ state: 'waiting', failed: false })).to.equal(2)
    expect(await store.count({ failed: true })).to.equal(2)
  })
})
