import { expect } from 'chai'
import type { AdapterEvent } from '../../src/events.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import { onEachEngine } from '../store/engines.ts'
import { incoming } from '../submissions.ts'

onEachEngine('arrivals', (engine) => {
  const events: AdapterEvent[] = []
  let arrivals: Arrivals
  before(() => {
    arrivals = new Arrivals(engine().store, (event) => events.push(event))
  })
  beforeEach(() => {
    events.length = 0
  })
  const held = () => engine().store.count({})

  it('store one of twenty copies that arrive together at three replicas', async () => {
    const others = await Promise.all([1, 2].map(async () => new Arrivals(await engine().another(), () => undefined)))
    const replicas = [arrivals, ...others]
    const submission = incoming()

    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (replicas[i % 3] as Arrivals).accept(submission)),
    )

    expect(results.filter((result) => result === 'accepted')).to.have.length(1)
    expect(results.filter((result) => result === 'duplicate')).to.have.length(19)
  })

  it('store many submissions in one commit', async () => {
    await Promise.all(Array.from({ length: 50 }, () => arrivals.accept(incoming())))

    const commits = events.flatMap((event) => (event.event === 'store.committed' ? [event.submissions] : []))
    expect(commits).to.deep.equal([50])
  })

  it('refuse every submission of a commit that fails, store none of them, and go on', async () => {
    const before = await held()
    const good = Array.from({ length: 5 }, () => incoming())

    // It stands for any reason why a commit fails.
    const id = crypto.randomUUID()
    await engine().store.giveUp([id])
    const bad = incoming({ files: [{ id, bytes: 1, plaintextBytes: 1, sha256: '' }] })
    const all = await Promise.allSettled([...good, bad].map((each) => arrivals.accept(each)))

    expect(all.map((each) => each.status === 'rejected' && each.reason.code)).to.deep.equal(
      Array(6).fill('ERR_STORE_UNAVAILABLE'),
    )
    expect(events.filter(({ event }) => event === 'store.failed')).to.have.length(1)
    expect(await held()).to.equal(before)
    expect(await arrivals.accept(good[0] ?? incoming())).to.equal('accepted')
  })

  it('refuse a submission while too many are waiting, and accept it later', async () => {
    const small = new Arrivals(engine().store, () => undefined, 3)

    const first = await Promise.allSettled(Array.from({ length: 5 }, () => small.accept(incoming())))
    const later = await small.accept(incoming())

    const statuses = first.map(({ status }) => status)
    expect(statuses).to.deep.equal(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
    expect(first[4]).to.have.nested.property('reason.code', 'ERR_STORE_FULL')
    expect(later).to.equal('accepted')
  })

  it('know by form and submissionId what is held', async () => {
    const { form, submissionId } = incoming()
    await arrivals.accept(incoming({ form, submissionId }))

    expect(await arrivals.isHeld(form, submissionId)).to.equal(true)
    expect(await arrivals.isHeld('comment', submissionId)).to.equal(false)
  })

  it('count the deliveries of a submission whose files could not be captured', async () => {
    const failed = { form: 'complaint', submissionId: crypto.randomUUID(), host: null, code: 'ERR_ATTACHMENT_STATUS' }

    const counts = [await arrivals.countDelivery(failed), await arrivals.countDelivery(failed)]

    expect(counts.map(({ count }) => count)).to.deep.equal([1, 2])
  })
})
