/** The process that an adapter owns: signals stop it, a defect ends it without a word of what it was working on, and what is set up wrongly is said plainly. */
import { AdapterError } from './errors.ts'
import { type Emit, errorName } from './events.ts'

export interface OwnedProcess {
  readonly emit: Emit
  /** How long stopping may take, all in all; then the process ends with 1. */
  readonly stopSeconds: number
  /** Resolves when the store is lost for this process: only a new one can go on. */
  readonly lost?: Promise<Error> | undefined
}

/** SIGTERM and SIGINT stop the adapter and exit 0; an error that nobody caught exits 1, told by its name only. */
export function ownProcess(adapter: { stop(): Promise<void> }, { emit, stopSeconds, lost }: OwnedProcess): void {
  const stop = () => {
    // A database that does not answer must not keep the process from ending.
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
    emit({ event: 'internal.failed', during: 'process', code: errorName(error) })
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

/** What Node itself would print may quote what the process works on; what it would write down holds every secret. */
function silenceNode(emit: Emit): void {
  // Node prints the text of a warning by a listener of this name; DEP0170, for one, quotes a URL.
  for (const printing of process.listeners('warning')) {
    if (printing.name === 'onWarning') process.off('warning', printing)
  }
  process.on('warning', (warning) => emit({ event: 'process.warned', code: errorName(warning) }))
  // A diagnostic report, as NODE_OPTIONS may ask for, lists the environment and with it every key. Without memory Node
  // heeds --report-exclude-env only, not what is set here: then there is no report.
  if (!process.report.excludeEnv) process.report.reportOnFatalError = false
  process.report.excludeEnv = true
}

/**
 * Should nobody catch this error of ours, the process ends with its code and message on standard error and status 1:
 * a stack would only hide which setting or form is to be put right. Says nothing where others look after errors.
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
