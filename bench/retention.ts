/**
 * node bench/retention.ts [minutes] [SQLite|PostgreSQL]: whether forgetting keeps up with what comes in. An adapter takes as many
 * submissions as it can and delivers them at once; each is erased a minute after its end and forgotten a minute later, so
 * that minutes show what takes weeks otherwise. If it keeps up, the number of kept rows stays where it is from then on.
 */
import { Lab } from './lab.ts'

const MINUTES = Number(process.argv[2] ?? 10)
const STORE = process.argv[3] === 'PostgreSQL' ? 'PostgreSQL' : 'SQLite'

await using lab = await Lab.open()
const where = STORE === 'PostgreSQL' ? { DATABASE_URL: await lab.database('retention') } : {}
const settings = { ...where, CONCURRENCY: '64', SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000' }
const adapter = await lab.start('sweeping.ts', settings)
console.log(`${STORE}, ${MINUTES} minutes`)
const began = performance.now()
let accepted = 0
while (performance.now() - began < MINUTES * 60_000) {
  const bodies = await lab.requests('retention', 20_000)
  accepted += (await lab.load(adapter, { bodies, seconds: 2, connections: 32 })).answers
}
console.log(`${accepted} accepted, ${Math.round(accepted / ((performance.now() - began) / 1000))} a second all in all`)
