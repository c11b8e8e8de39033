import { setTimeout as elapsed } from 'node:timers/promises'
import { expect } from 'chai'
import type { AdapterEvent } from '../../packages/adapter-sdk/src/events.ts'
import type { Form } from '../../packages/adapter-sdk/src/form.ts'
import type { Store } from '../../packages/adapter-sdk/src/store/store.ts'
import { Attempts } from '../../packages/adapter-sdk/src/worker/attempts.ts'
import { Worker } from '../../packages/adapter-sdk/src/worker/worker.ts'
import { ENGINES, type Engine, HORIZON_SECONDS } from '../../packages/adapter-sdk/test/store/engines.ts'
import { delivered, incoming } from '../../packages/adapter-sdk/test/submissions.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'
import { atOnce } from '../faults/at-once.ts'

/** So that several leases go by in a test. */
const LEASE_SECONDS = 2
/** Seconds by which the clock jumps, one after the other. */
const JUMPS = [3600, -40, -86_400, 86_400]

for (const [kind, open] of Object.entries(ENGINES)) {
  describe(`two workers on a store whose clock jumps, on ${kind}`, () => {
    const outcome = atOnce(() => jumping(open))

    it('end nothing living, and find all work', async function () {
      this.timeout(60_000)
      const { started, failed } = await outcome()

      expect(started.toSorted()).to.deep.equal(['long', ...JUMPS.map((_, index) => `short-${index}`)])
      expect(failed).to.deep.equal([])
    })
  })
}

/** What two workers have started, and which attempts have failed. */
async function jumping(open: () => Promise<Engine>) {
  const engine = await open()
  try {
    const { store, clock } = engine
    const [holder, other] = [laboratory(store), laboratory(await engine.another())]
    const workers = [holder, other]
    const all = () => workers.flatMap(({ started }) => started)
    await store.accept([incoming({ submissionId: 'long' })])
    await holder.worker.start()
    await until(() => all().length === 1)
    // From here on the other one looks halfway between two renewals.
    await holder.renewed()
    await elapsed((LEASE_SECONDS * 1000) / 6)
    await other.worker.start()

    for (const [index, seconds] of JUMPS.entries()) {
      const short = [incoming({ submissionId: `short-${index}` })]
      // What was accepted before a jump back waits for its time, unless that is farther ahead than the horizon.
      const isLater = seconds < 0 && seconds > -HORIZON_SECONDS
      if (!isLater) await store.accept(short)
      // Right after a renewal: the other one looks before the next.
      await holder.renewed()
      clock.pass(seconds)
      if (isLater) await store.accept(short)
      await until(() => all().includes(`short-${index}`))
      await elapsed(1.5 * LEASE_SECONDS * 1000)
    }
    for (const { letGo } of workers) letGo()
    await until(async () => (await store.counts()).delivered === 1 + JUMPS.length)
    for (const { worker } of workers) await worker.stop(10)

    const failed = workers.flatMap(({ events }) => events.filter(({ event }) => event === 'attempt.failed'))
    return { started: all(), failed }
  } finally {
    await engine.close()
  }
}

/** A worker with a short lease, in which the submission `long` runs until it is let go. */
function laboratory(store: Store) {
  const started: string[] = []
  let renewals = 0
  const renew = store.renew.bind(store)
  store.renew = async (...asked) => {
    const ours = await renew(...asked)
    renewals += 1
    return ours
  }
  const renewed = async () => {
    const before = renewals
    await until(() => renewals > before)
  }
  const events: AdapterEvent[] = []
  const { promise, resolve: letGo } = Promise.withResolvers<void>()
  const emit = (event: AdapterEvent) => void events.push(event)
  const form: Form = { path: '/v2/complaint', repeatable: true, handle: async () => undefined }
  const worker = new Worker({
    store,
    attempts: new Attempts(store, LEASE_SECONDS),
    forms: new Map([['complaint', form]]),
    concurrency: 2,
    retry: { delaySeconds: 1, delayMaxSeconds: 1, limit: 3 },
    emit,
    async runAttempt({ submissionId }) {
      started.push(submissionId)
      if (submissionId === 'long') await promise
      return delivered()
    },
  })
  return { worker, started, events, letGo, renewed }
}
