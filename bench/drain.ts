/** How fast a backlog is handed over to a target that takes its time. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as elapsed } from 'node:timers/promises'
import type { Lab, Subject } from './lab.ts'
import { serverNames } from './postgres.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const WAITING = 2_000
const CONCURRENCY = 16
const FLOOR = 'floor: a loop of fetch, no store'

/** To a target that answers in 50 ms, as case systems do. Ideal: concurrency divided by latency. */
export async function drain(lab: Lab): Promise<Measure[]> {
  const ideal = 'ideal: 16 at a time, 50 ms each'
  const rounds = await drainTo(lab, 50)
  const perSecond = (CONCURRENCY * 1000) / 50
  return [
    { subject: ideal, unit: 'a second', rounds: Array.from({ length: ROUNDS }, () => perSecond) },
    ...Object.entries(rounds).map(([subject, each]) => ({
      subject,
      unit: 'a second',
      rounds: each,
      against: ideal,
      ...(subject !== FLOOR && { mark: { ratio: 0.88 } }),
    })),
  ]
}

/** To one that answers in 5 ms: then the calls themselves are what takes the time, and the ideal is out of reach. */
export async function drainFast(lab: Lab): Promise<Measure[]> {
  return Object.entries(await drainTo(lab, 5)).map(([subject, rounds]) => ({
    subject,
    unit: 'a second',
    rounds,
    ...(subject !== FLOOR && { against: FLOOR, mark: { ratio: subject === 'SQLite' ? 0.75 : 0.52 } }),
  }))
}

/** How many were handed over in a second, a figure for each round. */
async function drainTo(lab: Lab, milliseconds: number): Promise<Record<string, number[]>> {
  await using target = await SlowTarget.start()
  const settings = drainSettings(target)
  const floor = await lab.start('floors/fetches.ts', {
    BENCH_TARGET: target.url,
    BENCH_CONCURRENCY: String(CONCURRENCY),
  })
  const subjects = { SQLite: await lab.start('adapter.ts', settings) }
  for (const server of serverNames()) {
    const where = { DATABASE_URL: await lab.database('drain', server) }
    Object.assign(subjects, { [server]: await lab.start('adapter.ts', { ...settings, ...where }) })
  }
  const rounds: Record<string, number[]> = {}
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const add = (name: string, rate: number) => {
      if (round > 0) rounds[name] = [...(rounds[name] ?? []), rate]
    }
    target.hold()
    floor.send(WAITING)
    add(FLOOR, await target.answer(WAITING, milliseconds))
    for (const [name, subject] of Object.entries(subjects)) {
      add(name, await drained(lab, subject, target, milliseconds))
    }
  }
  for (const subject of [floor, ...Object.values(subjects)]) await subject.stop()
  return rounds
}

/** Settings of an adapter that hands over to the target. */
export function drainSettings(target: SlowTarget): Record<string, string> {
  return {
    CONCURRENCY: String(CONCURRENCY),
    BENCH_TARGET: target.url,
    SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
  }
}

/** Builds a backlog, and has it handed over: how many in a second. */
export async function drained(lab: Lab, subject: Subject, target: SlowTarget, milliseconds: number): Promise<number> {
  // The target holds the first back until all others wait as well.
  target.hold()
  const bodies = await lab.requests('backlog', WAITING)
  await lab.load(subject, { bodies, count: WAITING })
  return await target.answer(WAITING, milliseconds)
}

/** A case system that answers after a time, and holds everybody back until it is told to begin. */
export class SlowTarget implements AsyncDisposable {
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
