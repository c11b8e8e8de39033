/** An adapter that delivers at once, erases a minute later, forgets after another one, and says every half minute what it keeps. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { sweep } from '../packages/adapter-sdk/src/operator/sweep.ts'

const MINUTE_IN_DAYS = 1 / 1440
const REPORT_MILLISECONDS = 30_000

let forgotten = 0
const handle = async () => undefined
const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', repeatable: true, handle } } })
const { store } = await adapter.start()
const began = performance.now()

void (async () => {
  for (;;) {
    await sweep({
      store,
      attachmentKeepDays: MINUTE_IN_DAYS,
      keepDays: 2 * MINUTE_IN_DAYS,
      emit(event) {
        if (event.event === 'store.swept') forgotten += event.submissions
      },
    })
  }
})()

setInterval(() => {
  void Promise.all([store.count({}), store.counts()]).then(([kept, { waiting, delivered }]) => {
    const memory = Math.round(process.memoryUsage.rss() / 2 ** 20)
    const seconds = Math.round((performance.now() - began) / 1000)
    console.error(
      `${seconds} s: ${delivered} delivered, ${waiting} waiting, ${kept} kept, ${forgotten} forgotten, ${memory} MiB`,
    )
  })
}, REPORT_MILLISECONDS)
process.send?.('ready')
