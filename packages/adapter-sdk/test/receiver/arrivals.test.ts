import { expect } from 'chai'
import type { StoredFile } from '../../src/files/capture.ts'
import { Ledger } from '../../src/operator/ledger.ts'
import { Arrivals } from '../../src/receiver/arrivals.ts'
import type { Claim } from '../../src/store/claim.ts'
import type { Accepted } from '../../src/store/submission.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { onBothStores } from '../shared-postgres.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'

const MISSING: StoredFile = { missing: 'ERR_ATTACHMENT_STATUS', message: 'attachments[0]: was answered with 403' }

onBothStores('arrivals', (store) => {
  let arrivals: Arrivals
  let ledger: Ledger
  let work: Attempts
  before(() => {
    arrivals = new Arrivals(store().store, () => undefined)
    ledger = new Ledger(store().store, () => undefined)
    work = new Attempts(store().store)
  })
  const claim = async () => (await work.claim('complaint', 1, 'uncertain-if-acting'))[0] as Claim
  const rows = async (table: string) => await store().database.query(`SELECT 1 FROM ${table}`)

  describe('answer a repeat of a submission', () => {
    type Reach = () => Promise<unknown>
    const states: readonly (readonly [string, Reach, Accepted, string])[] = [
      ['waiting', async () => undefined, 'duplicate', 'waiting'],
      ['running', claim, 'duplicate', 'running'],
      [
        'waiting for a retry',
        async () => work.settle(await claim(), retry({ delaySeconds: 60 })),
        'duplicate',
        'waiting',
      ],
      ['delivered', async () => work.settle(await claim(), delivered()), 'duplicate', 'delivered'],
      ['a dead letter', async () => work.settle(await claim(), dead()), 'replaced', 'waiting'],
      [
        'an uncertain dead letter',
        async () => work.settle(await claim(), dead({ uncertain: true })),
        'duplicate',
        'dead',
      ],
    ]
    afterEach(async () => {
      for (const { id } of await ledger.list({ limit: 1000 })) {
        await store().database.query('DELETE FROM formbuilder.submission WHERE id = $1', [id])
        await store().database.query('DELETE FROM formbuilder_queue.job WHERE id = $1', [id])
      }
    })
    for (const [state, reach, accepted, after] of states) {
      it(`that is ${state}: ${accepted}`, async () => {
        const first = incoming({ jwe: 'the first' })
        await arrivals.accept(first)
        await reach()

        const again = await arrivals.accept({ ...first, jwe: 'the second' })

        expect(again).to.equal(accepted)
        expect((await ledger.show(first.submissionId)).state).to.equal(after)
        expect(await ledger.list({ id: first.submissionId })).to.have.length(1)
      })
    }

    it('that was discarded: duplicate', async () => {
      const first = incoming()
      await arrivals.accept(first)
      await work.settle(await claim(), dead())
      await ledger.discard({ id: first.submissionId }, 'a test', 'not wanted')

      expect(await arrivals.accept(first)).to.equal('duplicate')
      expect(await work.claim('complaint', 10, 'repeatable')).to.deep.equal([])
    })

    it('that replaces a dead letter, and the new copy gets all its retries', async () => {
      const first = incoming({ jwe: 'the first' })
      await arrivals.accept(first)
      await work.settle(await claim(), retry())
      await work.settle(await claim(), dead())

      await arrivals.accept({ ...first, jwe: 'the second' })

      expect(await claim()).to.include({ jwe: 'the second', attempt: 3, attemptsSinceRedrive: 1, uncertain: false })
    })
  })

  it('store one of twenty copies that arrive together at three replicas', async () => {
    const replicas = [
      arrivals,
      ...(await Promise.all([1, 2].map(async () => new Arrivals(await store().another(), () => undefined)))),
    ]
    const submission = incoming()

    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (replicas[i % 3] as Arrivals).accept(submission)),
    )
    const claims = await work.claim('complaint', 10, 'repeatable')

    expect(results.filter((result) => result === 'accepted')).to.have.length(1)
    expect(results.filter((result) => result === 'duplicate')).to.have.length(19)
    expect(claims.map(({ submissionId }) => submissionId)).to.deep.equal([submission.submissionId])
    await work.settle(claims[0] as Claim, delivered())
  })

  it('store the same id for two forms as two submissions', async () => {
    const one = incoming()

    const results = [await arrivals.accept(one), await arrivals.accept({ ...one, form: 'comment' })]

    expect(results).to.deep.equal(['accepted', 'accepted'])
    for (const form of ['complaint', 'comment']) {
      for (const each of await work.claim(form, 10, 'repeatable')) await work.settle(each, delivered())
    }
  })

  it('store many submissions in one commit', async () => {
    const commits: number[] = []
    const counting = new Arrivals(store().store, (event) => {
      if (event.event === 'store.committed') commits.push(event.submissions)
    })

    await Promise.all(Array.from({ length: 50 }, () => counting.accept(incoming({ form: 'comment' }))))

    expect(commits).to.deep.equal([50])
    for (const each of await work.claim('comment', 100, 'repeatable')) await work.settle(each, delivered())
  })

  it('refuse every submission of a commit that fails, and store none of them', async () => {
    const failing = new Arrivals(store().store, () => undefined)
    const before = (await rows('formbuilder.submission')).length
    const good = Array.from({ length: 5 }, () => incoming())

    // A capture never makes such an id. It stands for any reason why a commit fails.
    const bad = incoming({ files: [{ id: 'no uuid', bytes: 1, plaintextBytes: 1, sha256: '' }] })
    const all = await Promise.allSettled([...good, bad].map((each) => failing.accept(each)))

    expect(all.map((each) => each.status === 'rejected' && each.reason.code)).to.deep.equal(
      Array(6).fill('ERR_STORE_UNAVAILABLE'),
    )
    expect(await rows('formbuilder.submission')).to.have.length(before)
    expect(await work.claim('complaint', 10, 'repeatable')).to.deep.equal([])
    expect(await failing.accept(good[0] ?? incoming())).to.equal('accepted')
    await work.settle(await claim(), delivered())
  })

  it('refuse a submission while too many are waiting, and accept it later', async () => {
    const small = new Arrivals(store().store, () => undefined, 3)

    const first = await Promise.allSettled(Array.from({ length: 5 }, () => small.accept(incoming({ form: 'comment' }))))
    const later = await small.accept(incoming({ form: 'comment' }))

    expect(first.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    expect(first[4]).to.have.nested.property('reason.code', 'ERR_STORE_FULL')
    expect(later).to.equal('accepted')
    for (const each of await work.claim('comment', 100, 'repeatable')) await work.settle(each, delivered())
  })

  it('store a service name with a lone surrogate, and a traceparent only if it is valid', async () => {
    const slug = incoming({ serviceSlug: 'half \ud800', traceparent: 'Jarndyce' })
    const traced = incoming({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })

    await Promise.all([arrivals.accept(slug), arrivals.accept(traced)])
    const claims = await work.claim('complaint', 10, 'repeatable')

    expect(claims.map(({ traceparent }) => traceparent)).to.have.members([null, traced.traceparent])
    for (const each of claims) await work.settle(each, delivered())
  })

  it('store a submission with a missing file as a dead letter, until a person decides', async () => {
    const submission = incoming({ files: [MISSING] })

    const accepted = await arrivals.accept(submission)
    const waiting = await work.claim('complaint', 10, 'repeatable')
    const record = await ledger.show(submission.submissionId)
    await ledger.redrive({ id: submission.submissionId }, 'a test')
    const redriven = await claim()

    expect([accepted, waiting]).to.deep.equal(['accepted', []])
    expect(record).to.include({ state: 'dead', code: 'ERR_ATTACHMENT_MISSING', uncertain: false, missingFiles: 1 })
    expect(record.reason).to.equal('attachments[0]: was answered with 403 (ERR_ATTACHMENT_STATUS)')
    expect(redriven).to.include({ approved: true, submissionId: submission.submissionId })
    await work.settle(redriven, delivered())
  })

  it('replace a submission whose files are missing with a copy that has them', async () => {
    const submission = incoming({ files: [MISSING] })
    await arrivals.accept(submission)
    const file = { id: crypto.randomUUID(), bytes: 32, plaintextBytes: 20, sha256: 'ab' }

    const accepted = await arrivals.accept({ ...submission, files: [file] })
    const claimed = await claim()

    expect(accepted).to.equal('replaced')
    expect(claimed.files).to.deep.equal([file])
    await work.settle(claimed, delivered())
  })

  it('know which submissions are held, and that a dead letter could be replaced', async () => {
    const held = incoming()
    await arrivals.accept(held)
    const before = await arrivals.isHeld(held.form, held.submissionId)
    await work.settle(await claim(), dead())

    expect(before).to.equal(true)
    expect(await arrivals.isHeld(held.form, held.submissionId)).to.equal(false)
    expect(await arrivals.isHeld(held.form, crypto.randomUUID())).to.equal(false)
  })
})
