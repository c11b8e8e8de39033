/**
 * What a lost process means, on real processes: no second case, none lost, no innocents taken along. A lease lasts 30 seconds
 * and is judged by watching it, so all scenarios run at once, and each waits in full.
 */
import { setTimeout as elapsed } from 'node:timers/promises'
import type { FailureOptions, Route } from '@formbuilder/optics-adapter/stand-in'
import { expect } from 'chai'
import { atOnce } from '../faults/at-once.ts'
import type { Environment } from '../faults/processes.ts'
import { letter } from '../faults/sender.ts'
import type { Row } from '../faults/store.ts'
import { makeWorld, type World } from '../faults/world.ts'

type Kind = 'sqlite' | 'postgres'

interface Scenario {
  readonly title: string
  readonly store: Kind
  readonly settings: Environment
  readonly replicas: number
  /** What the target does with the first request of a route. */
  readonly slow: FailureOptions & { readonly seconds: number }
  /** What happens once the slow request has reached the target. */
  trouble(world: World): Promise<void>
  /** Attempts that the history of the submission has in the end. */
  readonly attempts: number
  /** How it may end. */
  readonly states: readonly string[]
}

interface Outcome {
  readonly row: Row | undefined
  readonly cases: number
  /** Seconds from the slow request until each later request for a case, or about one. */
  readonly later: readonly { readonly route: Route; readonly seconds: number }[]
  readonly attempts: number
}

const killAll = async ({ replicas }: World) => {
  await Promise.all(replicas.map((replica) => replica.kill()))
  await Promise.all(replicas.map((replica) => replica.start()))
}

const STORES: readonly Kind[] = ['sqlite', 'postgres']
const FIND = { OPTICS_DUPLICATE_CHECK: 'external-id', OPTICS_TIMEOUT_SECONDS: '120', RETRY_DELAY_SECONDS: '1' }

const SCENARIOS: readonly Scenario[] = [
  ...STORES.map((store) => ({
    title: `a process killed during a createcase of 90 seconds, on ${store}`,
    store,
    settings: { ...FIND, OPTICS_SETTLE_SECONDS: '120' },
    replicas: 1,
    slow: { route: 'createcase' as const, seconds: 90 },
    trouble: killAll,
    attempts: 2,
    states: ['delivered'],
  })),
  ...STORES.map((store) => ({
    title: `a process killed during a createcase that cannot be looked up, on ${store}`,
    store,
    settings: { ...FIND, OPTICS_DUPLICATE_CHECK: 'none' },
    replicas: 2,
    slow: { route: 'createcase' as const, seconds: 8 },
    trouble: killAll,
    attempts: 1,
    states: ['dead'],
  })),
  ...(['external-id', 'none'] as const).map((check) => ({
    title: `a PostgreSQL that stops for longer than a lease during a createcase, duplicate check ${check}`,
    store: 'postgres' as const,
    settings: { ...FIND, OPTICS_DUPLICATE_CHECK: check, OPTICS_SETTLE_SECONDS: '1' },
    replicas: 1,
    slow: { route: 'createcase' as const, seconds: 75 },
    async trouble({ store }: World) {
      await store.server?.halt()
      await elapsed(45_000)
      await store.server?.resume()
    },
    attempts: 1,
    states: ['delivered'],
  })),
  ...STORES.map((store) => ({
    title: `a process that stops during a createcase while another goes on, on ${store}`,
    store,
    settings: { ...FIND, OPTICS_SETTLE_SECONDS: '60' },
    replicas: 2,
    slow: { route: 'createcase' as const, seconds: 45 },
    trouble: stopTheOneThatWaits,
    attempts: 2,
    states: ['delivered'],
  })),
  ...STORES.map((store) => ({
    title: `a process that stops before it acts while another goes on, on ${store}`,
    store,
    settings: { ...FIND, OPTICS_DUPLICATE_CHECK: 'none' },
    replicas: 2,
    // It has no token yet, so it has not acted.
    slow: { route: 'token' as const, seconds: 3 },
    trouble: stopTheOneThatWaits,
    attempts: 2,
    states: ['delivered'],
  })),
]

/** Stops each replica in turn until the other has ended and repeated the attempt of the one that is stopped. */
async function stopTheOneThatWaits({ replicas, over, store }: World): Promise<void> {
  const waiting = replicas.find(({ output }) => /"event":"attempt.started"/.test(output))
  const stopped = waiting?.stall(80_000)
  await stopped
  while ((await store.unsettled()) !== 0) await elapsed(1000, undefined, { signal: over })
}

describe('a lost process', function () {
  this.timeout(300_000)
  for (const scenario of SCENARIOS) {
    const outcome = atOnce(() => run(scenario))
    it(`makes one case: ${scenario.title}`, async () => {
      const { row, cases, later, attempts } = await outcome()

      expect(cases).to.equal(1)
      expect(row?.state).to.be.oneOf([...scenario.states])
      expect(row?.uncertain).to.equal(row?.state === 'dead')
      expect(attempts).to.equal(scenario.attempts)
      // Optics is not asked about a case that it may still be making.
      const settle = Number(scenario.settings['OPTICS_SETTLE_SECONDS'])
      if (attempts > 1 && scenario.slow.route === 'createcase') {
        expect(later.map(({ route }) => route)).to.deep.equal(['getcaseattribute'])
        // The lease was renewed for the last time up to a second before the process was killed.
        expect(later[0]?.seconds).to.be.greaterThan(settle - 15)
      }
    })
  }
})

async function run(scenario: Scenario): Promise<Outcome> {
  const world = await makeWorld(
    scenario.store,
    { RETRY_DELAY_MAX_SECONDS: '2', ...scenario.settings },
    scenario.replicas,
  )
  try {
    const sent = letter()
    await world.optics.fail('slow', scenario.slow)
    await world.sender.sendUntilAcknowledged(sent)
    const began = await reached(world, scenario.slow.route ?? 'createcase')
    const seen = world.optics.requests.length
    const times = watchRequests(world, began)
    await scenario.trouble(world)
    while ((await world.store.unsettled()) !== 0) await elapsed(1000, undefined, { signal: world.over })
    // What is still on its way when all is settled would make a case that nobody sees.
    await elapsed(Math.max(0, began + (scenario.slow.seconds + 2) * 1000 - Date.now()))
    const attempts = new Set(
      world.replicas.flatMap(({ output }) =>
        [...output.matchAll(/"event":"attempt\.started".*?"attempt":(\d+)/g)].map(([, number]) => number),
      ),
    )
    await Promise.all(world.replicas.map((replica) => replica.stop()))
    const rows = await world.store.rows()
    return {
      row: rows.find(({ submission_id }) => submission_id === sent.submissionId),
      cases: world.optics.cases().length,
      later: world.optics.requests
        .slice(seen)
        .map(({ route }, index) => ({ route, seconds: times()[seen + index] ?? Number.NaN }))
        .filter(({ route }) => route !== 'token'),
      attempts: attempts.size,
    }
  } finally {
    await world.close()
  }
}

/** Resolves with the time when a request of the route has come to the target. */
async function reached({ optics, over }: World, route: Route): Promise<number> {
  while (!optics.requests.some((each) => each.route === route)) await elapsed(20, undefined, { signal: over })
  return Date.now()
}

/** Notes, in seconds from the start, when each request came. */
function watchRequests({ optics, over }: World, began: number): () => readonly number[] {
  const times: number[] = []
  const note = () => {
    while (times.length < optics.requests.length) times.push((Date.now() - began) / 1000)
  }
  const timer = setInterval(note, 100)
  over.addEventListener('abort', () => clearInterval(timer))
  return () => {
    // The last one may have come since the timer ran.
    note()
    return times
  }
}
