/** Lets a command end by itself when it is interrupted. */

/** Runs work with a signal that aborts at Ctrl-C, at SIGTERM, and when the terminal is closed. */
export async function interruptible<T>(work: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  for (const name of SIGNALS) process.once(name, interrupt)
  try {
    return await work(stop.signal)
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
