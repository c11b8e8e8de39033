import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Loss } from '../../src/store/claim.ts'
import type { Database } from '../../src/store/database.ts'
import type { Attempts } from '../../src/worker/attempts.ts'
import { Worker } from '../../src/worker/worker.ts'
import { claimed, delivered } from '../submissions.ts'

describe('a worker', () => {
  it('runs at most twice its concurrency while no ending can be recorded, and more when one can', async () => {
    const recorded = Promise.withResolvers<void>()
    let handled = 0
    const attempts = {
      claim: async (_form: string, most: number) => Array.from({ length: most }, () => claimed()),
      settle: () => recorded.promise,
      settled: async () => undefined,
    } as unknown as Attempts
    const database = { kind: 'postgres', listen: async () => ({ close: async () => undefined }) } as unknown as Database
    const worker = new Worker({
      database,
      attempts,
      losses: new Map([['complaint', 'repeatable']]),
      concurrency: 4,
      emit: () => undefined,
      runAttempt: async () => {
        handled += 1
        return delivered()
      },
    })
    const turns = async () => {
      for (let count = 0; count < 200; count++) await turn()
    }

    await worker.start()
    await turns()
    const before = handled
    recorded.resolve()
    await turns()
    const after = handled
    await worker.stop(1)

    expect(before).to.equal(8)
    expect(after).to.be.greaterThan(8)
  })

  for (const [losses, mostAhead] of [
    [['repeatable'], 4],
    [['uncertain-if-acting', 'repeatable'], 4],
    [['uncertain'], 0],
    [['repeatable', 'uncertain'], 0],
  ] as const) {
    it(`claims ${mostAhead || 'none'} ahead of four quick handlers when a lost attempt is ${losses.join(' or ')}`, async () => {
      const lab = await full(losses)
      const [claimed, started] = [lab.claimed, lab.started]
      lab.letGo()
      await lab.worker.stop(1)

      expect(lab.mostAtOnce).to.equal(4)
      expect(claimed - started).to.equal(mostAhead)
    })
  }

  it('gives back what has not started when it stops, and finishes what has', async () => {
    const lab = await full(['repeatable'])
    const [claimed, started] = [lab.claimed, lab.started]
    const before = lab.ended.length

    const stopped = lab.worker.stop(60)
    await lab.turns()
    const returned = lab.ended.slice(before).map(({ outcome, code, delaySeconds }) => [outcome, code, delaySeconds])
    lab.letGo()
    await stopped

    expect(returned).to.deep.equal(Array.from({ length: claimed - started }, () => ['retry', 'ERR_ATTEMPT_LOST', 0]))
    expect(returned).to.have.length(4)
    expect(lab.started).to.equal(started)
    expect(lab.ended.slice(before + 4).map(({ outcome }) => outcome)).to.deep.equal(Array(4).fill('delivered'))
  })
})

/** A started worker that has found its handlers to be quicker than a claim; from now on they are held. */
async function full(losses: readonly Loss[]) {
  const lab = laboratory(losses)
  await lab.worker.start()
  await lab.turns()
  lab.hold()
  await lab.turns()
  return lab
}

/** A worker with four handlers and an endless queue. A claim takes a few turns of the event loop. */
function laboratory(losses: readonly Loss[]) {
  let held: PromiseWithResolvers<void> | undefined
  let atOnce = 0
  const turns = async (count = 200) => {
    for (let turned = 0; turned < count; turned++) await turn()
  }
  const lab = {
    claimed: 0,
    started: 0,
    mostAtOnce: 0,
    ended: [] as { outcome: string; code?: string; delaySeconds?: number }[],
    turns,
    hold: () => {
      held = Promise.withResolvers<void>()
    },
    letGo: () => held?.resolve(),
    worker: undefined as unknown as Worker,
  }
  const attempts = {
    async claim(_form: string, most: number) {
      await turns(20)
      lab.claimed += most
      return Array.from({ length: most }, () => claimed())
    },
    settle: async (_claim: unknown, ending: (typeof lab.ended)[number]) => {
      lab.ended.push(ending)
    },
    settled: async () => undefined,
  } as unknown as Attempts
  const database = { kind: 'postgres', listen: async () => ({ close: async () => undefined }) } as unknown as Database
  lab.worker = new Worker({
    database,
    attempts,
    losses: new Map(losses.map((loss, index) => [`form-${index}`, loss])),
    concurrency: 4,
    emit: () => undefined,
    runAttempt: async () => {
      lab.started += 1
      atOnce += 1
      lab.mostAtOnce = Math.max(lab.mostAtOnce, atOnce)
      await held?.promise
      atOnce -= 1
      return delivered()
    },
  })
  return lab
}
