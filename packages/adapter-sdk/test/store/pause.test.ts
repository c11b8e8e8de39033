/** What every store promises of a form that people pause, run on each engine. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { Claim, Ending } from '../../src/store/claim.ts'
import type { Store } from '../../src/store/store.ts'
import type { Incoming } from '../../src/store/submission.ts'
import { delivered, incoming, retry } from '../submissions.ts'
import { until } from '../until.ts'
import { type Clock, type Engine, onEachEngine } from './engines.ts'

const LEASE_SECONDS = 30
const PAGE = { limit: 100, offset: 0 }
const DAY_SECONDS = 86_400

onEachEngine('a form that is paused', (engine) => {
  let store: Store
  let clock: Clock
  let form: string
  let other: string
  before(() => {
    store = engine().store
    clock = engine().clock
  })
  beforeEach(async () => {
    await engine().empty()
    form = `form-${randomUUID().slice(0, 8)}`
    other = `${form}-b`
    clock.pass(60)
    await store.recordForms([
      { name: form, asksFirst: true },
      { name: other, asksFirst: false },
    ])
  })

  const wanted = (names: readonly string[]) => names.map((name) => ({ form: name, most: 10, suspects: 10 }))
  const claim = (by: Pick<Store, 'turn'> = store) =>
    by.turn({ settle: [], claim: wanted([form, other]), leaseSeconds: LEASE_SECONDS })
  const settle = (each: Claim, ending: Ending) =>
    store.turn({ settle: [{ claim: each, ending }], claim: wanted([form]), leaseSeconds: LEASE_SECONDS })
  const accepted = async (over: Partial<Incoming> = {}) => {
    const submission = incoming({ form, ...over })
    expect(await store.accept([submission])).to.deep.equal(['accepted'])
    return submission
  }
  const pausedOf = async (by: Engine['store'] = store) =>
    (await by.forms()).find(({ name }) => name === form)?.paused ?? null

  it('is still received, and handed out to no process; other forms are', async () => {
    await accepted()
    const ofOther = await accepted({ form: other })
    const second = await engine().another()

    expect(await store.pause(form, 'ada', 'the case system is being moved')).to.equal('done')
    const late = await accepted()
    const claims = [...(await claim()), ...(await claim(second))]

    expect(claims.map(({ submissionId }) => submissionId)).to.deep.equal([ofOther.submissionId])
    expect(await store.list({ form, state: 'waiting' }, PAGE)).to.have.length(2)
    expect(await store.count({ form, id: late.submissionId, state: 'waiting' })).to.equal(1)
  })

  it('hands out nothing in the turn that settles either, and finishes what runs', async () => {
    const first = await accepted()
    await accepted()
    const [running] = await store.turn({
      settle: [],
      claim: [{ form, most: 1, suspects: 1 }],
      leaseSeconds: LEASE_SECONDS,
    })
    await store.pause(form, 'ada', 'moved')

    expect(await store.renew([running as Claim], LEASE_SECONDS)).to.deep.equal([true])
    expect(await store.acting([running as Claim])).to.deep.equal([true])
    expect(await settle(running as Claim, delivered('case-1'))).to.deep.equal([])
    const [entry] = await store.list({ id: first.submissionId }, PAGE)
    expect(entry).to.include({ state: 'delivered', reference: 'case-1' })
  })

  it('keeps a retry and a lost attempt waiting, until it is resumed', async () => {
    await accepted()
    await accepted()
    const [failed] = await claim()
    await store.pause(form, 'ada', 'moved')
    await settle(failed as Claim, retry({ delaySeconds: 5 }))
    clock.pass(LEASE_SECONDS + 10)
    const lost = (await store.overdue()).map((seen) => ({
      ...{ seen, loss: 'repeatable' as const, canConfirm: false, delaySeconds: 0, settleSeconds: 0 },
      ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
    }))
    expect((await store.endLost(lost)).map(({ state }) => state)).to.deep.equal(['waiting'])
    clock.pass(10)

    const during = await claim()
    expect(await store.resume(form, 'bob', null)).to.equal('done')
    const after = await claim()

    expect(during).to.deep.equal([])
    expect(after).to.have.length(2)
  })

  it('says who paused it, when and why, to every process and after a start', async () => {
    const at = clock.now().toISOString()
    await store.pause(form, 'ada', 'the case system is being moved')
    const second = await engine().another()
    await second.recordForms([{ name: form, asksFirst: true }])

    const expected = { at, by: 'ada', reason: 'the case system is being moved' }
    expect(await pausedOf()).to.deep.equal(expected)
    expect(await pausedOf(second)).to.deep.equal(expected)
    expect((await store.forms()).find(({ name }) => name === other)?.paused).to.equal(null)
  })

  it('stays as it was paused first, and is resumed once', async () => {
    const at = clock.now().toISOString()
    const results = [await store.pause(form, 'ada', 'first')]
    clock.pass(60)
    results.push(await store.pause(form, 'bob', 'second'))
    expect(await pausedOf()).to.deep.equal({ at, by: 'ada', reason: 'first' })
    results.push(await store.resume(form, 'bob', 'done'), await store.resume(form, 'bob', 'done'))

    expect(results).to.deep.equal(['done', 'already', 'done', 'already'])
    expect(await pausedOf()).to.equal(null)
  })

  for (const name of ['nobody', 'no\0body', '']) {
    it(`is none that no adapter has: ${JSON.stringify(name)}`, async () => {
      expect(await store.pause(name, 'ada', 'x')).to.equal('unknown')
      expect(await store.resume(name, 'ada', 'x')).to.equal('unknown')
      expect(await store.actions(PAGE)).to.deep.equal([])
    })
  }

  it('is on record beside what people did to submissions, newest first', async () => {
    const { submissionId } = await accepted()
    const [failed] = await claim()
    await settle(failed as Claim, retry({ delaySeconds: 500 }))
    const at = [clock.now().toISOString()]
    await store.pause(form, 'ada', 'moved')
    clock.pass(1)
    at.push(clock.now().toISOString())
    const [entry] = await store.list({ form }, PAGE)
    await store.retryNow([entry as { id: string; revision: number }], 'bob', 'try')
    clock.pass(1)
    at.push(clock.now().toISOString())
    await store.resume(form, 'ada', null)

    expect(await store.actions(PAGE)).to.deep.equal([
      { at: at[2], action: 'resumed', by: 'ada', reason: null, id: null, submissionId: null, form },
      { at: at[1], action: 'retry now', by: 'bob', reason: 'try', id: entry?.id, submissionId, form },
      { at: at[0], action: 'paused', by: 'ada', reason: 'moved', id: null, submissionId: null, form },
    ])
    expect((await store.history(entry?.id ?? '')).map(({ what }) => what)).to.deep.equal([
      ...['received', 'attempt started', 'attempt retry', 'retry now'],
    ])
  })

  it('is on record for as long as submissions that ended are remembered', async () => {
    await store.pause(form, 'ada', 'moved')
    const ages = { endedSeconds: 35 * DAY_SECONDS, failedDeliverySeconds: 1, hourSeconds: 1, givenUpSeconds: 1 }
    clock.pass(35 * DAY_SECONDS)
    await store.forget(ages, 100)
    const kept = await store.actions(PAGE)
    clock.pass(1)
    await store.forget(ages, 100)

    expect(kept).to.have.length(1)
    expect(await store.actions(PAGE)).to.deep.equal([])
    expect(await pausedOf()).to.include({ by: 'ada', reason: 'moved' })
  })

  it('is counted apart, and its submissions are not the oldest that wait', async () => {
    await accepted()
    clock.pass(500)
    const ofOther = await accepted({ form: other })
    await store.pause(form, 'ada', 'moved')
    clock.pass(100)
    await accepted()

    expect(await store.counts()).to.include({ waiting: 3, paused: 2, oldestWaitingSeconds: 100 })
    await store.retryNow([], 'ada', null)
    const [running] = await claim()
    expect(running?.submissionId).to.equal(ofOther.submissionId)
    await store.turn({
      ...{ settle: [{ claim: running as Claim, ending: delivered() }], claim: [] },
      leaseSeconds: LEASE_SECONDS,
    })
    expect(await store.counts()).to.include({ waiting: 2, paused: 2, oldestWaitingSeconds: 0 })
    await store.resume(form, 'ada', null)
    expect(await store.counts()).to.include({ waiting: 2, paused: 0, oldestWaitingSeconds: 600 })
  })

  it('counts what runs of it as before', async () => {
    await accepted()
    await claim()
    await store.pause(form, 'ada', 'moved')
    clock.pass(40)

    expect(await store.counts()).to.include({ running: 1, waiting: 0, paused: 0, oldestWaitingSeconds: 40 })
  })

  it('wakes workers when it is resumed', async () => {
    let wakes = 0
    await store.pause(form, 'ada', 'moved')
    const listening = await store.onDue(() => {
      wakes += 1
    })
    const decider = engine().kind === 'postgres' ? await engine().another() : store
    await decider.resume(form, 'ada', null)

    await until(() => wakes > 0)
    await listening.close()
  })
})
