import { expect } from 'chai'
import type { AdapterEvent } from '../../src/events.ts'
import type { Claim } from '../../src/store/claim.ts'
import type { Store } from '../../src/store/store.ts'
import { type Held, Leases } from '../../src/worker/leases.ts'
import { onEachEngine } from '../store/engines.ts'
import { claimed, delivered, incoming } from '../submissions.ts'

const LOSS = { loss: 'repeatable', canConfirm: false, delaySeconds: 1, settleSeconds: 60, mostLosses: 5 } as const

onEachEngine('leases', (engine) => {
  /** Milliseconds of the clock that never jumps. */
  let monotonic: number
  beforeEach(async () => {
    monotonic = 1e6
    await engine().empty()
  })

  /** A process that holds some claims and looks when it is told to. */
  function member(store: Store = engine().store) {
    const held: Held[] = []
    const events: AdapterEvent[] = []
    const leases = new Leases({
      store,
      held: () => held,
      lossOf: ({ form }) => (form === 'complaint' ? LOSS : undefined),
      emit: (event) => events.push(event),
      leaseSeconds: 30,
      monotonic: () => monotonic,
    })
    const take = async (form = 'complaint') => {
      await store.accept([incoming({ form })])
      const [claim] = await store.turn({ settle: [], claim: [{ form, most: 1, suspects: 1 }], leaseSeconds: 30 })
      leases.claimed(monotonic)
      held.push({ claim: claim as Claim, abort: new AbortController() })
      return held.at(-1) as Held
    }
    return { leases, take, held, events }
  }
  /** Time goes on for everybody. */
  const pass = (seconds: number) => {
    monotonic += seconds * 1000
    engine().clock.pass(seconds)
  }
  const stateOf = async ({ claim }: Held) =>
    (await engine().store.list({ id: claim.submissionId }, { limit: 1, offset: 0 }))[0]

  it('of a dead process are ended after they were watched for a whole lease', async () => {
    const [dead, living] = [member(), member()]
    const attempt = await dead.take()
    const states: (string | undefined)[] = []

    for (let time = 0; time < 7; time += 1) {
      pass(10)
      await living.leases.look()
      states.push((await stateOf(attempt))?.state)
    }

    // Overdue from 30 seconds on; seen first at 40, and for 30 seconds at 70.
    expect(states).to.deep.equal([...Array(6).fill('running'), 'waiting'])
    expect(living.events).to.deep.include({
      event: 'attempt.failed',
      form: 'complaint',
      submissionId: attempt.claim.submissionId,
      attempt: 1,
      milliseconds: 0,
      code: 'ERR_ATTEMPT_LOST',
      retryInSeconds: 1,
    })
  })

  it('are renewed by the living, also when the clock of the store jumps', async () => {
    const [holder, other] = [member(), member()]
    const attempt = await holder.take()

    for (const jump of [0, 3600, -3600, 40, 10, 3000, -40]) {
      engine().clock.pass(jump)
      for (let time = 0; time < 4; time += 1) {
        await other.leases.look()
        pass(10)
        await holder.leases.look()
      }
    }

    expect((await stateOf(attempt))?.state).to.equal('running')
    expect(attempt.abort.signal.aborted).to.equal(false)
  })

  it('are not ended after a time in which the store was unavailable, or answered late, until they were watched again', async () => {
    const [dead, living] = [member(), member()]
    const attempt = await dead.take()
    pass(31)
    await living.leases.look()
    let isAvailable = false
    let answersLate = false
    const store = new Proxy(engine().store, {
      get(target, name) {
        const value = target[name as keyof Store]
        if (name !== 'overdue') return typeof value === 'function' ? value.bind(target) : value
        return async () => {
          if (!isAvailable) throw new Error('unavailable')
          if (answersLate) pass(25)
          return await target.overdue()
        }
      },
    })
    const watcher = member(store)
    const look = async () => {
      await watcher.leases.look()
      return (await stateOf(attempt))?.state
    }
    isAvailable = true
    await look()
    pass(20)
    isAvailable = false
    await look()
    isAvailable = true
    pass(15)

    const afterFailure = await look()
    pass(10)
    answersLate = true
    const afterLateAnswer = await look()
    answersLate = false
    const states: (string | undefined)[] = []
    for (let time = 0; time < 3; time += 1) {
      pass(10)
      states.push(await look())
    }

    expect([afterFailure, afterLateAnswer]).to.deep.equal(['running', 'running'])
    expect(states).to.deep.equal(['running', 'running', 'waiting'])
    expect(watcher.events.filter(({ event }) => event === 'store.failed')).to.have.length(1)
  })

  it('are not ended by a process that stood still between two looks, until it has watched them again', async () => {
    const [dead, living] = [member(), member()]
    const attempt = await dead.take()
    const states: (string | undefined)[] = []

    for (const seconds of [31, 10, 21, 10, 10, 10]) {
      pass(seconds)
      await living.leases.look()
      states.push((await stateOf(attempt))?.state)
    }

    expect(states).to.deep.equal([...Array(5).fill('running'), 'waiting'])
  })

  it('of a process are never ended by itself, though they are overdue', async () => {
    const store = new Proxy(engine().store, {
      get(target, name) {
        const value = target[name as keyof Store]
        if (name === 'renew') return async (claims: readonly Claim[]) => claims.map(() => true)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const alone = member(store)
    const attempt = await alone.take()

    for (let time = 0; time < 10; time += 1) {
      pass(10)
      await alone.leases.look()
    }

    expect((await stateOf(attempt))?.state).to.equal('running')
  })

  it('that another process has ended abort the attempt', async () => {
    const [sleeper, other] = [member(), member()]
    const attempt = await sleeper.take()
    for (let time = 0; time < 7; time += 1) {
      pass(10)
      await other.leases.look()
    }

    await sleeper.leases.look()

    expect(attempt.abort.signal.reason).to.include({ code: 'ERR_ATTEMPT_LOST' })
  })

  it('that were delivered by a late success abort the attempt', async () => {
    const holder = member()
    const attempt = await holder.take()
    const settle = [{ claim: attempt.claim, ending: delivered() }]
    await engine().store.turn({ settle, claim: [], leaseSeconds: 30 })

    pass(10)
    await holder.leases.look()

    expect(attempt.abort.signal.aborted).to.equal(true)
  })

  it('of a form that this process does not have are left to others', async () => {
    const [dead, living] = [member(), member()]
    const attempt = await dead.take('comment')

    for (let time = 0; time < 10; time += 1) {
      pass(10)
      await living.leases.look()
    }

    expect((await stateOf(attempt))?.state).to.equal('running')
  })

  it('that may have run out while the process was stopped abort what it runs, by either clock', async () => {
    const realNow = Date.now
    for (const stop of [
      () => {
        monotonic += 30_000
      },
      () => {
        Date.now = () => realNow() + 30_000
      },
    ]) {
      const holder = member()
      const attempt = await holder.take()
      holder.leases.feelPulse()
      const before = attempt.abort.signal.aborted
      stop()
      holder.leases.feelPulse()
      Date.now = realNow

      expect([before, attempt.abort.signal.aborted]).to.deep.equal([false, true])
      expect(attempt.abort.signal.reason).to.include({ code: 'ERR_ATTEMPT_LOST' })
    }
  })

  it('that could not be renewed are stale after 30 seconds', async () => {
    const holder = member()
    await holder.take()
    const before = holder.leases.isStale
    monotonic += 29_000
    const soon = holder.leases.isStale
    monotonic += 2000

    expect([before, soon, holder.leases.isStale]).to.deep.equal([false, false, true])
  })

  it('begin when they are asked for: the answer may be read after a long stop', async () => {
    const holder = member()
    const asked = monotonic

    monotonic += 31_000
    holder.leases.claimed(asked)
    holder.held.push({ claim: claimed(), abort: new AbortController() })

    expect(holder.leases.isStale).to.equal(true)
  })
})
