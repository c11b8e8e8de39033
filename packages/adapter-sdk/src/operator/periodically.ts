/** Work that is done again and again, for as long as the process runs. */

/** Runs work now and then again and again, one run at a time. `failed` is told of a run that threw. */
export function periodically(
  milliseconds: number,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): { stop(): Promise<void> } {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  async function turn(): Promise<void> {
    await work().catch(failed)
    if (!stopped) timer = setTimeout(again, milliseconds)
  }
  let running = turn()
  const again = () => {
    running = turn()
  }
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
