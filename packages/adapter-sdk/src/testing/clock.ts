/** The store of an adapter under test: its clock is put forward by tests, and its files are in memory. */
import { BLOCK_BYTES, type FileStore, notFound } from '../files/file-store.ts'
import type { StorePlace } from '../store/open.ts'
import { openPostgres } from '../store/postgres/store.ts'
import { openMemory } from '../store/sqlite/store.ts'
import type { OpenOptions, Store } from '../store/store.ts'

/** A clock that a test can put forward, and the timers that go by it. */
export class TestClock {
  #aheadMilliseconds = 0
  readonly #timers = new Set<Timer>()

  /** Like `Date.now()`. */
  now(): number {
    return Date.now() + this.#aheadMilliseconds
  }

  /** Runs something once, after some seconds of this clock: when they have passed, or are skipped. Keeps no process alive. */
  after(seconds: number, run: () => void): Disposable {
    const timer: Timer = { dueAt: this.now() + seconds * 1000, run, real: undefined }
    this.#timers.add(timer)
    this.#arm(timer)
    return { [Symbol.dispose]: () => this.#disarm(timer) }
  }

  /** Puts the clock forward. What falls due on the way runs at its time and in its order, and can react before the next does. */
  async advance(seconds: number): Promise<void> {
    const end = this.now() + seconds * 1000
    for (let next = this.#dueBy(end); next !== undefined; next = this.#dueBy(end)) {
      this.#setTo(next.dueAt)
      this.#fire(next)
      for (let turn = 0; turn < TURNS_TO_REACT; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#setTo(end)
    for (const timer of this.#timers) this.#arm(timer)
  }

  #dueBy(end: number): Timer | undefined {
    return [...this.#timers].filter(({ dueAt }) => dueAt <= end).toSorted((a, b) => a.dueAt - b.dueAt)[0]
  }

  #setTo(time: number): void {
    this.#aheadMilliseconds += Math.max(0, time - this.now())
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.real)
    timer.real = setTimeout(() => this.#fire(timer), timer.dueAt - this.now())
    timer.real.unref()
  }

  #disarm(timer: Timer): void {
    clearTimeout(timer.real)
    this.#timers.delete(timer)
  }

  #fire(timer: Timer): void {
    this.#disarm(timer)
    timer.run()
  }
}

interface Timer {
  readonly dueAt: number
  readonly run: () => void
  real: NodeJS.Timeout | undefined
}

/** Turns of the event loop: enough for a request to break off and for its handler to catch that. */
const TURNS_TO_REACT = 10

/** A store that lives by a clock of the test. */
export interface TestStore {
  /** Opens it: for `StartOptions.store`. */
  readonly open: (options: OpenOptions) => Promise<Store>
  /** Lets the worker look for what has become due. */
  wake(): void
}

/** A store in memory, or PostgreSQL where a URL is given. */
export function testStore({ DATABASE_URL: url }: Partial<StorePlace>, clock: TestClock): TestStore {
  const wakes = new Set<() => void>()
  return {
    async open(options) {
      const timed = { ...options, now: () => new Date(clock.now()) }
      const store =
        url === undefined
          ? await openMemory(memoryFiles(clock), timed)
          : await openPostgres({ url, connections: 10 }, timed)
      const onDue = store.onDue.bind(store)
      store.onDue = async (wake) => {
        wakes.add(wake)
        return await onDue(wake)
      }
      return store
    },
    wake() {
      for (const wake of wakes) wake()
    },
  }
}

/** Captured files in memory. */
export function memoryFiles(clock: Pick<TestClock, 'now'>): FileStore {
  const files = new Map<string, { readonly beganAt: number; readonly content: Buffer }>()
  return {
    async write(id, source) {
      const beganAt = clock.now()
      const chunks: Buffer[] = []
      for await (const chunk of source) chunks.push(Buffer.from(chunk))
      files.set(id, { beganAt, content: Buffer.concat(chunks) })
    },
    async *read(id) {
      const file = files.get(id)
      if (file === undefined) throw notFound()
      for (let at = 0; at < file.content.byteLength; at += BLOCK_BYTES) {
        yield file.content.subarray(at, at + BLOCK_BYTES)
      }
    },
    async remove(ids) {
      for (const id of ids) files.delete(id)
    },
    async *list(olderThanSeconds) {
      const before = clock.now() - olderThanSeconds * 1000
      for (const [id, { beganAt }] of files) if (beganAt <= before) yield id
    },
  }
}
