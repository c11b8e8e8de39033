import { setTimeout as elapsed, setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Form } from '../../src/form.ts'
import type { Claim, Ending } from '../../src/store/claim.ts'
import type { Delivering, Turn } from '../../src/store/store.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { Worker } from '../../src/worker/worker.ts'
import { claimed, delivered } from '../submissions.ts'
import { until } from '../until.ts'

type Repeatable = Form['repeatable']

describe('a worker', () => {
  it('starts at most twice its concurrency while no ending can be recorded, and more when one can', async () => {
    const lab = laboratory([undefined])
    const recorded = Promise.withResolvers<void>()
    lab.recording = recorded.promise

    await lab.worker.start()
    await lab.turns()
    const before = lab.started
    recorded.resolve()
    await lab.turns()
    const after = lab.started
    await lab.worker.stop(1)

    expect(before).to.be.within(4, 8)
    expect(after).to.be.greaterThan(8)
  })

  for (const [repeatable, mostAhead] of [
    [[undefined], 4],
    [['until-acting', true], 4],
    [[false], 0],
    [[true, false], 0],
  ] as const) {
    it(`claims ${mostAhead || 'none'} ahead of four quick handlers of forms that are repeatable: ${repeatable.join(', ') || 'undefined'}`, async () => {
      const lab = await full(repeatable)
      const [claimed, started] = [lab.claimed, lab.started]
      lab.letGo()
      await lab.worker.stop(1)

      expect(lab.mostAtOnce).to.equal(4)
      expect(claimed - started).to.equal(mostAhead)
    })
  }

  it('gives back what has not started when it stops, and finishes what has', async () => {
    const lab = await full([undefined])
    const [claimed, started] = [lab.claimed, lab.started]
    const before = lab.ended.length

    const stopped = lab.worker.stop(60)
    await lab.turns()
    const released = lab.released.length
    lab.letGo()
    await stopped

    expect(released).to.equal(claimed - started)
    expect(released).to.equal(4)
    expect(lab.started).to.equal(started)
    expect(lab.ended.slice(before).map(({ outcome }) => outcome)).to.deep.equal(Array(4).fill('delivered'))
  })

  for (const isOurs of [true, false]) {
    it(`waits for an attempt that it still runs, and then ${isOurs ? 'repeats' : 'leaves'} the submission if it is ${isOurs ? 'still its own' : 'no longer its own'}`, async () => {
      const lab = laboratory([undefined])
      lab.isHeld = isOurs
      const first = claimed({ form: 'form-0' })
      lab.due = [first]
      lab.hold()
      await lab.worker.start()
      await lab.turns()

      // Another process has ended the attempt, and the submission is due again.
      lab.due = [{ ...first, attempt: 2, losses: 1 }]
      lab.worker.wake()
      await lab.turns()
      const during = lab.handled.map(({ attempt }) => attempt)
      lab.letGo()
      await lab.turns()
      await lab.worker.stop(1)

      expect(during).to.deep.equal([1])
      expect(lab.handled.map(({ attempt }) => attempt)).to.deep.equal(isOurs ? [1, 2] : [1])
    })
  }

  it('gives back what it has claimed ahead of a handler that is no longer quick, and claims none ahead of it', async () => {
    const lab = await full([undefined])
    const ahead = lab.claimed - lab.started

    while (lab.released.length === 0) await elapsed(100)
    await lab.turns()
    const after = lab.claimed - lab.started - lab.released.length
    lab.letGo()
    await lab.worker.stop(1)

    expect(lab.released).to.have.length(ahead)
    expect(after).to.equal(0)
  })

  it('gives back what has not started when it could not renew for as long as a lease', async () => {
    const lab = await full([undefined])
    const [claimed, started] = [lab.claimed, lab.started]
    lab.due = []

    lab.monotonic += 31_000
    lab.letGo()
    await lab.turns()
    await lab.worker.stop(1)

    expect(lab.released).to.have.length(claimed - started)
    expect(lab.started).to.equal(started)
  })

  it('claims nothing while it holds what it could not renew for as long as a lease', async () => {
    const lab = laboratory([undefined])
    lab.due = [claimed({ form: 'form-0' })]
    lab.hold()
    await lab.worker.start()
    await lab.turns()

    lab.monotonic += 31_000
    lab.due = undefined
    lab.worker.wake()
    await lab.turns()
    const before = lab.claimed
    lab.letGo()
    await lab.turns()
    await lab.worker.stop(1)

    expect(before).to.equal(0)
    expect(lab.claimed).to.be.greaterThan(0)
  })

  it('starts nothing whose claim it reads after a stop as long as a lease', async () => {
    const lab = laboratory([undefined])
    lab.onClaim = () => {
      lab.monotonic += 31_000
    }
    await lab.worker.start()
    await lab.turns()
    await lab.worker.stop(1)

    expect(lab.claimed).to.be.greaterThan(0)
    expect(lab.started).to.equal(0)
    expect(lab.released).to.have.length(lab.claimed)
  })

  it('gives back what has not started as soon as the store is available again', async () => {
    const lab = await full([undefined])
    const [claimed, started] = [lab.claimed, lab.started]
    lab.unavailable = 2

    const stopped = lab.worker.stop(60)
    lab.letGo()
    await stopped

    expect(lab.failures).to.deep.equal(['release', 'release'])
    expect(lab.released).to.have.length(claimed - started)
  })

  it('gives back at once what it was about to claim when it was told to stop', async () => {
    const lab = laboratory([undefined, undefined])
    const some = (count: number) => Array.from({ length: count }, () => claimed({ form: 'form-0' }))
    lab.due = some(3)
    lab.hold()
    await lab.worker.start()
    await lab.turns()

    lab.due = some(2)
    const stopped = Promise.withResolvers<void>()
    lab.onClaim = () => stopped.resolve(lab.worker.stop(60))
    lab.worker.wake()
    await lab.turns()
    const released = lab.released.length
    lab.letGo()
    await stopped.promise

    expect(released).to.equal(2)
    expect(lab.started).to.equal(3)
  })

  for (const [concurrency, forms, mostOfOne] of [
    [16, 4, 13],
    [4, 4, 1],
    [2, 1, 2],
    [5, 2, 4],
  ] as const) {
    it(`with ${concurrency} places and ${forms} forms runs at most ${mostOfOne} of one form at once`, async () => {
      const lab = laboratory(
        Array.from({ length: forms }, () => undefined),
        concurrency,
      )
      lab.only = 'form-0'
      lab.hold()

      await lab.worker.start()
      await lab.turns()
      const ofOne = lab.started
      lab.only = undefined
      lab.worker.wake()
      await lab.turns(400)
      const ofAll = lab.started
      lab.letGo()
      await lab.worker.stop(1)

      expect(ofOne).to.equal(mostOfOne)
      expect(ofAll).to.equal(concurrency)
    })
  }

  it('runs one submission at a time of those that were lost before, beside ordinary work', async () => {
    const lab = laboratory([undefined, undefined])
    lab.hasSuspects = true
    lab.hold()

    await lab.worker.start()
    await lab.turns(400)
    const suspects = lab.handled.filter(({ losses }) => losses > 0)
    const others = lab.handled.length - suspects.length
    lab.letGo()
    await lab.worker.stop(1)

    expect(suspects).to.have.length(1)
    expect(others).to.equal(4)
  })

  it('does not ask for suspects at each arrival while all places are taken, and finds them by itself', async () => {
    const lab = await full([false])
    const before = lab.asked
    for (let arrivals = 0; arrivals < 20; arrivals++) {
      lab.worker.wake()
      await lab.turns(30)
    }
    const asked = lab.asked - before
    lab.hasSuspects = true
    await until(() => lab.handled.some(({ losses }) => losses > 0))
    lab.letGo()
    await lab.worker.stop(1)

    // A machine that stands still for seconds may see as many polls.
    expect(asked).to.be.below(10)
  })

  it('lets the forms take turns with what was lost before', async () => {
    const lab = laboratory([undefined, undefined])
    lab.hasSuspects = true

    await lab.worker.start()
    await lab.turns(600)
    await lab.worker.stop(1)

    const forms = lab.handled.filter(({ losses }) => losses > 0).map(({ form }) => form)
    expect(forms.length).to.be.greaterThan(4)
    expect(forms.slice(0, 4)).to.have.members(['form-0', 'form-0', 'form-1', 'form-1'])
  })
})

/** A started worker that has found its handlers to be quicker than a claim; from now on they are held. */
async function full(repeatable: readonly Repeatable[]) {
  const lab = laboratory(repeatable)
  await lab.worker.start()
  await lab.turns()
  lab.hold()
  await lab.turns()
  return lab
}

/** A worker with an endless queue. A claim takes a few turns of the event loop. */
function laboratory(repeatable: readonly Repeatable[], concurrency = 4) {
  let held: PromiseWithResolvers<void> | undefined
  let atOnce = 0
  const turns = async (count = 200) => {
    for (let turned = 0; turned < count; turned++) await turn()
  }
  const lab = {
    /** How often the store was asked for work. */
    asked: 0,
    claimed: 0,
    started: 0,
    mostAtOnce: 0,
    handled: [] as Claim[],
    ended: [] as Ending[],
    released: [] as Claim[],
    /** Endings are recorded when it has resolved. */
    recording: Promise.resolve(),
    /** The one form that has something due; undefined: all have. */
    only: undefined as string | undefined,
    hasSuspects: false,
    /** What is due, instead of an endless queue. */
    due: undefined as readonly Claim[] | undefined,
    isHeld: true,
    /** Called while a claim is made. */
    onClaim: () => undefined as unknown,
    /** So many releases fail. */
    unavailable: 0,
    /** During what the store failed. */
    failures: [] as string[],
    monotonic: 1e6,
    turns,
    hold: () => {
      held = Promise.withResolvers<void>()
    },
    letGo: () => {
      held?.resolve()
      held = undefined
    },
    worker: undefined as unknown as Worker,
  }
  const store = {
    async turn({ settle, claim }: Turn) {
      lab.asked += 1
      if (settle.length > 0) await lab.recording
      else await turns(20)
      lab.ended.push(...settle.map(({ ending }) => ending))
      if (claim.length > 0) lab.onClaim()
      if (lab.due !== undefined) {
        const claims = lab.due
        lab.due = []
        return claims
      }
      const due = claim.filter(({ form }) => lab.only === undefined || form === lab.only)
      const claims = due.flatMap(({ form, most, suspects }) => [
        ...Array.from({ length: most }, () => claimed({ form })),
        ...Array.from({ length: lab.hasSuspects ? suspects : 0 }, () => claimed({ form, losses: 1 })),
      ])
      lab.claimed += claims.length
      return claims
    },
    async release(claims: readonly Claim[]) {
      if (lab.unavailable-- > 0) throw new Error('unavailable')
      lab.released.push(...claims)
    },
    renew: async (claims: readonly Claim[]) => claims.map(() => lab.isHeld),
    onDue: async () => ({ close: async () => undefined }),
  } as unknown as Delivering // leases are looked at every ten seconds only
  const form = (each: Repeatable, index: number): Form => ({
    path: `/${index}`,
    ...(each !== undefined && { repeatable: each }),
    handle: async () => undefined,
  })
  lab.worker = new Worker({
    store,
    attempts: new Attempts(store),
    forms: new Map(repeatable.map((each, index) => [`form-${index}`, form(each, index)])),
    concurrency,
    retry: { delaySeconds: 1, delayMaxSeconds: 1, limit: 3 },
    emit: (event) => event.event === 'store.failed' && lab.failures.push(event.during),
    monotonic: () => lab.monotonic,
    runAttempt: async (claim) => {
      lab.started += 1
      lab.handled.push(claim)
      if (claim.losses === 0) atOnce += 1
      lab.mostAtOnce = Math.max(lab.mostAtOnce, atOnce)
      await held?.promise
      if (claim.losses === 0) atOnce -= 1
      return delivered()
    },
  })
  return lab
}
