/** Many callers share one transaction: items that arrive while a batch is written go into the next one. */

/**
 * Returns a function that puts an item into the next batch and resolves with its result when that batch is committed.
 * One batch is written at a time. There is no timer, so a single caller never waits for others. If a batch fails, all of
 * its items fail. `mostItems`: the size of a batch. The order is kept.
 */
export function groupCommit<Item, Result>(
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
  mostItems: number,
): { readonly waiting: number; add(item: Item): Promise<Result>; batch(): Promise<void>; idle(): Promise<void> } {
  interface Waiting {
    readonly item: Item
    readonly resolve: (result: Result) => void
    readonly reject: (error: unknown) => void
  }
  let queue: Waiting[] = []
  let writing: Promise<void> | undefined
  let batchEnded: Promise<unknown> = Promise.resolve()

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      // Whatever arrives in the same turn of the event loop joins the batch: one commit of many costs little more than one of few.
      await new Promise((resolve) => setImmediate(resolve))
      const batch = queue.slice(0, mostItems)
      queue = queue.slice(mostItems)
      try {
        const written = write(batch.map(({ item }) => item))
        batchEnded = written.catch(() => undefined)
        const results = await written
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result) // one result an item
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    writing = undefined
  }

  return {
    get waiting() {
      return queue.length
    },
    add(item) {
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject })
        writing ??= drain()
      })
    },
    async batch() {
      await batchEnded
    },
    async idle() {
      while (writing !== undefined) await writing
    },
  }
}
