import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Database } from '../src/database.ts'
import type { Work } from '../src/work.ts'
import { Worker } from '../src/worker.ts'
import { claimed, delivered } from './submissions.ts'

describe('a worker', () => {
  it('goes no further than twice its concurrency while no ending can be recorded, and on when one can', async () => {
    const recorded = Promise.withResolvers<void>()
    let handled = 0
    const work = {
      claim: async (_form: string, most: number) => Array.from({ length: most }, () => claimed()),
      settle: () => recorded.promise,
      settled: async () => undefined,
    } as unknown as Work
    const database = { kind: 'postgres', listen: async () => ({ close: async () => undefined }) } as unknown as Database
    const worker = new Worker({
      database,
      work,
      forms: new Map([['complaint', 'repeatable']]),
      concurrency: 4,
      emit: () => undefined,
      deliver: async () => {
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
})
