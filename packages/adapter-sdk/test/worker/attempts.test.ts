import { expect } from 'chai'
import type { Claim } from '../../src/store/claim.ts'
import type { Delivering, Turn } from '../../src/store/store.ts'
import { Attempts } from '../../src/worker/attempts.ts'
import { claimed, delivered, retry } from '../submissions.ts'

/** A store that remembers what it was asked. */
function store(over: Partial<Delivering> = {}, monotonic?: () => number) {
  const turns: Turn[] = []
  const delivering = {
    turn: async (turn: Turn) => {
      turns.push(turn)
      return []
    },
    acting: async (claims: readonly Claim[]) => claims.map(() => true),
    ...over,
  } as unknown as Delivering // the attempts ask for nothing else
  return { turns, attempts: new Attempts(delivering, 30, monotonic) }
}

const WANTED = [{ form: 'complaint', most: 3, suspects: 1 }]

describe('attempts', () => {
  it('are settled and claimed in one round trip', async () => {
    const { turns, attempts } = store()
    const [one, two] = [claimed(), claimed()]

    const settled = Promise.all([attempts.settle(one, delivered()), attempts.settle(two, retry())])
    await attempts.turn(WANTED)
    await settled

    expect(turns).to.deep.equal([
      {
        settle: [
          { claim: { id: one.id, attempt: 1 }, ending: delivered() },
          { claim: { id: two.id, attempt: 1 }, ending: retry() },
        ],
        claim: WANTED,
        leaseSeconds: 30,
      },
    ])
    expect(attempts.hasEndings).to.equal(false)
  })

  it('are settled by a later round trip when one fails, in their order', async () => {
    let isAvailable = false
    const recorded: string[] = []
    const { attempts } = store({
      turn: async ({ settle }) => {
        if (!isAvailable) throw new Error('unavailable')
        recorded.push(...settle.map(({ claim }) => claim.id))
        return []
      },
    })
    const [one, two] = [claimed(), claimed()]
    const first = attempts.settle(one, delivered())

    const failed = await attempts.turn([]).catch((error: Error) => error.message)
    const second = attempts.settle(two, delivered())
    isAvailable = true
    await attempts.turn([])
    await Promise.all([first, second])

    expect(failed).to.equal('unavailable')
    expect(recorded).to.deep.equal([one.id, two.id])
  })

  it('are settled at most 256 at a time', async () => {
    const { turns, attempts } = store()
    const all = Promise.all(Array.from({ length: 300 }, () => attempts.settle(claimed(), delivered())))

    await attempts.turn([])
    expect(attempts.hasEndings).to.equal(true)
    await attempts.turn([])
    await all

    expect(turns.map(({ settle }) => settle.length)).to.deep.equal([256, 44])
  })

  it('that want to act at the same moment each get their own answer', async () => {
    const [lost, ours] = [claimed(), claimed()]
    const { attempts } = store({ acting: async (claims) => claims.map(({ id }) => id === ours.id) })

    const [refused, allowed] = await Promise.allSettled([attempts.acting(lost), attempts.acting(ours)])

    expect(refused).to.have.nested.property('reason.code', 'ERR_ATTEMPT_LOST')
    expect(allowed.status).to.equal('fulfilled')
  })

  for (const [clock, sleep] of [
    ['monotonic', (milliseconds: number) => ({ monotonic: milliseconds, wall: 0 })],
    ['wall', (milliseconds: number) => ({ monotonic: 0, wall: milliseconds })],
  ] as const) {
    it(`may not act when the process has slept over the answer, by its ${clock} clock`, async () => {
      const realNow = Date.now
      let asleep = sleep(0)
      let seconds = 29
      const { attempts } = store(
        {
          async acting(claims) {
            asleep = sleep(seconds * 1000)
            return claims.map(() => true)
          },
        },
        () => asleep.monotonic,
      )
      Date.now = () => realNow() + asleep.wall
      try {
        await attempts.acting(claimed())
        asleep = sleep(0)
        seconds = 30
        const error = await attempts.acting(claimed()).catch((reason) => reason)

        expect(error).to.include({ code: 'ERR_ATTEMPT_LOST' })
      } finally {
        Date.now = realNow
      }
    })
  }

  it('may not act when that cannot be recorded', async () => {
    const { attempts } = store({ acting: () => Promise.reject(new Error('unavailable')) })

    const error = await attempts.acting(claimed()).catch((reason) => reason)

    expect(error).to.include({ code: 'ERR_STORE_UNAVAILABLE', retryable: true })
  })
})
