/** The process of an adapter: signals stop it, an uncaught error exits with 1 and is logged by name only, and configuration errors are printed. */
import { AdapterError } from './errors.ts'
import { type Emit, errorName } from './events.ts'
import type { ReportFailure } from './telemetry/failures.ts'

export interface OwnedProcess {
  readonly emit: Emit
  /** The longest time that a stop may take; then the process exits with 1. */
  readonly stopSeconds: number
  readonly reportFailure: ReportFailure
  /** Resolves when the store cannot be used again in this process. */
  readonly lost?: Promise<Error> | undefined
}

/** SIGTERM and SIGINT stop the adapter and exit with 0. An uncaught error exits with 1 and is logged by name only. */
export function ownProcess(
  adapter: { stop(): Promise<void> },
  { emit, reportFailure, stopSeconds, lost }: OwnedProcess,
): void {
  const stop = () => {
    // A database that does not answer must not keep the process running.
    setTimeout(() => process.exit(1), stopSeconds * 1000).unref()
    void adapter.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // The message and the stack of a foreign error may quote an answer.
  const crash = (error: unknown) => {
    reportFailure('process', error)
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  void lost?.then((error) => {
    emit({ event: 'store.failed', during: 'run', code: errorName(error.cause ?? error) })
    crash(error)
  })
  silenceNode(emit)
}

/** Keeps Node from printing or writing what the process works on, and its secrets. */
function silenceNode(emit: Emit): void {
  // Node's own listener of this name prints the text of a warning; DEP0170, for example, quotes a URL.
  for (const printing of process.listeners('warning')) {
    if (printing.name === 'onWarning') process.off('warning', printing)
  }
  process.on('warning', (warning) => emit({ event: 'process.warned', code: errorName(warning) }))
  // A diagnostic report (NODE_OPTIONS can ask for one) lists the environment and with it every key. When Node runs out of
  // memory, it respects only --report-exclude-env and not this setting: then no report is written.
  if (!process.report.excludeEnv) process.report.reportOnFatalError = false
  process.report.excludeEnv = true
}

/**
 * If this error is not caught, the process prints its code and message, without a stack, and exits with 1: a stack would
 * hide which setting or form is wrong. Does nothing if the program has its own handler for uncaught errors.
 */
export function printConfigErrors(error: unknown): void {
  if (!(error instanceof AdapterError)) return
  plain.add(error)
  if (!process.listeners('uncaughtException').includes(printAndExit)) process.on('uncaughtException', printAndExit)
}

const plain = new WeakSet<Error>()

function printAndExit(error: Error): void {
  if (process.listenerCount('uncaughtException') > 1) return
  if (error instanceof AdapterError && plain.has(error)) process.stderr.write(`${error.code}: ${error.message}\n`)
  else console.error(error)
  process.exit(1)
}
