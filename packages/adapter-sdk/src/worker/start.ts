/** Makes the worker of an adapter from its settings and forms. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Emit } from '../events.ts'
import type { After } from '../files/deadline.ts'
import type { Form } from '../form.ts'
import type { Store } from '../store/store.ts'
import type { TargetCalls } from '../telemetry/target-calls.ts'
import { printWholeError } from '../telemetry/whole-error.ts'
import { attemptRunner } from './attempt.ts'
import { Attempts } from './attempts.ts'
import { contextMaker } from './context.ts'
import { Worker } from './worker.ts'

/** What a worker is made of. */
export interface WorkerParts {
  readonly config: Config
  readonly forms: ReadonlyMap<string, Form>
  readonly store: Store
  readonly log: Logger
  readonly calls: TargetCalls
  readonly emit: Emit
  /** Default: 30. */
  readonly leaseSeconds?: number | undefined
  /** The clock of attempts. Default: the process's. */
  readonly after?: After | undefined
}

/** A worker that has not been started. */
export function createWorker({ config, forms, store, log, calls, emit, leaseSeconds, after }: WorkerParts): Worker {
  const attempts = new Attempts(store, leaseSeconds)
  const retry = {
    delaySeconds: config.RETRY_DELAY_SECONDS,
    delayMaxSeconds: config.RETRY_DELAY_MAX_SECONDS,
    limit: config.RETRY_LIMIT,
  }
  const context = contextMaker({ host: config.HOST, attempts, files: store.files, log })
  const show = config.SHOW_ERRORS ? printWholeError : undefined
  const runAttempt = attemptRunner({ forms, keyrings: config.keyrings, retry, context, calls, emit, show, after })
  return new Worker({ store, attempts, forms, concurrency: config.CONCURRENCY, retry, emit, runAttempt })
}
