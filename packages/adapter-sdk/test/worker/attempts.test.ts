import { expect } from 'chai'
import { Ledger } from '../../src/operator/ledger.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import type { Claim, Loss } from '../../src/store/claim.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { onBothStores } from '../shared-postgres.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'

onBothStores('the attempts of a store', (store) => {
  let arrivals: Arrivals
  let ledger: Ledger
  let attempts: Attempts
  before(() => {
    arrivals = new Arrivals(store().store, () => undefined)
    ledger = new Ledger(store().store, () => undefined)
    attempts = new Attempts(store().store)
  })

  const accept = async (over = {}) => {
    const submission = incoming(over)
    await arrivals.accept(submission)
    return submission
  }
  const claim = async (loss: Loss = 'repeatable') => (await attempts.claim('complaint', 1, loss))[0] as Claim
  /** Puts the entry back into the queue, as if the process that holds it had died. */
  const lose = ({ form, id }: Claim) => store().store.boss.fail(form, id)
  const state = async (submissionId: string) => (await ledger.show(submissionId)).state
  afterEach(async () => {
    for (const each of await attempts.claim('complaint', 100, 'repeatable')) await attempts.settle(each, delivered())
  })

  it('gives each submission to one of many callers that claim at the same moment', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, async () => (await accept()).submissionId))
    const works = await Promise.all(Array.from({ length: 4 }, async () => new Attempts(await store().another())))

    const taken = await Promise.all([...works, ...works].map((each) => each.claim('complaint', 10, 'repeatable')))

    const claims = taken.flat()
    expect(claims.map(({ submissionId }) => submissionId).sort()).to.deep.equal(ids.sort())
    await Promise.all(claims.map((each) => attempts.settle(each, delivered())))
  })

  it('hands a submission out again after a retry, and counts', async () => {
    const { submissionId } = await accept()

    await attempts.settle(await claim(), retry())
    const second = await claim()
    await attempts.settle(second, delivered())

    expect(second).to.include({ submissionId, attempt: 2, attemptsSinceRedrive: 2, uncertain: false })
    expect(await ledger.show(submissionId)).to.include({ state: 'delivered', attempts: 2, reference: '492233' })
  })

  it('does not hand out a submission before it is due', async () => {
    await accept()

    await attempts.settle(await claim(), retry({ delaySeconds: 3600 }))

    expect(await attempts.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  for (const [loss, acts, uncertain] of [
    ['repeatable', true, false],
    ['uncertain-if-acting', false, false],
    ['uncertain-if-acting', true, true],
    ['uncertain', false, true],
  ] as const) {
    it(`makes an attempt lost ${acts ? 'after' : 'before'} it acted ${uncertain ? 'uncertain' : 'repeatable'}, if a loss is ${loss}`, async () => {
      await accept()
      const first = await claim(loss)
      if (acts) await attempts.acting(first)
      await lose(first)

      const second = await claim(loss)

      expect(second).to.include({ attempt: 2, uncertain })
      await attempts.settle(second, delivered())
    })
  }

  it('keeps a submission uncertain over a second loss', async () => {
    await accept()
    const first = await claim('uncertain-if-acting')
    await attempts.acting(first)
    await lose(first)
    await lose(await claim('uncertain-if-acting'))

    const third = await claim('uncertain-if-acting')

    expect(third).to.include({ attempt: 3, uncertain: true })
    await attempts.settle(third, delivered())
  })

  it('refuses to let an attempt act that another process has by now', async () => {
    await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    // Both in one batch: each must get its own answer.
    const [given, held] = await Promise.allSettled([attempts.acting(first), attempts.acting(second)])

    expect(given).to.have.nested.property('reason.code', 'ERR_ATTEMPT_LOST')
    expect(held.status).to.equal('fulfilled')
    await attempts.settle(second, delivered())
  })

  it('refuses to let an attempt act after a late success of an earlier one', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()
    await attempts.settle(first, delivered('1'))

    const acting = await attempts.acting(second).catch((error) => error)
    await attempts.settle(second, retry())

    expect(acting).to.have.property('code', 'ERR_ATTEMPT_LOST')
    expect(await ledger.show(submissionId)).to.include({ state: 'delivered', reference: '1' })
    expect(await attempts.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  it('records a success, not the failure of another attempt that ends at the same moment', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    await Promise.all([attempts.settle(first, retry()), attempts.settle(second, delivered())])
    const successLast = await state(submissionId)
    const other = await accept()
    const third = await claim()
    await lose(third)
    const fourth = await claim()
    await Promise.all([attempts.settle(third, delivered()), attempts.settle(fourth, retry())])

    expect([successLast, await state(other.submissionId)]).to.deep.equal(['delivered', 'delivered'])
    expect(await attempts.claim('complaint', 10, 'repeatable')).to.deep.equal([])
  })

  for (const uncertain of [true, false]) {
    it(`records a late success of a submission that has become ${uncertain ? 'an uncertain' : 'a'} dead letter`, async () => {
      const { submissionId } = await accept()
      const first = await claim()
      await lose(first)
      await attempts.settle(await claim(), dead({ uncertain }))

      await attempts.settle(first, delivered('7'))

      expect(await ledger.show(submissionId)).to.include({ state: 'delivered', reference: '7', code: null })
    })
  }

  it('ignores a late failure', async () => {
    const { submissionId } = await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()

    await attempts.settle(first, dead())
    const between = await state(submissionId)
    await attempts.settle(second, delivered())

    expect([between, await state(submissionId)]).to.deep.equal(['running', 'delivered'])
  })

  it('counts each delivered submission once, even if its success is recorded twice', async () => {
    const before = (await ledger.counts()).delivered
    await accept()
    const only = await claim()

    await Promise.all([attempts.settle(only, delivered()), attempts.settle(only, delivered())])
    await attempts.settle(only, delivered())

    expect((await ledger.counts()).delivered - before).to.equal(1)
  })

  it('records endings with texts that no column can hold', async () => {
    const { submissionId } = await accept()
    const other = await accept()

    const [first, second] = (await attempts.claim('complaint', 2, 'repeatable')) as [Claim, Claim]
    await Promise.all([
      attempts.settle(first, dead({ reason: `a\0b\ud800c${'x'.repeat(5000)}`, reference: '\udc00' })),
      attempts.settle(second, delivered('\0')),
    ])

    const states = [await state(submissionId), await state(other.submissionId)]
    expect(states.sort()).to.deep.equal(['dead', 'delivered'])
  })

  it('returns the claims that another process has by now, and renews only those of the holder', async () => {
    await accept()
    const first = await claim()
    await lose(first)
    const second = await claim()
    const beats = () =>
      store().database.query<{ at: Date }>('SELECT heartbeat_on AS at FROM formbuilder_queue.job WHERE id = $1', [
        first.id,
      ])
    const [before] = await beats()

    const lostByFirst = await attempts.heartbeat([first])
    const [untouched] = await beats()
    const lostBySecond = await attempts.heartbeat([second])
    const [touched] = await beats()

    expect([lostByFirst, lostBySecond]).to.deep.equal([[first], []])
    expect(untouched).to.deep.equal(before)
    expect(touched).to.not.deep.equal(before)
    await attempts.settle(second, delivered())
  })

  it('puts back what is marked as running and is not, and nothing else', async () => {
    await accept()
    await accept()
    const [kept, left] = (await attempts.claim('complaint', 2, 'repeatable')) as [Claim, Claim]

    await attempts.releaseLost([kept])
    const again = await attempts.claim('complaint', 10, 'repeatable')

    expect(again.map(({ id }) => id)).to.deep.equal([left.id])
    for (const each of [kept, ...again]) await attempts.settle(each, delivered())
  })
})
