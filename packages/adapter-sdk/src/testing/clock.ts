/** The store of an adapter under test: its clock is put forward by tests, and its files are in memory. */
import { BLOCK_BYTES, type FileStore, notFound } from '../files/file-store.ts'
import type { StorePlace } from '../store/open.ts'
import { openPostgres } from '../store/postgres/store.ts'
import { openMemory } from '../store/sqlite/store.ts'
import type { OpenOptions, Store } from '../store/store.ts'

/** A clock that a test can put forward. */
export class TestClock {
  #aheadMilliseconds = 0

  /** Like `Date.now()`. */
  now(): number {
    return Date.now() + this.#aheadMilliseconds
  }

  advance(seconds: number): void {
    this.#aheadMilliseconds += seconds * 1000
  }
}

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
