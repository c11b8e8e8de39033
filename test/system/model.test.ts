import { expect } from 'chai'
import fc from 'fast-check'
import type { Store } from '../../packages/adapter-sdk/src/store/store.ts'
import { onEachEngine } from '../../packages/adapter-sdk/test/store/engines.ts'
import { commands, type Model, verify, World } from '../../packages/adapter-sdk/test/store/model.ts'

const RUNS = 40

onEachEngine('any order of what may happen to a store', (engine) => {
  const stores: Store[] = []
  before(async () => {
    stores.push(engine().store, await engine().another(), await engine().another())
  })

  const begin = async () => {
    await engine().empty()
    return new World(engine().clock)
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
  begin: () => Promise<World>,
  each: ReturnType<typeof commands>,
  fault: (store: Store) => Partial<Store> = () => ({}),
) {
  return fc.asyncProperty(each, async (run) => {
    const world = await begin()
    const model: Model = { submissions: new Map() }
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
