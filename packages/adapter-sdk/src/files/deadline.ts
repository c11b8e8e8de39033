/** Time limits for work that accepts an AbortSignal. */

/** A signal, and the means to abort it early. Disposing it ends the wait. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  abort(reason: unknown): void
}

/**
 * A signal that aborts with `reason()` after some seconds, or as soon as `parent` does and with its reason. Its timer keeps
 * no process alive.
 */
export function deadline(seconds: number, reason: () => Error, parent?: AbortSignal): Deadline {
  const controller = new AbortController()
  const follow = () => controller.abort(parent?.reason)
  const timer = setTimeout(() => controller.abort(reason()), seconds * 1000)
  timer.unref()
  // Not AbortSignal.any: a long-lived parent would collect followers until the garbage collector runs.
  parent?.addEventListener('abort', follow, { once: true })
  if (parent?.aborted) follow()
  return {
    signal: controller.signal,
    abort: (why) => controller.abort(why),
    [Symbol.dispose]() {
      clearTimeout(timer)
      parent?.removeEventListener('abort', follow)
    },
  }
}

/** Waits for a promise no longer than a signal allows. @throws the reason of the signal. */
export async function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
