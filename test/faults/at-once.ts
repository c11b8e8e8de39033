/** Scenarios that take minutes because they wait: all that the loaded files have registered start when the first is awaited. */

const starts: (() => void)[] = []

/** Registers a scenario; the returned function starts all that were registered, and resolves with the outcome of this one. */
export function atOnce<T>(run: () => Promise<T>): () => Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  promise.catch(() => undefined)
  starts.push(() => void run().then(resolve, reject))
  return () => {
    for (const start of starts.splice(0)) start()
    return promise
  }
}
