/** What every store promises, run on each engine. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { StoredFile } from '../../src/files/capture.ts'
import type { Claim, Ending } from '../../src/store/claim.ts'
import type { Entry } from '../../src/store/entry.ts'
import type { LostAttempt, Position, Store } from '../../src/store/store.ts'
import { type Incoming, rowId } from '../../src/store/submission.ts'
import { dead, delivered, incoming, retry } from '../submissions.ts'
import { type Clock, HORIZON_SECONDS, onEachEngine } from './engines.ts'

const LEASE_SECONDS = 30
const PAGE = { limit: 100, offset: 0 }

type Captured = Extract<StoredFile, { id: string }>

onEachEngine('a store', (engine) => {
  let store: Store
  let clock: Clock
  /** A form of its own for each test: what others have left does not matter. */
  let form: string
  before(() => {
    store = engine().store
    clock = engine().clock
  })
  beforeEach(() => {
    form = `form-${randomUUID().slice(0, 8)}`
    clock.pass(60)
  })

  const made = (over: Partial<Incoming> = {}) => incoming({ form, ...over })
  const captured = (): StoredFile => ({ id: randomUUID(), bytes: 32, plaintextBytes: 20, sha256: 'ab' })
  const missing = (): StoredFile => ({ missing: 'ERR_ATTACHMENT_STATUS', message: 'attachments[0]: the answer is 403' })
  const claim = (most = 10, suspects = 10, by = store) =>
    by.turn({ settle: [], claim: [{ form, most, suspects }], leaseSeconds: LEASE_SECONDS })
  const settle = (each: Pick<Claim, 'id' | 'attempt'>, ending: Ending, by = store) =>
    by.turn({ settle: [{ claim: each, ending }], claim: [], leaseSeconds: LEASE_SECONDS })
  const entry = async ({ submissionId }: { submissionId: string }) =>
    (await store.list({ form, id: submissionId }, PAGE))[0] as Entry
  const accepted = async (over: Partial<Incoming> = {}) => {
    const submission = made(over)
    expect(await store.accept([submission])).to.deep.equal(['accepted'])
    return submission
  }
  const claimed = async (over: Partial<Incoming> = {}) => {
    await accepted(over)
    return (await claim())[0] as Claim
  }
  const deadLetter = async (over: Partial<Ending & { outcome: 'dead' }> = {}, submission: Partial<Incoming> = {}) => {
    const each = await claimed(submission)
    await settle(each, dead(over))
    return await entry(each)
  }
  const lose = async (over: Partial<LostAttempt> = {}) => {
    clock.pass(LEASE_SECONDS + 1)
    const seen = (await store.overdue()).filter((each) => each.form === form)
    return await store.endLost(
      seen.map((each) => ({
        seen: each,
        ...{ loss: 'repeatable' as const, canConfirm: false, delaySeconds: 5, settleSeconds: 120 },
        ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
        ...over,
      })),
    )
  }

  describe('accepts', () => {
    it('each submission once, and hands it out as it came', async () => {
      const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
      const submission = made({ files: [captured()], traceparent, keyId: 'k1' })
      const before = clock.now()

      const results = [await store.accept([submission, submission]), await store.accept([submission])]
      const claims = await claim()

      expect(results).to.deep.equal([['accepted', 'duplicate'], ['duplicate']])
      expect(claims).to.deep.equal([
        {
          id: rowId(form, submission.submissionId),
          ...{ form, submissionId: submission.submissionId, jwe: submission.jwe, files: submission.files },
          ...{ attempt: 1, attemptsSinceRedrive: 1, losses: 0, uncertain: false, approved: false, traceparent },
          ...{ receivedAt: before, previousReference: null, dueAt: before, revision: 1 },
        },
      ])
    })

    it('the same submissionId once for each form', async () => {
      const submission = made()
      const other = { ...submission, form: `${form}-2` }

      expect(await store.accept([submission, other])).to.deep.equal(['accepted', 'accepted'])
    })

    it('each submission once, whichever process it reaches', async () => {
      const stores = [store, await engine().another(), await engine().another()]
      const submissions = Array.from({ length: 20 }, () => made())

      const results = await Promise.all(stores.map((each) => each.accept(submissions)))

      const counted = submissions.map((_, i) => results.filter((result) => result[i] === 'accepted').length)
      expect(counted).to.deep.equal(Array(20).fill(1))
    })

    it('a missing file as a dead letter that says why', async () => {
      const submission = await accepted({ files: [captured(), missing()] })

      expect(await entry(submission)).to.include({
        ...{ state: 'dead', code: 'ERR_ATTACHMENT_MISSING', files: 1, missingFiles: 1, uncertain: false },
        reason: 'attachments[0]: the answer is 403 (ERR_ATTACHMENT_STATUS)',
      })
      expect(await claim()).to.deep.equal([])
    })

    it('texts that no database can hold, without what cannot be held', async () => {
      const submission = await accepted({ serviceSlug: 'half \ud800 and \0', traceparent: 'anything' })

      expect((await entry(submission)).serviceSlug).to.equal('half \ufffd and ')
      expect((await claim())[0]?.traceparent).to.equal(null)
    })

    it('nothing of a batch with a file that was given up, and the same batch without it', async () => {
      const file = captured() as { id: string } & StoredFile
      const [first, second] = [made(), made({ files: [file] })]

      expect(await store.giveUp([file.id])).to.deep.equal([file.id])
      const error = await store.accept([first, second]).catch((reason: unknown) => reason)

      expect(error).to.include({ code: 'ERR_STORE_UNAVAILABLE', retryable: true })
      expect(await store.list({ form }, PAGE)).to.deep.equal([])
      expect(await store.accept([first])).to.deep.equal(['accepted'])
    })
  })

  // What the letter holds, what the copy brings, and what happens.
  const whole = () => [captured(), captured()]
  const COPIES: readonly (readonly [string, () => StoredFile[], () => StoredFile[], 'replaced' | 'duplicate'])[] = [
    ['all its files', whole, whole, 'replaced'],
    ['no file at all', whole, () => [], 'replaced'],
    ['a file missing, where the letter has all', whole, () => [captured(), missing()], 'duplicate'],
    ['a file missing, where the letter needs none', () => [], () => [missing()], 'duplicate'],
    ['a file missing, as the letter', () => [captured(), missing()], () => [captured(), missing()], 'replaced'],
    ['more files than the letter', () => [missing(), missing()], () => [captured(), missing()], 'replaced'],
    ['another file than the letter', () => [captured(), missing()], () => [missing(), captured()], 'duplicate'],
    [
      'more files than the letter, and one that it lacks',
      () => [captured(), missing(), missing()],
      () => [missing(), captured(), captured()],
      'duplicate',
    ],
    [
      'each file of the letter, and another',
      () => [captured(), missing(), missing()],
      () => [captured(), captured(), missing()],
      'replaced',
    ],
    [
      'a file dropped, so that another stands in the place of one that is held',
      () => [missing(), captured(), missing()],
      () => [missing(), captured()],
      'duplicate',
    ],
    ['a file dropped, of a letter that holds none', () => [missing(), missing()], () => [missing()], 'replaced'],
    ['a file dropped on purpose', whole, () => [captured()], 'replaced'],
    ['only what the letter lacks', () => [captured(), missing()], () => [captured()], 'replaced'],
    ['fewer files than the letter', () => [captured(), missing()], () => [missing(), missing()], 'duplicate'],
  ]
  for (const [title, letter, copy, expected] of COPIES) {
    it(`answers ${expected} to a copy of a dead letter with ${title}`, async () => {
      const files = letter()
      const isDead = files.some((file) => 'missing' in file)
      const { submissionId } = isDead ? await accepted({ files }) : await deadLetter({}, { files })

      const result = await store.accept([made({ submissionId, files: copy(), jwe: 'the copy' })])

      expect(result).to.deep.equal([expected])
      const { files: kept } = await entry({ submissionId })
      const of = expected === 'replaced' ? copy() : files
      expect(kept).to.equal(of.filter((file) => 'id' in file).length)
    })
  }

  const HELD: readonly (readonly [string, () => Promise<{ submissionId: string }>, boolean])[] = [
    ['waits', () => accepted(), true],
    ['runs', () => claimed(), true],
    [
      'was delivered',
      async () => {
        const each = await claimed()
        await settle(each, delivered())
        return each
      },
      true,
    ],
    ['is dead', () => deadLetter(), false],
    ['is dead and uncertain', () => deadLetter({ uncertain: true }), true],
    [
      'was discarded',
      async () => {
        const letter = await deadLetter()
        await store.discard([letter], 'somebody', 'a reason')
        return letter
      },
      true,
    ],
  ]
  for (const [title, make, isHeld] of HELD) {
    it(`${isHeld ? 'keeps' : 'replaces'} what ${title} when it is sent again`, async () => {
      const { submissionId } = await make()

      expect(await store.isHeld(rowId(form, submissionId))).to.equal(isHeld)
      expect(await store.accept([made({ submissionId })])).to.deep.equal([isHeld ? 'duplicate' : 'replaced'])
    })
  }

  it('hands a replaced letter out as the copy is, with all its retries', async () => {
    const letter = await deadLetter({}, { files: [captured()] })
    const copy = made({ submissionId: letter.submissionId, jwe: 'the copy' })
    await store.accept([copy])

    expect((await claim())[0]).to.include({ jwe: 'the copy', attempt: 2, attemptsSinceRedrive: 1, losses: 0 })
    expect((await store.history(letter.id)).map(({ what }) => what)).to.deep.equal([
      ...['received', 'attempt started', 'attempt dead', 'replaced', 'attempt started'],
    ])
  })

  it('counts failed deliveries of a submission until one is accepted', async () => {
    const submission = made()
    const failed = { form, submissionId: submission.submissionId, host: 'files.example', code: 'ERR_ATTACHMENT_STATUS' }
    const first = await store.countFailedDelivery(failed)
    const firstAt = clock.now()
    clock.pass(21)
    const second = await store.countFailedDelivery(failed)
    await store.accept([submission])
    const afresh = await store.countFailedDelivery(failed)

    expect([first, second]).to.deep.equal([
      { count: 1, firstAt, sinceFirstSeconds: 0 },
      { count: 2, firstAt, sinceFirstSeconds: 21 },
    ])
    expect(afresh.count).to.equal(1)
  })

  const failedDelivery = (
    submissionId: string,
    host: string | null = 'files.example',
    code = 'ERR_ATTACHMENT_STATUS',
  ) => store.countFailedDelivery({ form, submissionId, host, code })

  it('ends the count of failed deliveries with each copy that is acknowledged, also a duplicate', async () => {
    const submission = await accepted()
    await failedDelivery(submission.submissionId)
    await store.accept([submission])

    expect((await failedDelivery(submission.submissionId)).count).to.equal(1)
  })

  it('counts afresh when the submission has changed since the last failed delivery', async () => {
    const { submissionId } = await accepted()
    await failedDelivery(submissionId)
    clock.pass(86_400)
    await settle((await claim())[0] as Claim, dead())
    clock.pass(1)

    expect(await failedDelivery(submissionId)).to.deep.equal({ count: 1, firstAt: clock.now(), sinceFirstSeconds: 0 })
  })

  it('measures the time since the first failed delivery, also by a clock that jumps back', async () => {
    const { submissionId } = made()
    await failedDelivery(submissionId)
    clock.pass(-7200)
    const jumped = await failedDelivery(submissionId)
    clock.pass(90)

    expect(
      [jumped, await failedDelivery(submissionId)].map(({ sinceFirstSeconds }) => sinceFirstSeconds),
    ).to.deep.equal([0, 90])
    clock.pass(7200)
  })

  it('notes a copy that does not take the place of a letter, and why', async () => {
    const letter = await deadLetter({}, { files: [captured()] })
    const file = captured() as Captured
    clock.pass(5)
    const copy = made({ submissionId: letter.submissionId, files: [file, missing()] })
    const results = [await store.accept([copy]), await store.accept([{ ...copy, files: [] }])]

    expect(results).to.deep.equal([['duplicate'], ['replaced']])
    expect((await store.history(letter.id)).slice(3)).to.deep.equal([
      {
        ...{ at: clock.now().toISOString(), what: 'copy not taken', attempt: null, code: 'ERR_ATTACHMENT_MISSING' },
        ...{ reason: 'attachments[0]: the answer is 403 (ERR_ATTACHMENT_STATUS)', by: null },
      },
      { at: clock.now().toISOString(), what: 'replaced', attempt: null, code: null, reason: null, by: null },
    ])
    expect(await store.giveUp([file.id])).to.deep.equal([file.id])
  })

  it('notes nothing of a copy of what waits, has ended or is uncertain', async () => {
    const [waiting, letter] = [await accepted(), await deadLetter({ uncertain: true })]
    await store.accept([waiting, letter].map(({ submissionId }) => made({ submissionId, files: [missing()] })))

    const moments = [await store.history(rowId(form, waiting.submissionId)), await store.history(letter.id)]
    expect(moments.flat().map(({ what }) => what)).not.to.include('copy not taken')
  })

  describe('shows what waits for its files', () => {
    /** Hosts of its own for each test: what others have left does not matter. */
    const host = () => `${form}.example`
    const waiting = async () => (await store.waitingForFiles()).filter((each) => each.host?.startsWith(form))

    it('by host and code, most numerous first, with the oldest submissions', async () => {
      const since = clock.now().toISOString()
      for (let i = 0; i < 6; i++) {
        await failedDelivery(`s${i}`, host())
        clock.pass(10)
      }
      await failedDelivery('other', host(), 'ERR_ATTACHMENT_TIMEOUT')

      expect(await waiting()).to.deep.equal([
        {
          ...{ host: host(), code: 'ERR_ATTACHMENT_STATUS', count: 6, since, oldestSeconds: 60 },
          submissionIds: ['s0', 's1', 's2', 's3', 's4'],
        },
        {
          ...{ host: host(), code: 'ERR_ATTACHMENT_TIMEOUT', count: 1, since: clock.now().toISOString() },
          ...{ oldestSeconds: 0, submissionIds: ['other'] },
        },
      ])
    })

    it('with one line for links that point to no allowed host', async () => {
      const before = (await store.waitingForFiles()).find(
        (each) => each.host === null && each.code === 'ERR_OF_NO_HOST',
      )
      await failedDelivery(randomUUID(), null, 'ERR_OF_NO_HOST')
      await failedDelivery(randomUUID(), null, 'ERR_OF_NO_HOST')

      const found = (await store.waitingForFiles()).filter((each) => each.code === 'ERR_OF_NO_HOST')
      expect([before, found.map(({ count }) => count)]).to.deep.equal([undefined, [2]])
    })

    it('by its last failure, since its first', async () => {
      const since = clock.now().toISOString()
      await failedDelivery('a', `${host()}:1`)
      clock.pass(10)
      await failedDelivery('a', host(), 'ERR_ATTACHMENT_TIMEOUT')

      expect(await waiting()).to.have.length(1)
      expect((await waiting())[0]).to.include({
        host: host(),
        code: 'ERR_ATTACHMENT_TIMEOUT',
        since,
        oldestSeconds: 10,
      })
    })

    it('until a copy is acknowledged, also where another process accepted it in between', async () => {
      const [submission, held] = [made(), made()]
      await failedDelivery(submission.submissionId, host())
      await store.accept([submission, held])
      await failedDelivery(held.submissionId, host())

      expect(await waiting()).to.deep.equal([])
    })

    it('also where a dead letter is to be replaced, and not where it died later', async () => {
      const [letter, later] = [await deadLetter(), await accepted()]
      clock.pass(1)
      await failedDelivery(letter.submissionId, host())
      await failedDelivery(later.submissionId, host())
      clock.pass(1)
      await settle((await claim())[0] as Claim, dead())

      expect((await waiting()).map(({ submissionIds }) => submissionIds)).to.deep.equal([[letter.submissionId]])
    })
  })

  describe('hands out', () => {
    it('what is longest due first, and no more than is wanted', async () => {
      const submissions = [await accepted()]
      for (let i = 0; i < 3; i++) {
        clock.pass(1)
        submissions.push(await accepted())
      }

      const first = await claim(2)
      const rest = await claim(10)

      const order = [...first, ...rest].map(({ submissionId }) => submissionId)
      expect([first.length, order]).to.deep.equal([2, submissions.map(({ submissionId }) => submissionId)])
    })

    it('no more than is wanted, also when some lie farther ahead than the horizon', async () => {
      await store.accept([made(), made(), made()])
      clock.pass(-HORIZON_SECONDS * 2)
      await store.accept([made(), made(), made()])

      const first = await claim(4, 0)
      const rest = await claim(10, 0)

      expect([first.length, rest.length]).to.deep.equal([4, 2])
    })

    it('no more suspects than are wanted, also when some lie farther ahead than the horizon', async () => {
      await store.accept([made(), made()])
      await claim()
      await lose()
      clock.pass(-HORIZON_SECONDS * 2)
      await accepted()
      await claim(1, 0)
      await lose()
      clock.pass(10)

      const [first, second] = [await claim(0, 1), await claim(0, 5)]

      expect([first.length, second.length]).to.deep.equal([1, 2])
    })

    it('each submission to one process only', async () => {
      const stores = [store, await engine().another(), await engine().another()]
      await store.accept(Array.from({ length: 60 }, () => made()))

      const claims = await Promise.all(stores.flatMap((each) => [claim(15, 0, each), claim(15, 0, each)]))
      const ids = [...claims.flat(), ...(await claim(60, 0))].map(({ id }) => id)

      expect([ids.length, new Set(ids).size]).to.deep.equal([60, 60])
    })

    it('nothing before it is due, and what is farther ahead than the horizon', async () => {
      const each = await claimed()
      await settle(each, retry({ delaySeconds: 100 }))
      const before = await claim()
      clock.pass(-HORIZON_SECONDS)
      const jumped = await claim()

      expect([before.length, jumped.length]).to.deep.equal([0, 1])
    })

    it('suspects apart from the others', async () => {
      await claimed()
      await lose()
      await accepted()
      clock.pass(10)

      const ordinary = await claim(5, 0)
      const suspects = await claim(0, 5)

      expect([ordinary.map(({ losses }) => losses), suspects.map(({ losses }) => losses)]).to.deep.equal([[0], [1]])
    })

    it('for several forms at once, after it has settled what ended', async () => {
      const each = await claimed()
      const other = `${form}-2`
      await store.accept([made(), made({ form: other })])

      const claims = await store.turn({
        settle: [{ claim: each, ending: retry() }],
        claim: [form, other].map((name) => ({ form: name, most: 5, suspects: 0 })),
        leaseSeconds: LEASE_SECONDS,
      })

      expect(claims.map((claim) => claim.form)).to.have.members([form, other])
      expect(await entry(each)).to.include({ state: 'waiting', code: 'ERR_HANDLER_FAILED' })
    })

    it('an approval once', async () => {
      const letter = await deadLetter({ uncertain: true })
      await store.redrive([letter], 'somebody', 'it is not there')
      const first = (await claim())[0] as Claim
      await settle(first, retry())
      const second = (await claim())[0] as Claim

      expect([first.approved, second.approved]).to.deep.equal([true, false])
    })
  })

  describe('settles', () => {
    it('a success, which ends it', async () => {
      const each = await claimed()
      await settle(each, delivered('492233'))

      expect(await entry(each)).to.include({ state: 'delivered', reference: '492233', code: null, dueAt: null })
    })

    it('a retry, which is due after its delay', async () => {
      const each = await claimed()
      await settle(each, retry({ delaySeconds: 90, reference: 'half' }))
      const dueAt = new Date(clock.time + 90_000).toISOString()

      expect(await entry(each)).to.include({
        state: 'waiting',
        dueAt,
        reference: 'half',
        uncertain: false,
        settlesAt: null,
      })
    })

    it('an unknown outcome, which is due no earlier than it may be asked for', async () => {
      const each = await claimed()
      await settle(each, retry({ delaySeconds: 5, uncertain: true, settleSeconds: 120 }))
      const settlesAt = new Date(clock.time + 120_000).toISOString()

      expect(await entry(each)).to.include({ uncertain: true, settlesAt, dueAt: settlesAt })
    })

    it('an outcome that stays unknown, with the time that it had', async () => {
      const each = await claimed()
      await settle(each, retry({ uncertain: true, settleSeconds: 120 }))
      const { settlesAt } = await entry(each)
      clock.pass(121)
      const second = (await claim())[0] as Claim
      await settle(second, retry({ delaySeconds: 5, uncertain: true }))

      expect(second.uncertain).to.equal(true)
      expect(await entry(each)).to.include({ settlesAt, dueAt: new Date(clock.time + 5000).toISOString() })
    })

    it('texts without what cannot be held', async () => {
      const each = await claimed()
      await settle(each, dead({ reason: 'a\0b \udfff', reference: 'R\0' }))

      expect(await entry(each)).to.include({ reason: 'ab \ufffd', reference: 'R' })
    })

    it('a reference that is no text, as a handler in JavaScript may return it', async () => {
      const each = await claimed()
      await settle(each, delivered(492233 as unknown as string))

      expect(await entry(each)).to.include({ state: 'delivered', reference: '492233' })
    })

    it('nothing of an attempt that is not the current one', async () => {
      const first = await claimed()
      await lose()
      clock.pass(10)
      const second = (await claim())[0] as Claim
      await settle(first, dead())

      expect(await entry(second)).to.include({ state: 'running', attempts: 2 })
    })

    const LATE: readonly (readonly [string, (lost: Claim) => Promise<unknown>, string])[] = [
      ['waits again', async () => undefined, 'delivered'],
      [
        'runs again',
        async () => {
          clock.pass(10)
          await claim()
        },
        'delivered',
      ],
      [
        'is dead',
        async () => {
          clock.pass(10)
          await settle((await claim())[0] as Claim, dead({ uncertain: true }))
        },
        'delivered',
      ],
      [
        'was discarded',
        async (lost) => {
          clock.pass(10)
          await settle((await claim())[0] as Claim, dead())
          await store.discard([await entry(lost)], 'somebody', 'a reason')
        },
        'discarded',
      ],
    ]
    for (const [title, then, state] of LATE) {
      it(`a late success of what ${title}, once`, async () => {
        const first = await claimed()
        await lose()
        await then(first)
        const before = (await store.counts()).delivered

        for (let i = 0; i < 2; i++) await settle(first, delivered('late'))

        const moments = await store.history(first.id)
        expect(await entry(first)).to.include({ state, reference: 'late' })
        expect(moments.filter(({ what }) => what === 'attempt delivered')).to.have.length(1)
        expect((await store.counts()).delivered - before).to.equal(state === 'delivered' ? 1 : 0)
      })
    }

    it('a success rather than a failure, when both come together', async () => {
      const first = await claimed()
      await lose()
      clock.pass(10)
      const second = (await claim())[0] as Claim
      const settle = [
        { claim: second, ending: retry() },
        { claim: first, ending: delivered('7') },
      ]
      await store.turn({ settle, claim: [], leaseSeconds: LEASE_SECONDS })

      expect(await entry(first)).to.include({ state: 'delivered', reference: '7' })
    })
  })

  it('settles the current attempt, in whatever order an older one ends with it', async () => {
    const first = await claimed()
    await lose()
    clock.pass(10)
    const second = (await claim())[0] as Claim
    const settle = [
      { claim: second, ending: dead() },
      { claim: first, ending: retry() },
    ]
    await store.turn({ settle, claim: [], leaseSeconds: LEASE_SECONDS })

    expect(await entry(first)).to.include({ state: 'dead', code: 'ERR_HANDLER_PERMANENT' })
  })

  describe('leases', () => {
    it('a claim until it is renewed or given back', async () => {
      const each = await claimed()
      clock.pass(20)
      expect(await store.renew([each], LEASE_SECONDS)).to.deep.equal([true])
      clock.pass(20)
      const between = (await store.overdue()).filter((seen) => seen.form === form)
      clock.pass(11)
      const [seen] = (await store.overdue()).filter((seen) => seen.form === form)

      expect(between).to.deep.equal([])
      expect(seen).to.deep.include({ id: each.id, attempt: 1, form, losses: 0, submissionId: each.submissionId })
    })

    it('nothing that is seen farther ahead than the horizon: its clock was wrong', async () => {
      await claimed()
      clock.pass(-HORIZON_SECONDS - 31)
      const seen = (await store.overdue()).filter((each) => each.form === form)
      clock.pass(HORIZON_SECONDS + 31)

      expect(seen).to.have.length(1)
    })

    it('an attempt to its holder alone: another learns that it is not his', async () => {
      const first = await claimed()
      await lose()
      clock.pass(10)
      const second = (await claim())[0] as Claim

      expect(await store.renew([first, second], LEASE_SECONDS)).to.deep.equal([false, true])
      expect(await store.acting([first, second])).to.deep.equal([false, true])
      await store.release([first])
      expect((await entry(second)).state).to.equal('running')
    })

    it('back what was claimed and never begun, as it was', async () => {
      const letter = await deadLetter()
      await store.redrive([letter], 'somebody', null)
      const before = await entry(letter)
      clock.pass(5)
      const each = (await claim())[0] as Claim
      await store.release([each])

      const after = await entry(letter)
      expect({ ...after, revision: 0, changedAt: '' }).to.deep.equal({ ...before, revision: 0, changedAt: '' })
      expect((await store.history(letter.id)).at(-1)?.what).to.equal('redriven')
      expect((await claim())[0]).to.include({ approved: true, attempt: 2 })
    })

    it('nothing back that was given back before, and claimed again', async () => {
      const first = await claimed()
      await store.release([first])
      const second = (await claim())[0] as Claim
      // The answer to the first release was lost, and so it is repeated.
      await store.release([first])

      expect(second.attempt).to.equal(first.attempt)
      expect((await entry(second)).state).to.equal('running')
      await store.release([second])
      expect((await entry(second)).state).to.equal('waiting')
    })

    it('no more back once the case system may act', async () => {
      const each = await claimed()
      await store.acting([each])
      await store.release([each])

      expect((await entry(each)).state).to.equal('running')
    })
  })

  describe('ends a lost attempt', () => {
    // The form's loss, whether it acted, whether it can confirm; then its state, whether it is uncertain, and its code.
    const ROWS = [
      ['repeatable', true, false, 'waiting', false, 'ERR_ATTEMPT_LOST'],
      ['uncertain-if-acting', false, false, 'waiting', false, 'ERR_ATTEMPT_LOST'],
      ['uncertain-if-acting', true, true, 'waiting', true, 'ERR_ATTEMPT_LOST'],
      ['uncertain-if-acting', true, false, 'dead', true, 'ERR_OUTCOME_UNCERTAIN'],
      ['uncertain', false, true, 'waiting', true, 'ERR_ATTEMPT_LOST'],
      ['uncertain', false, false, 'dead', true, 'ERR_OUTCOME_UNCERTAIN'],
    ] as const
    for (const [loss, acts, canConfirm, state, uncertain, code] of ROWS) {
      it(`${loss}${acts ? ', acting' : ''}${canConfirm ? ', with confirm' : ''}: ${state}`, async () => {
        const each = await claimed()
        if (acts) await store.acting([each])
        const aliveAt = clock.time

        const [lost] = await lose({ loss, canConfirm })

        const { id, attempt, submissionId } = each
        expect(lost).to.deep.equal({ id, attempt, form, submissionId, state, uncertain, losses: 1, code })
        const [due, settles] = [clock.time + 5000, aliveAt + 120_000]
        const dueAt = state === 'dead' ? null : new Date(uncertain ? settles : due).toISOString()
        expect(await entry(each)).to.include({ state, uncertain, losses: 1, code, dueAt, attempts: 1 })
        expect((await store.history(id)).at(-1)).to.include({ what: 'attempt lost', code: 'ERR_ATTEMPT_LOST' })
      })
    }

    it('only as it was seen: a renewed lease is kept', async () => {
      const each = await claimed()
      clock.pass(31)
      const seen = (await store.overdue()).filter((one) => one.form === form)
      await store.renew([each], LEASE_SECONDS)
      const lost = await store.endLost(
        seen.map((one) => ({
          ...{ seen: one, loss: 'repeatable', canConfirm: false, delaySeconds: 1, settleSeconds: 1 },
          ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
        })),
      )

      expect(lost).to.deep.equal([])
      expect((await entry(each)).state).to.equal('running')
    })

    it('and asks for its outcome no earlier than it may, when a clock that was ahead comes back', async () => {
      await claimed()
      clock.pass(HORIZON_SECONDS * 2)
      await lose({ loss: 'uncertain', canConfirm: true })
      clock.pass(-HORIZON_SECONDS * 2 - LEASE_SECONDS - 1)
      const early = await claim()
      clock.pass(120)
      const late = await claim()

      expect([early.length, late.length]).to.deep.equal([0, 1])
    })

    it('of one process only, when two end it at once', async () => {
      await claimed()
      clock.pass(31)
      const other = await engine().another()
      const end = async (by: Store) =>
        await by.endLost(
          (await by.overdue())
            .filter((one) => one.form === form)
            .map((seen) => ({
              ...{ seen, loss: 'repeatable', canConfirm: false, delaySeconds: 1, settleSeconds: 1 },
              ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
            })),
        )

      const ended = await Promise.all([end(store), end(other)])

      expect(ended.flat()).to.have.length(1)
    })

    it('for good after five losses, which a redrive forgets', async () => {
      let each = await claimed()
      for (let i = 1; i < 5; i++) {
        await lose()
        clock.pass(10)
        each = (await claim())[0] as Claim
      }
      const [last] = await lose()
      const letter = await entry(each)
      await store.redrive([letter], 'somebody', null)

      expect(last).to.include({ state: 'dead', losses: 5, code: 'ERR_ATTEMPT_LOST' })
      expect(await entry(each)).to.include({ state: 'waiting', losses: 0, attempts: 5 })
    })
  })

  it('wakes a worker when something is due', async () => {
    let woken = 0
    const listening = await store.onDue(() => {
      woken += 1
    })
    await accepted()
    const deadline = Date.now() + 5000
    while (woken === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
    await listening.close()

    expect(woken).to.be.above(0)
  })

  describe('lists', () => {
    it('newest first, in pages, and counts what it would list', async () => {
      const submissions: Incoming[] = []
      for (let i = 0; i < 5; i++) {
        submissions.unshift(await accepted())
        clock.pass(1)
      }

      const pages = [
        await store.list({ form }, { limit: 2, offset: 0 }),
        await store.list({ form }, { limit: 9, offset: 2 }),
      ]

      expect(pages.flat().map(({ submissionId }) => submissionId)).to.deep.equal(
        submissions.map(({ submissionId }) => submissionId),
      )
      expect(await store.count({ form })).to.equal(5)
    })

    it('by every filter', async () => {
      const letter = await deadLetter({ code: 'ERR_A', reason: 'because', uncertain: true, reference: 'R-1' })
      const waiting = await accepted()
      const received = new Date(letter.receivedAt)
      const ids = async (filter: object) =>
        (await store.list({ form, ...filter }, PAGE)).map(({ submissionId }) => submissionId)

      for (const filter of [
        { state: 'dead' },
        { code: 'ERR_A' },
        { reason: 'because' },
        { reasonPart: 'ecaus' },
        { uncertain: true },
        { reference: 'R-1' },
        { id: letter.submissionId },
        { id: letter.id },
        { idPrefix: letter.submissionId.slice(0, 13) },
        { ids: [letter.id, 'no id'] },
        { attempts: 1 },
        { receivedBefore: new Date(received.getTime() + 1), state: 'dead' },
      ]) {
        expect(await ids(filter), JSON.stringify(filter)).to.deep.equal([letter.submissionId])
        expect(await ids({ ...filter, byReceipt: true }), JSON.stringify(filter)).to.deep.equal([letter.submissionId])
      }
      for (const reasonPart of ['BECAUSE', 'b%e', 'because of', '_ecause'])
        expect(await ids({ reasonPart })).to.deep.equal([])
      expect(await ids({ state: 'waiting', receivedAfter: received })).to.deep.equal([waiting.submissionId])
      expect(await ids({ ids: [] })).to.deep.equal([])
      expect(await ids({ id: '%' })).to.deep.equal([])
    })

    it('no further than to a number, and says what was received behind so many', async () => {
      const start = clock.now()
      for (let i = 0; i < 4; i++) {
        clock.pass(1)
        await accepted()
      }
      const before = new Date(start.getTime() + 3500)

      expect(await store.count({ form }, 3)).to.equal(3)
      expect(await store.count({ form }, 9)).to.equal(4)
      expect(await store.receivedBehind(0)).not.to.equal(null)
      expect((await store.receivedBehind(0, before))?.getTime()).to.equal(start.getTime() + 3000)
      expect((await store.receivedBehind(2, before))?.getTime()).to.equal(start.getTime() + 1000)
      expect(await store.receivedBehind(1_000_000)).to.equal(null)
    })

    it('what one shows: sizes of files or why they are missing, its attempts and its trace', async () => {
      const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
      const letter = await deadLetter({}, { files: [captured()], traceparent })
      await accepted({ files: [captured(), missing()] })
      const [bare] = await store.list({ form, code: 'ERR_ATTACHMENT_MISSING' }, PAGE)

      expect(await store.detail(letter.id)).to.deep.equal({
        ...{ files: [{ bytes: 20 }], erased: false, attemptsSinceRedrive: 1, approved: false, traceId: 'a'.repeat(32) },
      })
      expect(await store.detail(bare?.id ?? '')).to.deep.equal({
        files: [{ bytes: 20 }, { missing: 'ERR_ATTACHMENT_STATUS' }],
        ...{ erased: false, attemptsSinceRedrive: 0, approved: false, traceId: null },
      })
      expect([await store.detail(randomUUID()), await store.detail('no id')]).to.deep.equal([undefined, undefined])
    })

    it('by ids in capitals, and by texts that no store holds', async () => {
      const { id, submissionId } = await deadLetter({ reason: 'because' })
      const found = async (filter: object) => await store.count({ form, ...filter })

      expect([await found({ ids: [id.toUpperCase()] }), await found({ id: id.toUpperCase() })]).to.deep.equal([1, 1])
      for (const filter of [
        { id: `${submissionId}x\0` },
        { reason: 'other\0' },
        { code: '\0' },
        { idPrefix: 'zz\0' },
      ]) {
        expect(await found(filter), JSON.stringify(filter)).to.equal(0)
      }
      expect(await store.count({ form: 'no form\0' })).to.equal(0)
    })

    it('dead letters in groups', async () => {
      await deadLetter({ code: 'ERR_A' })
      const since = clock.now().toISOString()
      await deadLetter({ code: 'ERR_B' })
      await deadLetter({ code: 'ERR_B', uncertain: true })

      const groups = (await store.deadGroups()).filter((group) => group.form === form)

      expect(groups).to.deep.equal([
        { form, code: 'ERR_B', count: 2, uncertain: 1, since },
        { form, code: 'ERR_A', count: 1, uncertain: 0, since },
      ])
    })
  })

  it('groups dead letters by reason where the words are ours, most numerous first', async () => {
    const thrown = 'the handler threw TypeError, at case.ts:7'
    const retried = `5 attempts failed, the last with ERR_HANDLER_FAILED: ${thrown}`
    const since = clock.now().toISOString()
    const two = { code: 'ERR_ANSWERS_INVALID', reason: 'answers.name is missing' }
    for (const over of [
      { ...two, uncertain: true },
      two,
      { code: 'ECONNRESET', reason: thrown },
      { code: 'ERR_RETRIES_EXHAUSTED', reason: retried },
      { code: 'ERR_RETRIES_EXHAUSTED', reason: '5 attempts failed, the last with ERR_BUSY: come back at 10:31' },
      { code: 'ERR_HANDLER_PERMANENT', reason: 'team 7 is closed' },
      { code: 'ERR_CASEWORK_TEAM', reason: 'case 8 is closed' },
    ])
      await deadLetter(over)

    const reasons = (await store.deadReasons(100)).filter((group) => group.form === form)

    expect(reasons).to.deep.equal([
      { form, ...two, count: 2, uncertain: 1, since },
      { form, code: 'ECONNRESET', reason: thrown, count: 1, uncertain: 0, since },
      { form, code: 'ERR_RETRIES_EXHAUSTED', reason: retried, count: 1, uncertain: 0, since },
    ])
    expect(await store.deadReasons(1)).to.have.length(1)
  })

  it('counts what there is', async () => {
    const before = await store.counts()
    await accepted()
    await settle(await claimed(), delivered())
    await accepted()
    const each = (await claim(1))[0] as Claim
    await settle(each, retry({ delaySeconds: 1000 }))
    await deadLetter({ code: 'ERR_A' })
    const after = await store.counts()

    const grew = (name: 'waiting' | 'running' | 'dead' | 'delivered' | 'retrying') => after[name] - before[name]
    expect([grew('delivered'), grew('dead'), grew('retrying')]).to.deep.equal([1, 1, 1])
    expect((after.deadByCode['ERR_A'] ?? 0) - (before.deadByCode['ERR_A'] ?? 0)).to.equal(1)
    expect(after.waiting + after.running - before.waiting - before.running).to.equal(2)
    expect(after.oldestWaitingSeconds).to.be.at.least(0)
  })

  it('knows when the newest was accepted, also after everything else has happened to it', async () => {
    clock.pass(100)
    await accepted()
    const first = (await store.counts()).lastAcceptedSeconds
    clock.pass(50)
    await settle((await claim())[0] as Claim, delivered())
    const later = (await store.counts()).lastAcceptedSeconds
    await accepted()
    const second = (await store.counts()).lastAcceptedSeconds

    expect(later).to.equal(first)
    expect(Number(second) - Number(first)).to.be.closeTo(50, 0.001)
    expect(Number(second)).to.be.closeTo(clock.now().getTime() / 1000, 0.001)
  })

  it('counts what happened in each hour, and keeps the sum when hours are forgotten', async () => {
    clock.pass(7200)
    await settle(await claimed(), delivered())
    await deadLetter()
    const [, current] = await store.hours(2)
    const { delivered: ever } = await store.counts()
    clock.pass(40 * 86_400)
    const ages = { endedSeconds: 1e9, failedDeliverySeconds: 1e9, hourSeconds: 30 * 86_400, givenUpSeconds: 1e9 }
    while ((await store.forget(ages, 2)).hours > 0);
    const hours = await store.hours(24 * 41)

    expect(current).to.deep.equal({
      hour: `${new Date(clock.time - 40 * 86_400_000).toISOString().slice(0, 13)}:00:00Z`,
      ...{ accepted: 2, delivered: 1, dead: 1 },
    })
    expect(hours.reduce((sum, hour) => sum + hour.delivered, 0)).to.equal(0)
    expect((await store.counts()).delivered).to.equal(ever)
  })

  describe('lets people', () => {
    it('redrive a dead letter, on record, with all its retries', async () => {
      const letter = await deadLetter()
      const moved = await store.redrive([letter], 'ada', 'the team exists now')

      const dueAt = clock.now().toISOString()
      const { id, submissionId } = letter
      expect(moved).to.deep.equal([{ id, form, submissionId, uncertain: false, dueAt }])
      expect((await store.history(id)).at(-1)).to.include({
        what: 'redriven',
        by: 'ada',
        reason: 'the team exists now',
      })
      expect((await store.actions({ limit: 1, offset: 0 }))[0]).to.deep.equal({
        ...{ at: dueAt, action: 'redriven', by: 'ada', reason: 'the team exists now', id, submissionId, form },
      })
      expect((await claim())[0]).to.include({ attempt: 2, attemptsSinceRedrive: 1, approved: true })
    })

    it('redrive an uncertain one, and never before its outcome may be asked for', async () => {
      const letter = await deadLetter({ uncertain: true, settleSeconds: 300 })
      const [moved] = await store.redrive([letter], 'ada', 'not there')

      expect(moved).to.include({ uncertain: true, dueAt: new Date(clock.time + 300_000).toISOString() })
    })

    it('redrive without approval, which a handler of an uncertain one is told', async () => {
      const letter = await deadLetter({ uncertain: true, settleSeconds: 0 })
      await store.redrive([letter], 'ada', null, false)

      expect((await claim())[0]).to.include({ id: letter.id, uncertain: true, approved: false })
    })

    it('discard a dead letter', async () => {
      const letter = await deadLetter()
      const moved = await store.discard([letter], 'ada', 'made by hand')

      expect(moved[0]).to.include({ id: letter.id, dueAt: null })
      expect(await entry(letter)).to.include({ state: 'discarded' })
    })

    it('retry now what waits for a retry, and not before an outcome may be asked for', async () => {
      const [one, two] = [await claimed(), await claimed()]
      await settle(one, retry({ delaySeconds: 3000 }))
      await settle(two, retry({ delaySeconds: 3000, uncertain: true, settleSeconds: 100 }))

      const moved = await store.retryNow([await entry(one), await entry(two)], 'ada', null)

      const dueAt = new Map(moved.map((each) => [each.id, each.dueAt]))
      expect(dueAt.get(one.id)).to.equal(clock.now().toISOString())
      expect(dueAt.get(two.id)).to.equal(new Date(clock.time + 100_000).toISOString())
    })

    it('move only what is still as it was shown', async () => {
      const letter = await deadLetter()
      const stale = { id: letter.id, revision: letter.revision - 1 }
      const unknown = { id: randomUUID(), revision: 0 }

      const moved = [
        await store.redrive([stale, unknown, { id: 'no id', revision: 0 }], 'ada', null),
        await store.discard([stale], 'ada', 'x'),
        await store.retryNow([letter], 'ada', null),
      ]

      expect(moved.flat()).to.deep.equal([])
      expect(await entry(letter)).to.deep.equal(letter)
    })
  })

  describe('sweeps', () => {
    const AGES = { endedSeconds: 100, failedDeliverySeconds: 100, hourSeconds: 1e9, givenUpSeconds: 100 }
    const ended = async (files: StoredFile[] = []) => {
      const each = await claimed({ files })
      await settle(each, delivered())
      return each
    }

    it('the JWE and the files of what ended, after their time', async () => {
      const file = captured() as StoredFile & { id: string }
      const each = await ended([file])
      const early = await store.erasable(100, 1000)
      clock.pass(101)
      const late = (await store.erasable(100, 1000)).filter(({ id }) => id === each.id)
      const owner = await store.ownerOf(file.id)
      await store.erase([each.id])

      expect(early.filter(({ id }) => id === each.id)).to.deep.equal([])
      expect(late).to.deep.equal([{ id: each.id, files: [file.id] }])
      expect(owner).to.deep.equal({ form, submissionId: each.submissionId, jwe: each.jwe, files: [file] })
      expect(await store.ownerOf(file.id)).to.equal(undefined)
      expect((await store.erasable(100, 1000)).filter(({ id }) => id === each.id)).to.deep.equal([])
      expect((await entry(each)).state).to.equal('delivered')
    })

    it('nothing of what waits, runs or is dead', async () => {
      const file = captured() as Captured
      const [running, letter, waiting] = [await claimed({ files: [file] }), await deadLetter(), await accepted()]
      clock.pass(1000)
      await store.erase([running.id, letter.id, rowId(form, waiting.submissionId)])
      await store.forget({ ...AGES, endedSeconds: 0 }, 1000)
      await store.redrive([letter], 'ada', null)

      expect(await store.count({ form })).to.equal(3)
      expect((await store.ownerOf(file.id))?.jwe).to.equal(running.jwe)
      expect((await claim()).map(({ jwe }) => jwe)).to.deep.equal([waiting.jwe, waiting.jwe])
    })

    it('what was erased, later, in batches that make progress', async () => {
      const all = [await ended(), await ended(), await ended()]
      await store.erase(all.map(({ id }) => id))
      clock.pass(101)
      let rounds = 0
      while ((await store.forget(AGES, 2)).submissions > 0) rounds += 1

      expect(rounds).to.be.above(1)
      expect(await store.count({ form })).to.equal(0)
      expect(await store.history(all[0]?.id ?? '')).to.deep.equal([])
    })

    it('failed deliveries and marks of files that are old', async () => {
      await store.forget({ ...AGES, failedDeliverySeconds: 0, givenUpSeconds: 0 }, 1000)
      clock.pass(1)
      await store.countFailedDelivery({ form, submissionId: 'x', host: null, code: 'ERR' })
      await store.giveUp([randomUUID()])
      const early = await store.forget(AGES, 1000)
      clock.pass(101)
      const late = await store.forget(AGES, 1000)

      expect([early, late].map(({ failedDeliveries, givenUp }) => [failedDeliveries, givenUp])).to.deep.equal([
        [0, 0],
        [1, 1],
      ])
    })

    it('no dead letter, and counts those that are old', async () => {
      const before = await store.oldDeadLetters(86_400)
      await deadLetter()
      const fresh = await store.oldDeadLetters(86_400)
      clock.pass(86_400 + 1)

      expect(fresh).to.equal(before)
      expect(await store.oldDeadLetters(86_400)).to.be.above(before)
    })

    it('only files without an owner', async () => {
      const file = captured() as StoredFile & { id: string }
      await accepted({ files: [file] })
      const orphan = randomUUID()

      expect(await store.giveUp([file.id, orphan])).to.deep.equal([orphan])
      expect(await store.giveUp([orphan])).to.deep.equal([orphan])
    })
  })

  describe('when a letter is replaced', () => {
    it('gives the files of the old copy up, and owns those of the new one', async () => {
      const [old, fresh] = [captured(), captured()] as [Captured, Captured]
      const letter = await deadLetter({}, { files: [old] })
      await store.accept([made({ submissionId: letter.submissionId, files: [fresh] })])

      expect(await store.ownerOf(old.id)).to.equal(undefined)
      expect(await store.ownerOf(fresh.id)).to.include({ form, submissionId: letter.submissionId })
      expect(await store.giveUp([old.id, fresh.id])).to.deep.equal([old.id])
    })

    it('keeps its attempts and its time, and is another than was shown', async () => {
      const letter = await deadLetter({ reference: 'half' })
      clock.pass(10)
      await store.accept([made({ submissionId: letter.submissionId, serviceSlug: 'new-slug' })])
      const now = clock.now().toISOString()

      expect(await entry(letter)).to.include({
        ...{ state: 'waiting', serviceSlug: 'new-slug', attempts: 1, losses: 0, code: null, reason: null },
        ...{ receivedAt: letter.receivedAt, changedAt: now, dueAt: now, settlesAt: null },
      })
      expect(await store.redrive([letter], 'ada', null)).to.deep.equal([])
    })

    it('is a dead letter again when a file is missing, and counted as one each time', async () => {
      const submission = await accepted({ files: [captured(), missing()] })
      const result = await store.accept([made({ ...submission, files: [captured(), missing()] })])

      const [hour] = (await store.hours(1)) as [Awaited<ReturnType<Store['hours']>>[number]]
      expect([result, (await entry(submission)).state]).to.deep.equal([['replaced'], 'dead'])
      expect(
        await hourCounts(hour, () =>
          store.accept([made({ ...submission, files: [captured(), captured(), missing()] })]),
        ),
      ).to.deep.equal({ accepted: 0, delivered: 0, dead: 1 })
    })

    it('clears the count of its failed deliveries', async () => {
      const { submissionId } = await deadLetter()
      const failed = { form, submissionId, host: null, code: 'ERR_ATTACHMENT_STATUS' }
      await store.countFailedDelivery(failed)
      await store.accept([made({ submissionId })])

      expect((await store.countFailedDelivery(failed)).count).to.equal(1)
    })
  })

  /** What was added to the counts of the current hour. */
  const hourCounts = async (before: Awaited<ReturnType<Store['hours']>>[number], work: () => Promise<unknown>) => {
    await work()
    const [after] = (await store.hours(1)) as [typeof before]
    return {
      accepted: after.accepted - before.accepted,
      delivered: after.delivered - before.delivered,
      dead: after.dead - before.dead,
    }
  }

  it('counts each accepted submission once, and each death, in its hour', async () => {
    const [before] = (await store.hours(1)) as [Awaited<ReturnType<Store['hours']>>[number]]
    const submission = made()
    const counted = await hourCounts(before, async () => {
      await store.accept([submission, submission, made({ files: [missing()] })])
      await store.accept([submission])
      const each = (await claim())[0] as Claim
      await settle(each, dead())
      await store.accept([submission])
      await settle((await claim())[0] as Claim, delivered())
    })

    expect(counted).to.deep.equal({ accepted: 2, delivered: 1, dead: 2 })
  })

  it('counts a death of a lost attempt in its hour', async () => {
    await claimed()
    clock.pass(LEASE_SECONDS + 1)
    const [before] = (await store.hours(1)) as [Awaited<ReturnType<Store['hours']>>[number]]
    clock.pass(-LEASE_SECONDS - 1)

    expect(await hourCounts(before, () => lose({ loss: 'uncertain' }))).to.include({ dead: 1 })
  })

  it('knows nothing of what was never accepted', async () => {
    const id = randomUUID()
    await store.erase([id])

    expect(await store.isHeld(id)).to.equal(false)
    expect(await store.history(id)).to.deep.equal([])
    expect(await store.ownerOf(id)).to.equal(undefined)
    expect(await store.acting([{ id, attempt: 1 }])).to.deep.equal([false])
    expect(await store.renew([{ id, attempt: 1 }], LEASE_SECONDS)).to.deep.equal([false])
    await settle({ id, attempt: 1 }, delivered())
    expect(await store.count({ form })).to.equal(0)
  })

  it('hands out nothing where a turn only settles', async () => {
    const mine = await claimed()

    expect(await settle(mine, delivered())).to.deep.equal([])
    expect(await settle({ id: randomUUID(), attempt: 1 }, delivered())).to.deep.equal([])
  })

  it('does nothing for nothing', async () => {
    expect(await store.accept([])).to.deep.equal([])
    expect(await store.turn({ settle: [], claim: [], leaseSeconds: LEASE_SECONDS })).to.deep.equal([])
    expect(await claim(0, 0)).to.deep.equal([])
    expect([await store.acting([]), await store.renew([], 1), await store.endLost([])]).to.deep.equal([[], [], []])
    expect([await store.redrive([], 'ada', null), await store.giveUp([])]).to.deep.equal([[], []])
    await store.release([])
    await store.erase([])
  })

  it('takes 500 at a time', async () => {
    const results = await store.accept(Array.from({ length: 500 }, () => made()))
    const claims = await claim(500, 0)
    const acts = await store.acting(claims)
    await store.turn({
      settle: claims.map((each) => ({ claim: each, ending: dead() })),
      ...{ claim: [], leaseSeconds: LEASE_SECONDS },
    })
    const letters = await store.list({ form, state: 'dead' }, { limit: 500, offset: 0 })
    const moved = await store.redrive(letters, 'ada', null)

    expect([results.length, claims.length, acts.filter(Boolean).length, letters.length, moved.length]).to.deep.equal(
      Array(5).fill(500),
    )
  })

  describe('keeps what is uncertain so', () => {
    it('through a loss that could be repeated, with the time that it had', async () => {
      const first = await claimed()
      await settle(first, retry({ uncertain: true, settleSeconds: 200 }))
      const { settlesAt } = await entry(first)
      clock.pass(201)
      await claim()
      await lose({ loss: 'repeatable', canConfirm: true })

      expect(await entry(first)).to.include({ state: 'waiting', uncertain: true, settlesAt })
    })

    it('until an attempt is certain', async () => {
      const first = await claimed()
      await settle(first, retry({ uncertain: true, settleSeconds: 10 }))
      clock.pass(11)
      await settle((await claim())[0] as Claim, retry({ uncertain: false, delaySeconds: 1 }))

      expect(await entry(first)).to.include({ uncertain: false, settlesAt: null })
    })

    it('until it is delivered', async () => {
      const first = await claimed()
      await settle(first, retry({ uncertain: true, settleSeconds: 10 }))
      clock.pass(11)
      await settle((await claim())[0] as Claim, delivered())

      const { settlesAt, reason, uncertain, dueAt } = await entry(first)
      expect({ settlesAt, reason, uncertain, dueAt }).to.deep.equal({
        ...{ settlesAt: null, reason: null, uncertain: false, dueAt: null },
      })
    })

    it('and asks for it no later than its time from now, when the clock has jumped back', async () => {
      const each = await claimed()
      clock.pass(-HORIZON_SECONDS - 100)
      const seen = (await store.overdue()).filter((one) => one.form === form)
      await store.endLost(
        seen.map((one) => ({
          ...{ seen: one, loss: 'uncertain', canConfirm: true, delaySeconds: 5, settleSeconds: 120 },
          ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
        })),
      )
      const settlesAt = new Date(clock.time + 120_000).toISOString()
      const shown = await entry(each)
      clock.pass(HORIZON_SECONDS + 100)

      expect(shown).to.include({ state: 'waiting', settlesAt, dueAt: settlesAt })
    })
  })

  it('tells the holder of an attempt that a late success has ended it', async () => {
    const first = await claimed()
    await lose()
    clock.pass(10)
    const second = (await claim())[0] as Claim
    await settle(first, delivered())

    expect(await store.acting([second])).to.deep.equal([false])
    expect(await store.renew([second], LEASE_SECONDS)).to.deep.equal([false])
    await store.release([second])
    await settle(second, dead())
    expect((await entry(first)).state).to.equal('delivered')
  })

  it('records all that happens to a submission, oldest first', async () => {
    const each = await claimed()
    const at = [clock.now().toISOString()]
    const pass = () => {
      clock.pass(1)
      at.push(clock.now().toISOString())
    }
    pass()
    await store.acting([each])
    pass()
    await settle(each, dead({ code: 'ERR_A', reason: 'because' }))
    pass()
    await store.redrive([await entry(each)], 'ada', 'try')
    pass()
    await store.retryNow([await entry(each)], 'bob', null)
    const nothing = { attempt: null, code: null, reason: null, by: null }

    expect(await store.history(each.id)).to.deep.equal([
      { ...nothing, at: at[0], what: 'received' },
      { ...nothing, at: at[0], what: 'attempt started', attempt: 1 },
      { ...nothing, at: at[1], what: 'acting', attempt: 1 },
      { ...nothing, at: at[2], what: 'attempt dead', attempt: 1, code: 'ERR_A', reason: 'because' },
      { ...nothing, at: at[3], what: 'redriven', by: 'ada', reason: 'try' },
      { ...nothing, at: at[4], what: 'retry now', by: 'bob' },
    ])
    const actions = await store.actions({ limit: 2, offset: 0 })
    expect(actions.map(({ action, by }) => [action, by])).to.deep.equal([
      ['retry now', 'bob'],
      ['redriven', 'ada'],
    ])
    expect((await store.actions({ limit: 1, offset: 1 }))[0]).to.deep.equal(actions[1])
  })

  it('raises the revision with every change but a renewal', async () => {
    const submission = await accepted()
    const revisions = [(await entry(submission)).revision]
    const note = async () => revisions.push((await entry(submission)).revision)
    const first = (await claim())[0] as Claim
    await note()
    await store.release([first])
    await note()
    const second = (await claim())[0] as Claim
    await note()
    await store.acting([second])
    await note()
    await settle(second, dead())
    await note()
    await store.redrive([await entry(submission)], 'ada', null)
    await note()
    const third = (await claim())[0] as Claim
    const { revision } = await entry(submission)
    await store.renew([third], LEASE_SECONDS)

    expect(new Set(revisions).size).to.equal(revisions.length)
    expect(revisions).to.deep.equal(revisions.toSorted((a, b) => a - b))
    expect((await entry(submission)).revision).to.equal(revision)
  })

  it('counts as retrying what failed since it was redriven, and how long the oldest waits', async () => {
    const { oldestWaitingSeconds, retrying } = await store.counts()
    const letter = await deadLetter()
    await store.redrive([letter], 'ada', null)
    const redriven = (await store.counts()).retrying
    await settle((await claim())[0] as Claim, retry({ delaySeconds: 9e6 }))
    const failed = (await store.counts()).retrying
    clock.pass(50)
    const later = await store.counts()

    expect([redriven - retrying, failed - retrying]).to.deep.equal([0, 1])
    expect(later.oldestWaitingSeconds).to.equal(Math.max(oldestWaitingSeconds, 0) + 50)
  })

  it('wakes a worker for each kind of work that becomes due, and no longer once it is closed', async () => {
    let woken = 0
    const listening = await store.onDue(() => {
      woken += 1
    })
    const wakes = async (work: () => Promise<unknown>) => {
      const before = woken
      await work()
      const deadline = Date.now() + 5000
      while (woken === before && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
      return woken > before
    }
    const letter = await deadLetter()
    const kinds = {
      accept: await wakes(() => accepted()),
      redrive: await wakes(() => store.redrive([letter], 'ada', null)),
      release: await wakes(async () => await store.release(await claim())),
      retryNow: await wakes(async () => await store.retryNow([await entry(letter)], 'ada', null)),
    }
    await listening.close()
    const before = woken
    await accepted()

    expect(kinds).to.deep.equal({ accept: true, redrive: true, release: true, retryNow: true })
    expect(woken).to.equal(before)
  })

  it('counts a success rather than a death, when both come together', async () => {
    const first = await claimed()
    await lose()
    clock.pass(10)
    const second = (await claim())[0] as Claim
    const [before] = (await store.hours(1)) as [Awaited<ReturnType<Store['hours']>>[number]]
    const endings = [
      { claim: second, ending: dead() },
      { claim: first, ending: delivered() },
    ]
    const counted = await hourCounts(before, () =>
      store.turn({ settle: endings, claim: [], leaseSeconds: LEASE_SECONDS }),
    )

    expect(counted).to.deep.equal({ accepted: 0, delivered: 1, dead: 0 })
  })

  it('lists by the time when it was received: from the first, and before the second', async () => {
    const submissions: Incoming[] = []
    const times: Date[] = []
    for (let i = 0; i < 3; i++) {
      submissions.push(await accepted())
      times.push(clock.now())
      clock.pass(1)
    }
    const found = await store.list({ form, receivedAfter: times[1], receivedBefore: times[2] }, PAGE)

    expect(found.map(({ submissionId }) => submissionId)).to.deep.equal([submissions[1]?.submissionId])
  })

  it('keeps the sum of each form when hours are forgotten one after the other', async () => {
    const ages = { endedSeconds: 1e9, failedDeliverySeconds: 1e9, hourSeconds: 86_400, givenUpSeconds: 1e9 }
    for (let i = 0; i < 3; i++) {
      await settle(await claimed(), delivered())
      clock.pass(3600)
    }
    const { delivered: ever } = await store.counts()
    clock.pass(2 * 86_400)
    while ((await store.forget(ages, 1)).hours > 0);

    expect((await store.counts()).delivered).to.equal(ever)
  })

  it('gives nothing of what was forgotten to what comes after it', async () => {
    const file = captured() as Captured
    const old = await claimed({ files: [file] })
    await settle(old, delivered())
    await store.erase([old.id])
    clock.pass(1)
    const ages = { endedSeconds: 0, failedDeliverySeconds: 1e9, hourSeconds: 1e9, givenUpSeconds: 1e9 }
    while ((await store.forget(ages, 500)).submissions > 0);
    const { submissionId } = await accepted()

    expect(await store.count({ form })).to.equal(1)
    expect((await store.history(rowId(form, submissionId))).map(({ what }) => what)).to.deep.equal(['received'])
    expect(await store.ownerOf(file.id)).to.equal(undefined)
  })

  it('forgets nothing that was not erased, or ended too short a time ago', async () => {
    const [kept, fresh] = [await claimed(), await claimed()]
    await settle(kept, delivered())
    clock.pass(1000)
    await settle(fresh, delivered())
    await store.erase([fresh.id])
    await store.forget({ endedSeconds: 100, failedDeliverySeconds: 1e9, hourSeconds: 1e9, givenUpSeconds: 1e9 }, 500)

    expect(await store.count({ form })).to.equal(2)
  })

  it('keeps a file through its own folder or tables', async () => {
    const id = randomUUID()
    await store.files.write(
      id,
      (async function* () {
        yield Buffer.from('ciphertext')
      })(),
    )
    const chunks: Buffer[] = []
    for await (const block of store.files.read(id)) chunks.push(Buffer.from(block))

    expect(Buffer.concat(chunks).toString()).to.equal('ciphertext')
  })

  it('knows the forms that were recorded last, and whether each asks first', async () => {
    await store.recordForms([
      { name: form, asksFirst: false },
      { name: `${form}-b`, asksFirst: true },
    ])
    await store.recordForms([{ name: form, asksFirst: true }])

    const forms = (await store.forms()).filter(({ name }) => name.startsWith(form))

    const fresh = { paused: null, lastDeliveredAt: null, failuresInARow: 0, lastFailure: null }
    expect(forms).to.deep.equal([
      { name: form, asksFirst: true, ...fresh },
      { name: `${form}-b`, asksFirst: true, ...fresh },
    ])
  })

  it('mentions forms of submissions, and codes and reasons that they have and had', async () => {
    const code = `ERR_${form.toUpperCase().replace('-', '_')}`
    const letter = await deadLetter({ code })
    await store.redrive([letter], 'ada', null)
    await settle((await claim())[0] as Claim, delivered())

    const { forms, codes, reasons } = await store.mentioned('no team')
    const other = await store.mentioned('no such reason')

    expect(forms).to.include(form)
    expect(codes).to.include(code)
    expect(reasons).to.include('no team')
    expect(other.reasons).to.not.include('no such reason')
  })

  it('mentions no reason of a person, and one of many that is asked for', async () => {
    const letter = await deadLetter({ reason: 'zz, the last of many' })
    await store.redrive([letter], 'ada', 'searched for it')
    for (let i = 0; i < 12; i++) await deadLetter({ reason: `reason ${i}` })

    const [person, last] = [await store.mentioned('searched for it'), await store.mentioned('zz, the last of many')]

    expect(person.reasons).to.not.include('searched for it')
    expect(last.reasons).to.include('zz, the last of many')
    expect(last.reasons.length).to.be.within(11, 13)
  })

  describe('walks', () => {
    const all = async (state: 'dead' | 'waiting', until?: number, between = async () => undefined as unknown) => {
      const found: string[] = []
      let [after, latest] = [null as Position | null, 0]
      do {
        const step = await store.walk(state, { form }, { limit: 2, after, until })
        found.push(...step.entries.map(({ id }) => id))
        latest = Math.max(latest, step.latest)
        after = step.next
        await between()
      } while (after !== null)
      return { found: found.sort(), latest }
    }
    const idsOf = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id).sort()

    it('over dead letters of one moment, each once, also if all that was found is moved', async () => {
      await store.accept(Array.from({ length: 7 }, () => made()))
      const claims = await claim()
      await store.turn({ settle: claims.map((c) => ({ claim: c, ending: dead() })), claim: [], leaseSeconds: 1 })

      const { found } = await all('dead', undefined, async () => {
        const [first] = await store.list({ form, state: 'dead' }, { limit: 1, offset: 0 })
        if (first !== undefined) await store.discard([first], 'ada', 'x')
      })

      expect(new Set(found).size).to.equal(found.length)
      expect(found.length).to.be.within(4, 7)
    })

    it('over what waits, lost before or not, each once, and no other state', async () => {
      await claimed()
      await lose()
      await deadLetter()
      const submissions = Array.from({ length: 5 }, () => made())
      await store.accept(submissions)

      const { found } = await all('waiting')

      expect(found).to.deep.equal(idsOf(await store.list({ form, state: 'waiting' }, PAGE)))
      expect(found).to.have.length(6)
    })

    it('no further than what has not changed since', async () => {
      const old = await deadLetter()
      const changed = await deadLetter()
      const { latest } = await all('dead')
      clock.pass(1)
      await store.redrive([changed], 'ada', null)
      clock.pass(1)
      await settle((await claim())[0] as Claim, dead())
      await deadLetter()

      expect((await all('dead', latest)).found).to.deep.equal([old.id])
      expect((await all('dead')).found).to.have.length(3)
    })

    it('past what was retried, which has changed', async () => {
      const each = await claimed()
      await settle(each, retry({ delaySeconds: 500 }))
      const { latest } = await all('waiting')
      clock.pass(1)
      await store.retryNow([await entry(each)], 'ada', null)

      expect((await all('waiting', latest)).found).to.deep.equal([])
    })
  })

  describe('scans', () => {
    const all = async (filter: object, limit: number, between = async () => undefined as unknown) => {
      const found: string[] = []
      let [after, steps] = [null as Position | null, 0]
      do {
        const step = await store.scan({ form, ...filter }, { limit, after })
        found.push(...step.entries.map(({ submissionId }) => submissionId))
        after = step.next
        steps += 1
        await between()
      } while (after !== null)
      return { found, steps }
    }

    it('newest first, each once, also of one moment, whatever arrives and changes in between', async () => {
      const first = Array.from({ length: 5 }, () => made())
      await store.accept(first)
      clock.pass(1)
      const second = Array.from({ length: 4 }, () => made())
      await store.accept(second)

      const { found } = await all({}, 2, async () => {
        clock.pass(1)
        await accepted()
        const [claimed] = await claim(1, 0)
        if (claimed !== undefined) await settle(claimed, delivered())
      })

      const ids = (submissions: readonly Incoming[]) => submissions.map(({ submissionId }) => submissionId).sort()
      expect([found.slice(0, 4).sort(), found.slice(4).sort()]).to.deep.equal([ids(second), ids(first)])
    })

    it('looks at no more rows than it is told in a step, and finds what matches by every filter', async () => {
      const start = clock.now()
      const letter = await deadLetter({ code: 'ERR_RARE', reason: 'rare', reference: 'R-2' })
      for (let i = 0; i < 6; i++) {
        clock.pass(1)
        await accepted()
      }

      for (const filter of [
        { state: 'dead' },
        { code: 'ERR_RARE' },
        { reference: 'R-2' },
        { idPrefix: letter.submissionId.slice(0, 9) },
        { receivedBefore: new Date(start.getTime() + 1) },
      ])
        expect((await all({ ...filter, receivedAfter: start }, 2)).found).to.deep.equal([letter.submissionId])
      const { found, steps } = await all({ state: 'dead', receivedAfter: start }, 3)
      expect([found, steps]).to.deep.equal([[letter.submissionId], 3])
    })
  })

  it('can be written to', async () => {
    expect(await store.check()).to.equal(undefined)
  })
})
