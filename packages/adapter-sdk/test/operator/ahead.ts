/** A process whose clock is 25 hours ahead: it sweeps a store once. */
import { sweep } from '../../src/operator/sweep.ts'
import { HORIZON_SECONDS, openStore } from '../../src/store/open.ts'

const realNow = Date.now
Date.now = () => realNow() + 25 * 3_600_000

const [DATA_DIR, DATABASE_URL] = process.argv.slice(2)
const store = await openStore({ DATA_DIR, DATABASE_URL }, { migrate: false, horizonSeconds: HORIZON_SECONDS })
await sweep({
  store,
  attachmentKeepDays: 7,
  keepDays: 28,
  emit: (event) => console.log(JSON.stringify(event)),
})
await store.close()
