/** Time limits for work that accepts an AbortSignal. */

/** A signal, and the means to abort it early. Disposing it ends the wait. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  abort(reason: unknown): void
}

/** Runs something after some seconds, unless what it returns is disposed before. */
export type After = (seconds: number, run: () => void) => Disposable

/** By the clock of the process. The timer keeps no process alive. */
export const afterSeconds: After = (seconds, run) => {
  const timer = setTimeout(run, seconds * 1000)
  timer.unref()
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

/**
 * A signal that aborts with `reason()` after some seconds, or as soon as `parent` does and with its reason. `after`: the clock
 * that says when the seconds are over.
 */
export function deadline(
  seconds: number,
  reason: () => Error,
  parent?: AbortSignal,
  after: After = afterSeconds,
): Deadline {
  const controller = new AbortController()
  const follow = () => controller.abort(parent?.reason)
  const timer = after(seconds, () => controller.abort(reason()))
  // Not AbortSignal.any: a long-lived parent would collect followers until the garbage collector runs.
  parent?.addEventListener('abort', follow, { once: true })
  if (parent?.aborted) follow()
  return {
    signal: controller.signal,
    abort: (why) => controller.abort(why),
    [Symbol.dispose]() {
      timer[Symbol.dispose]()
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
