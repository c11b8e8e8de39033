/** Starts adapters of the test kit one after another, in a process of its own. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'

/** Milliseconds until an adapter takes submissions. */
export interface TestKitReport {
  readonly first: number
  readonly further: readonly number[]
}

const FURTHER = 5

const times: number[] = []
for (let n = 0; n <= FURTHER; n++) {
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  const began = performance.now()
  const test = await startTestAdapter(adapter)
  times.push(performance.now() - began)
  await test.stop()
}
const [first = Number.NaN, ...further] = times
process.send?.({ first, further } satisfies TestKitReport)
