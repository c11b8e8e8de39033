import { expect } from 'chai'
import { Ledger } from '../../src/operator/ledger.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import type { Claim, Loss } from '../../src/store/claim.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { onBothStores } from '../stores.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'

onBothStores('the attempts of a store', (store) => {
  let arrivals: Arrivals
  let ledger: Ledger
  let work: Attempts
  before(() => {
    arrivals = new Arrivals(store().store, () => undefined)
    ledger = new Ledger(store().store, () => undefined)
    work = new Attempts(store().store)
  })

  const accept = async (over = {}) => {
    const submission = incoming(over)
    await arrivals.accept(submission)
    return submission
  }
  const claim = async (lossOf: Loss = 'repeatable') => (await work.claim('complaint', 1, lossOf))[0] as Claim
  /** As if the process that holds it had died: the entry goes back into the queue. */
  const lose = ({ form, id }: Claim) => store().store.boss.fail(form, id)
  const state = async (submissionId: string) => (await ledger.show(submissionId)).state
  afterEach(async () => {
    for (const each of await work.claim('complaint', 100, 'repeatable')) await work.settle(each, delivered())
  })

  it('gives each submission to one of many that ask at the same moment', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, async () => (await accept()).submissionId))
    const works = await Promise.all(Array.from({ length: 4 }, async () => new Attempts(await store().another())))

    const taken = await Promise.all([...works, ...works].map((each) => each.claim('complaint', 10, 'repeatable')))

    const claims = taken.flat()
    expect(claims.map(({ submissionId }) => submissionId).sort()).to.deep.equal(ids.sort())
    await Promise.all(claims.map((each) => work.settle(each, delivered())))
  })

  it('hands a submission out again after a retry, and counts', async () => {
    const { submissionId } = await accept()

    await work.settle(await claim(), retry())
    const second = await claim()
    await work.settle(second, delivered())

    expect(second).to.include({ submissionId, attempt: 2, attemptsSinceRedrive: 2, uncertain: false })
    expect(await ledger.show(submissionId)).to.include({ state: 'delivered', attempts: 2, reference: '492233' })
  })

  it('does not hand out before its time', async () => {
    await accept()

    await work.settle(await claim(), retry({ delaySeconds: 3600 }))

    expect(await work.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  for (const [lossOf, acts, uncertain] of [
    ['repeatable', true, false],
    ['uncertain-if-acting', false, false],
    ['uncertain-if-acting', true, true],
    ['uncertain', false, true],
  ] as const) {
    it(`${uncertain ? 'doubts' : 'trusts'} an attempt lost ${acts ? 'after' : 'before'} it acted, if a loss is ${lossOf}`, async () => {
      await accept()
      const first = await claim(lossOf)
      if (acts) await work.acting(first)
      await lose(first)

      const second = await claim(lossOf)

      expect(second).to.include({ attempt: 2, uncertain })
      await work.settle(second, delivered())
    })
  }

  it('remembers the doubt over a second loss', async () => {
    await accept()
    const first = await claim('uncertain-if-acting')
    await work.acting(first)
    await lose(first)
    await lose(await claim('uncertain-if-acting'))

    const third = await claim('uncertain-if-acting')

    expect(third).to.include({ attempt: 3, uncertain: true })
    await work.settle(third, delivered())
  })

  it('lets nobody act whose attempt was given away', async () => {
    await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    // In one batch, so that the one must not pass for the other.
    const [given, held] = await Promise.allSettled([work.acting(first), work.acting(second)])

    expect(given).to.have.nested.property('reason.code', 'ERR_ATTEMPT_LOST')
    expect(held.status).to.equal('fulfilled')
    await work.settle(second, delivered())
  })

  it('lets nobody act after a late success of an earlier attempt', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()
    await work.settle(first, delivered('1'))

    const acting = await work.acting(second).catch((error) => error)
    await work.settle(second, retry())

    expect(acting).to.have.property('code', 'ERR_ATTEMPT_LOST')
    expect(await ledger.show(submissionId)).to.include({ state: 'delivered', reference: '1' })
    expect(await work.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  it('counts a success, not the failure of another attempt that ends in the same moment', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    await Promise.all([work.settle(first, retry()), work.settle(second, delivered())])
    const successLast = await state(submissionId)
    const other = await accept()
    const third = await claim()
    await lose(third)
    const fourth = await claim()
    await Promise.all([work.settle(third, delivered()), work.settle(fourth, retry())])

    expect([successLast, await state(other.submissionId)]).to.deep.equal(['delivered', 'delivered'])
    expect(await work.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  for (const uncertain of [true, false]) {
    it(`counts a late success of what ${uncertain ? 'was an uncertain dead letter' : 'had failed for good'} meanwhile`, async () => {
      const { submissionId } = await accept()
      const first = await claim()
      await lose(first)
      await work.settle(await claim(), dead({ uncertain }))

      await work.settle(first, delivered('7'))

      expect(await ledger.show(submissionId)).to.include({ state: 'delivered', reference: '7', code: null })
    })
  }

  it('does not count a late failure', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    await work.settle(first, dead())
    const between = await state(submissionId)
    await work.settle(second, delivered())

    expect([between, await state(submissionId)]).to.deep.equal(['running', 'delivered'])
  })

  it('counts each delivered submission once, whatever is told twice', async () => {
    const before = (await ledger.counts()).delivered
    await accept()
    const only = await claim()

    await Promise.all([work.settle(only, delivered()), work.settle(only, delivered())])
    await work.settle(only, delivered())

    expect((await ledger.counts()).delivered - before).to.equal(1)
  })

  it('writes down what no column could hold', async () => {
    const { submissionId } = await accept()
    const other = await accept()

    const [first, second] = (await work.claim('complaint', 2, 'repeatable')) as [Claim, Claim]
    await Promise.all([
      work.settle(first, dead({ reason: `a\0b\ud800c${'x'.repeat(5000)}`, reference: '\udc00' })),
      work.settle(second, delivered('\0')),
    ])

    const states = [await state(submissionId), await state(other.submissionId)]
    expect(states.sort()).to.deep.equal(['dead', 'delivered'])
  })

  it('tells who works on what another holds by now, and keeps only the holder alive', async () => {
    await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()
    const beats = () =>
      store().database.query<{ at: Date }>('SELECT heartbeat_on AS at FROM formbuilder_queue.job WHERE id = $1', [
        first.id,
      ])
    const [before] = await beats()

    const lostByFirst = await work.heartbeat([first])
    const [untouched] = await beats()
    const lostBySecond = await work.heartbeat([second])
    const [touched] = await beats()

    expect([lostByFirst, lostBySecond]).to.deep.equal([[first], []])
    expect(untouched).to.deep.equal(before)
    expect(touched).to.not.deep.equal(before)
    await work.settle(second, delivered())
  })

  it('puts back what runs nowhere, and nothing else', async () => {
    await accept()
    await accept()
    const [kept, left] = (await work.claim('complaint', 2, 'repeatable')) as [Claim, Claim]

    await work.releaseLost([kept])
    const again = await work.claim('complaint', 10, 'repeatable')

    expect(again.map(({ id }) => id)).to.deep.equal([left.id])
    for (const each of [kept, ...again]) await work.settle(each, delivered())
  })
})
