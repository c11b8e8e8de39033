import { expect } from 'chai'
import { openMemory } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { incoming } from '../../submissions.ts'
import { Clock, HORIZON_SECONDS } from '../engines.ts'

const LEASE_SECONDS = 30
const SETTLE_SECONDS = 120

describe('the queue in SQLite', () => {
  it('asks for an uncertain outcome no earlier than it may, when a clock that was ahead comes back', async () => {
    const clock = new Clock()
    const files = {} as Store['files']
    const store = await openMemory(files, { migrate: true, horizonSeconds: HORIZON_SECONDS, now: clock.now })
    const claim = async () =>
      await store.turn({
        ...{ settle: [], claim: [{ form: 'complaint', most: 1, suspects: 1 }], leaseSeconds: LEASE_SECONDS },
      })
    await store.accept([incoming()])
    await claim()

    clock.pass(HORIZON_SECONDS * 2)
    const seen = await store.overdue()
    await store.endLost(
      seen.map((each) => ({
        ...{ seen: each, loss: 'uncertain', canConfirm: true, delaySeconds: 5, settleSeconds: SETTLE_SECONDS },
        ...{ leaseSeconds: LEASE_SECONDS, mostLosses: 5 },
      })),
    )
    clock.pass(-HORIZON_SECONDS * 2)
    const early = await claim()
    clock.pass(SETTLE_SECONDS)
    const late = await claim()
    await store.close()

    expect([early.length, late.length]).to.deep.equal([0, 1])
  })
})
