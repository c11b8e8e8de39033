/** The process that an adapter owns: signals stop it, a defect ends it without a word of what it was working on. */
import type { RunningAdapter } from './adapter.ts'
import { type Emit, errorName } from './events.ts'

/** SIGTERM and SIGINT stop the adapter and exit 0; an error that nobody caught exits 1, told by its name only. */
export function ownProcess(adapter: Pick<RunningAdapter, 'stop'>, emit: Emit): void {
  const stop = () => {
    void adapter.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // The message and the stack of a foreign error may quote an answer.
  const crash = (error: unknown) => {
    emit({ event: 'internal.failed', during: 'process', code: errorName(error) })
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}
