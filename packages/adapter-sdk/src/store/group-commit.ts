/** Many callers share one transaction: items that arrive while batches are written go into the next one. */

/**
 * Returns a function that puts an item into the next batch and resolves with its result when that batch is committed. There
 * is no timer, so a single caller never waits for others. If a batch fails, all of its items fail. The order is kept.
 * `mostItems`: the size of a batch. `mostBatches`: how many are written at a time.
 */
export function groupCommit<Item, Result>(
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
  mostItems: number,
  mostBatches = 1,
): { readonly waiting: number; add(item: Item): Promise<Result> } {
  interface Waiting {
    readonly item: Item
    readonly resolve: (result: Result) => void
    readonly reject: (error: unknown) => void
  }
  let queue: Waiting[] = []
  let scheduled = false
  let writing = 0

  function begin(): void {
    while (queue.length > 0 && writing < mostBatches) {
      const batch = queue.slice(0, mostItems)
      queue = queue.slice(mostItems)
      writing += 1
      void writeBatch(batch)
    }
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await write(batch.map(({ item }) => item)).finally(ended)
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result) // one result an item
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  // The store gets the next batch before anybody is answered.
  function ended(): void {
    writing -= 1
    begin()
  }

  return {
    get waiting() {
      return queue.length
    },
    add(item) {
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject })
        if (scheduled || writing >= mostBatches) return
        scheduled = true
        // Whatever arrives in the same turn of the event loop joins the batch: one commit of many costs little more than one of few.
        setImmediate(() => {
          scheduled = false
          begin()
        })
      })
    },
  }
}
