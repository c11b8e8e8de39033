/** Lets a command end by itself when it is interrupted. */

/** A signal that aborts at Ctrl-C, at SIGTERM, and when the terminal is closed. Dispose of it when the work is done. */
export function interrupts(): Disposable & { readonly signal: AbortSignal } {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  for (const name of SIGNALS) process.once(name, interrupt)
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, interrupt)
    },
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
