/** How fast a backlog is handed over to a target that takes its time. Ideal: concurrency divided by latency. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as elapsed } from 'node:timers/promises'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const WAITING = 2_000
const CONCURRENCY = 16

/** To a target that answers in 50 ms, as case systems do. */
export async function drain(lab: Lab): Promise<Measure[]> {
  return await drainTo(lab, 50, 0.85)
}

/** To one that answers in 5 ms: then the adapter is what takes its time. */
export async function drainFast(lab: Lab): Promise<Measure[]> {
  return await drainTo(lab, 5, 0.4)
}

async function drainTo(lab: Lab, milliseconds: number, ratio: number): Promise<Measure[]> {
  await using target = await SlowTarget.start()
  const settings = {
    CONCURRENCY: String(CONCURRENCY),
    BENCH_TARGET: target.url,
    SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
  }
  const stores = { embedded: {}, PostgreSQL: { DATABASE_URL: await lab.database('drain') } }
  const ideal = `ideal for ${milliseconds} ms`
  const perSecond = (CONCURRENCY * 1000) / milliseconds
  const measures: Measure[] = [
    { subject: ideal, unit: 'a second', rounds: Array.from({ length: ROUNDS }, () => perSecond) },
  ]
  for (const [kind, where] of Object.entries(stores)) {
    const subject = await lab.start('adapter.ts', { ...settings, ...where })
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      // The target holds the first back until all others wait as well.
      target.hold()
      const bodies = await lab.requests('backlog', WAITING)
      await lab.load(subject, { bodies, count: WAITING })
      rounds.push(await target.answer(WAITING, milliseconds))
    }
    const title = `${kind}, target of ${milliseconds} ms`
    measures.push({ subject: title, unit: 'a second', rounds, against: ideal, mark: { ratio } })
    await subject.stop()
  }
  return measures
}

/** A case system that answers after a time, and holds everybody back until it is told to begin. */
class SlowTarget implements AsyncDisposable {
  readonly url: string
  readonly #server
  #begun = Promise.withResolvers<void>()
  #milliseconds = 0
  #answered = 0

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`
    server.on('request', (request, response) => {
      request.resume()
      void this.#begun.promise
        .then(() => elapsed(this.#milliseconds))
        .then(() => {
          this.#answered += 1
          response.end()
        })
    })
  }

  static async start(): Promise<SlowTarget> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SlowTarget(server)
  }

  hold(): void {
    this.#begun = Promise.withResolvers<void>()
  }

  /** Answers so many, each after so many milliseconds; returns how many there were in a second. */
  async answer(count: number, milliseconds: number): Promise<number> {
    this.#answered = 0
    this.#milliseconds = milliseconds
    const began = performance.now()
    this.#begun.resolve()
    while (this.#answered < count) await elapsed(1)
    return count / ((performance.now() - began) / 1000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
