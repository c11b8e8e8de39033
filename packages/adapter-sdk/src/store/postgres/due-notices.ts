/** Says that something may be due: to the worker of this process at once, to those of others by NOTIFY. */
import { randomUUID } from 'node:crypto'
import type { Listening } from '../store.ts'
import { DUE_CHANNEL } from './accept.ts'
import type { Pool, Statement } from './pool.ts'

/**
 * A NOTIFY in each commit would have all commits of the server wait for each other, and every worker look for work that the
 * others have taken. So it has a transaction of its own, now and then. One that gets lost is made good by the poll.
 */
export class DueNotices {
  readonly #pool: Pick<Pool, 'query' | 'listen'>
  readonly #own = randomUUID()
  readonly #wakes = new Set<() => void>()
  #notifiedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(pool: Pick<Pool, 'query' | 'listen'>) {
    this.#pool = pool
  }

  /** Something was stored that is due. Other processes hear of it within `PAUSE_MILLISECONDS`. */
  tell(): void {
    for (const wake of this.#wakes) wake()
    const early = this.#notifiedAt + PAUSE_MILLISECONDS - performance.now()
    this.#timer ??= setTimeout(() => void this.#notify(), Math.max(0, early))
  }

  /** Calls back, until closed, when something may be due. */
  async listen(wake: () => void): Promise<Listening> {
    this.#wakes.add(wake)
    const others = await this.#pool.listen(DUE_CHANNEL, (from) => {
      if (from !== this.#own) wake()
    })
    return {
      close: async () => {
        this.#wakes.delete(wake)
        await others.close()
      },
    }
  }

  /** Sends what was not said yet. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.#notify()
  }

  async #notify(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#notifiedAt = performance.now()
    await this.#pool.query(NOTIFY, [this.#own]).catch(() => undefined)
  }
}

const PAUSE_MILLISECONDS = 50

/** `(from)`. */
const NOTIFY: Statement = { name: 'notify', text: `SELECT pg_notify('${DUE_CHANNEL}', $1)` }
