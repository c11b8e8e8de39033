import { expect } from 'chai'
import fc from 'fast-check'
import pg from 'pg'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { OpenOptions, Store } from '../../src/store/store.ts'
import { sharedPostgres } from '../stores.ts'
import { commands, HORIZON_SECONDS, type Model, verify, World } from './model.ts'

const RUNS = 40

describe('any order of what may happen to a store', () => {
  const stores: Store[] = []
  let current = new World()
  let database: pg.Pool

  before(async () => {
    const url = await (await sharedPostgres()).database()
    const options: OpenOptions = { migrate: true, horizonSeconds: HORIZON_SECONDS, now: () => current.now() }
    for (let i = 0; i < 3; i++) stores.push(await openPostgres({ url, connections: 2 }, options))
    database = new pg.Pool({ connectionString: url, max: 1 })
  })
  after(async () => {
    for (const store of stores) await store.close()
    await database.end()
  })

  const begin = async (world: World) => {
    current = world
    await database.query(
      `TRUNCATE ${['submission', 'letter', 'history', 'attachment', 'hourly', 'failed_delivery'].map((table) => `formbuilder.${table}`).join(', ')}`,
    )
  }
  const holds = (each: ReturnType<typeof commands>, fault?: (store: Store) => Partial<Store>) =>
    property(() => stores, begin, each, fault)

  it('loses nothing, doubles nothing and counts right', async () => {
    await fc.assert(holds(commands()), { numRuns: RUNS })
  })

  // The faults that a store can have, put back: the model must find each.
  const FAULTS: readonly (readonly [string, (store: Store) => Partial<Store>, boolean])[] = [
    [
      'asks for an outcome at once, before it can be known',
      (store) => ({
        endLost: (lost) => store.endLost(lost.map((each) => ({ ...each, delaySeconds: 0, settleSeconds: 0 }))),
      }),
      true,
    ],
    [
      'ends an attempt whose lease was renewed',
      (store) => ({
        async endLost(lost) {
          const running = await store.list({ state: 'running' }, { limit: 1000, offset: 0 })
          const now = new Map(
            running.map(({ id, dueAt, attempts }) => [id, { dueAt: new Date(dueAt ?? 0), attempt: attempts }]),
          )
          return await store.endLost(
            lost.map((each) => ({ ...each, seen: { ...each.seen, ...now.get(each.seen.id) } })),
          )
        },
      }),
      true,
    ],
    ['removes a file that is being accepted', () => ({}), false],
    [
      'forgets that an outcome is uncertain',
      (store) => ({ endLost: (lost) => store.endLost(lost.map((each) => ({ ...each, loss: 'repeatable' }))) }),
      true,
    ],
  ]
  for (const [title, fault, giveUpFirst] of FAULTS) {
    it(`finds a store that ${title}`, async () => {
      const { failed } = await fc.check(holds(commands(giveUpFirst), fault), { numRuns: 200, endOnFailure: true })

      expect(failed).to.equal(true)
    })
  }
})

function property(
  stores: () => readonly Store[],
  begin: (world: World) => Promise<void>,
  each: ReturnType<typeof commands>,
  fault: (store: Store) => Partial<Store> = () => ({}),
) {
  return fc.asyncProperty(each, async (run) => {
    const world = new World()
    const model: Model = { submissions: new Map() }
    await begin(world)
    for (const store of stores()) world.join(faulty(store, fault(store)))
    await fc.asyncModelRun(() => ({ model, real: world }), run)
    await verify(model, world)
  })
}

function faulty(store: Store, fault: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const found = name in fault ? Reflect.get(fault, name) : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(name in fault ? fault : target) : found
    },
  })
}
