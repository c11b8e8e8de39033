/** Reports what the command is waiting for when it takes more than a second. */

/** Awaits `work`. Writes a line after one second, and then every five seconds. */
export async function withProgress<T>(what: string, write: (line: string) => void, work: Promise<T>): Promise<T> {
  let seconds = 0
  const timer = setInterval(() => {
    seconds++
    if (seconds === 1 || seconds % 5 === 0) write(`${what}, ${seconds} s ...`)
  }, 1000)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
