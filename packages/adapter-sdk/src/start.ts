/** Starts the parts of an adapter in order, and stops them in the opposite order. */
import { type RunningServer, startServer } from '@formbuilder/secure-server'
import type Koa from 'koa'
import type { Config, Environment } from './config.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { type AdapterEvent, type Emit, errorName } from './events.ts'
import { createCapture } from './files/capture.ts'
import { attachmentHosts, entriesOf } from './files/hosts.ts'
import type { Form } from './form.ts'
import { listening } from './listen.ts'
import { keyFigures, missingKeys } from './operator/key-watch.ts'
import { Ledger } from './operator/ledger.ts'
import { startSweeping, sweep } from './operator/sweep.ts'
import { ownProcess } from './process.ts'
import { Arrivals } from './receiver/arrivals.ts'
import { createIntake } from './receiver/intake.ts'
import { addRoutes, serverOptions } from './receiver/routes.ts'
import { findFile } from './receiver/stored-files.ts'
import type { Settings } from './settings.ts'
import { keyIds } from './store/key-id.ts'
import { HORIZON_SECONDS, openStore } from './store/open.ts'
import { pausedForms } from './store/pauses.ts'
import type { OpenOptions, Store } from './store/store.ts'
import { CheckIn } from './telemetry/check-in.ts'
import { failureReporter } from './telemetry/failures.ts'
import type { ListenerState } from './telemetry/gauges.ts'
import { KeyUseLog } from './telemetry/key-use-log.ts'
import { createLog, emitTo, logEvents } from './telemetry/log.ts'
import { labelSets } from './telemetry/metric-labels.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { reportErrors } from './telemetry/sentry.ts'
import { standardOutput } from './telemetry/standard-output.ts'
import { TargetCalls } from './telemetry/target-calls.ts'
import { traceEvents } from './telemetry/tracing.ts'
import { printWholeError } from './telemetry/whole-error.ts'
import { createWorker } from './worker/start.ts'

/** Options of a start. */
export interface StartOptions {
  /** Settings; default `process.env`. */
  readonly environment?: Environment
  /** Settings of your own. What is wrong with them is reported together with the adapter's, before anything starts. */
  readonly settings?: Settings
  /** Settings that were already read. If given, `environment` and `settings` are ignored. */
  readonly config?: Config
  /** Whether SIGTERM, SIGINT and uncaught errors stop the adapter and exit the process. Default true. */
  readonly ownsProcess?: boolean
  /** Called with every event, in addition to the log. Must not throw. */
  readonly onEvent?: (event: AdapterEvent) => void
  /** Authorities (PEM) that certify attachment links, instead of the system's. */
  readonly attachmentAuthorities?: readonly string[]
  /** Replaces each form before the start: for tests. */
  readonly decorateForm?: (form: Form, name: string) => Form
  /** Opens the store; default by `DATABASE_URL` and `DATA_DIR`. */
  readonly store?: (options: OpenOptions) => Promise<Store>
  /** How long an attempt is not taken for lost although its process gives no sign, in seconds; default 30. Less only in tests. */
  readonly leaseSeconds?: number
  /** How long a use of a key waits to be recorded, in seconds; default 60. Less only in tests. */
  readonly keyUseSeconds?: number
  /** How often the process tells the store that it is there, in seconds; default 10. Less only in tests. */
  readonly checkInSeconds?: number
  /** Whether its listeners keep the process. Default true. `false` in tests, which may fail before they stop it. */
  readonly keepsProcess?: boolean
  /** Makes the id of a key in the store, which must not help to guess the key. Default: so that it takes long. For tests. */
  readonly idOfKey?: (key: Uint8Array, salt: string) => Promise<string>
  /** Runs something after some seconds: the clock of `timeoutSeconds` and of the time that a file may take. For tests. */
  readonly after?: (seconds: number, run: () => void) => Disposable
}

/** A started adapter. */
export interface RunningAdapter {
  /** The port that it listens on. In the role `worker` it serves only health and metrics. */
  readonly port: number
  readonly ledger: Ledger
  readonly store: Store
  readonly server: RunningServer | undefined
  /** Runs the sweep now instead of within the hour. */
  sweep(): Promise<void>
  /** The port of the operator's page, where there is one. */
  readonly adminPort: number | undefined
  /** Stops accepting, finishes what runs within `STOP_GRACE_SECONDS`, closes the store. A second call returns the same promise. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface RunOptions extends StartOptions {
  readonly forms: ReadonlyMap<string, Form>
  readonly app: Koa
  readonly config: Config
  readonly sinks: readonly Emit[]
  /** The version of the adapter. */
  readonly version: string
}

export async function run(options: RunOptions): Promise<RunningAdapter> {
  const opened: (() => Promise<unknown>)[] = []
  try {
    return await assemble(options, opened)
  } catch (error) {
    // The first error explains the failure; errors while closing are ignored.
    for (const close of opened.reverse()) await close().catch(() => undefined)
    throw error
  }
}

/** Adds to `opened` a function that closes each part, in case the start fails. */
async function assemble(options: RunOptions, opened: (() => Promise<unknown>)[]): Promise<RunningAdapter> {
  const { app, config, decorateForm = (form: Form) => form } = options
  const forms = new Map([...options.forms].map(([name, form]) => [name, decorateForm(form, name)]))
  const log = createLog(config.LOG_LEVEL)
  const listeners = new Map<'web' | 'operator', RunningServer>()
  const hosts = attachmentHosts(config.ATTACHMENT_HOSTS)
  const metrics = createMetrics(labelSets(forms, longestKeyring(config), entriesOf(hosts)), {
    counts: () => store.counts(),
    keys: () => readKeyFigures(),
    waitingForFiles: () => store.waitingForFiles(),
    forms: () => store.forms(),
    waitingForCommit: () => arrivals.waiting,
    attemptsRunning: () => worker.running,
    linesDropped: () => standardOutput().dropped,
    listeners: () => new Map([...listeners].map(([name, each]) => [name, stateOf(each)])),
  })
  const sinks: Emit[] = [logEvents(log), metrics.record, traceEvents(), ...options.sinks]
  const emit = emitTo(sinks, log)
  const reportFailure = failureReporter(emit, config.SHOW_ERRORS ? printWholeError : undefined)
  const unlisten = standardOutput().onDropped((lines) => emit({ event: 'log.dropped', lines }))
  opened.push(async () => unlisten())
  const isWeb = config.ADAPTER_ROLE !== 'worker'
  const isWorker = config.ADAPTER_ROLE !== 'web'

  const opening = (options.store ?? ((how) => openStore(config, how)))({
    migrate: true,
    horizonSeconds: HORIZON_SECONDS,
    onFailure: (during, error) => emit({ event: 'store.failed', during, code: errorName(error) }),
  })
  opened.push(async () => await (await opening).close())
  const reports = config.SENTRY_DSN === undefined ? undefined : await reportErrors(config.SENTRY_DSN)
  if (reports !== undefined) sinks.push(reports.record)
  const store = await opening
  const database = config.DATABASE_URL === undefined ? undefined : parseDatabaseUrl(config.DATABASE_URL)
  const warning = database !== undefined && 'value' in database ? database.value.warning : undefined
  if (warning !== undefined) emit({ event: 'store.unchecked', detail: `DATABASE_URL: ${warning}` })
  const known = [...forms].map(([name, { confirm }]) => ({ name, asksFirst: confirm !== undefined }))
  const [ids] = await Promise.all([
    keyIds(config.keyrings, await store.keySalt(), options.idOfKey),
    store.recordForms(known),
  ])
  const readKeyFigures = keyFigures(store, ids)
  const keyUses = new KeyUseLog(store, ids, emit, options.keyUseSeconds)
  sinks.push(keyUses.record)
  opened.push(() => keyUses.close())
  const checkIn = new CheckIn(
    store,
    { role: config.ADAPTER_ROLE, version: options.version },
    emit,
    options.checkInSeconds,
  )
  sinks.push(checkIn.record)
  const { files } = store
  const arrivals = new Arrivals(store, emit, config.ACCEPT_WAITING_LIMIT)
  const ledger = new Ledger(store, emit)
  const capture = createCapture({
    store: files,
    hosts,
    limitBytes: config.ATTACHMENT_LIMIT_BYTES,
    totalLimitBytes: config.ATTACHMENT_TOTAL_BYTES,
    limitCount: config.ATTACHMENT_LIMIT_COUNT,
    timeoutSeconds: config.ATTACHMENT_TIMEOUT_SECONDS,
    ...(options.after !== undefined && { after: options.after }),
    ...(options.attachmentAuthorities !== undefined && { authorities: options.attachmentAuthorities }),
  })
  const calls = new TargetCalls(emit)
  const worker = createWorker({
    config,
    forms,
    store,
    log,
    calls,
    emit,
    leaseSeconds: options.leaseSeconds,
    after: options.after,
  })

  const state = { stopping: false }
  /** Forms with a key that is missing, once that was looked for. */
  let missing: readonly string[] = []
  const http = addRoutes(
    {
      config,
      emit,
      reportFailure,
      health: {
        isStopping: () => state.stopping,
        check: () => arrivals.check(),
        paused: async () => pausedForms(await store.forms()),
        waiting: () => ({ requests: arrivals.waiting, limit: config.ACCEPT_WAITING_LIMIT }),
      },
      readMetrics: metrics.read,
    },
    isWeb
      ? {
          app,
          forms,
          acceptSubmission: createIntake({
            ...{ arrivals, capture, files, keyIds: ids, hosts, emit },
            patienceHours: config.ATTACHMENT_PATIENCE_HOURS,
          }),
          findFile: findFile({ store, config }),
          version: options.version,
        }
      : undefined,
  )
  const server = await listening({ port: 'PORT', host: 'LISTEN_HOST' }, config.PORT, () =>
    startServer(http, serverOptions(config, emit)),
  )
  listeners.set('web', server)
  opened.push(() => server.stop({ graceSeconds: 0 }))
  if (config.ADMIN_PORT !== undefined) {
    const { ADMIN_PORT: port } = config
    const { startOperatorPage } = await import('./operator/page/server.ts')
    const self = {
      version: options.version,
      role: config.ADAPTER_ROLE,
      certificateDaysLeft: () => daysLeft([...listeners.values()]),
      keys: readKeyFigures,
      missingKeys: () => missing,
    }
    const page = await listening({ port: 'ADMIN_PORT', host: 'ADMIN_HOST' }, port, () =>
      startOperatorPage({ config, port, forms, ledger, store, self, emit, reportFailure }),
    )
    listeners.set('operator', page)
    opened.push(() => page.stop({ graceSeconds: 0 }))
  }
  for (const [form, { repeatable }] of isWorker ? forms : []) {
    if (repeatable === undefined) emit({ event: 'form.unspecified', form, detail: SAY_REPEATABLE })
  }
  if (isWorker) await worker.start()
  const sweepNow = () =>
    sweep({
      store,
      attachmentKeepDays: config.ATTACHMENT_KEEP_DAYS,
      keepDays: config.KEEP_DAYS,
      emit,
      isStopping: () => state.stopping,
    })
  const sweeping = isWorker ? startSweeping(sweepNow, (error) => reportFailure('sweep', error)) : undefined
  const { port } = server
  checkIn.start()
  opened.push(() => checkIn.close())
  emit({ event: 'adapter.started', port, store: store.kind, forms: forms.size })
  // It reads everything that is held: no request waits for it.
  const sayingMissing = missingKeys(store, ids).then(
    (events) => {
      missing = events.map(({ form }) => form)
      events.forEach(emit)
    },
    (error) => emit({ event: 'store.failed', during: 'keys', code: errorName(error) }),
  )

  if (!(options.keepsProcess ?? true)) for (const each of listeners.values()) each.unref()
  let stopped: Promise<void> | undefined
  const running: RunningAdapter = {
    port,
    ledger,
    store,
    server,
    sweep: sweepNow,
    adminPort: listeners.get('operator')?.port,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
  const stopSeconds = config.DRAIN_SECONDS + config.STOP_GRACE_SECONDS + STOP_MARGIN_SECONDS
  if (options.ownsProcess ?? true)
    ownProcess(running, {
      emit,
      stopSeconds,
      lost: store.lost,
      reportFailure,
    })
  return running

  async function stop(): Promise<void> {
    state.stopping = true
    emit({ event: 'adapter.stopping' })
    // The worker claims nothing new while the last requests are answered: their submissions wait for the next start.
    await Promise.all([drain(), worker.stop(config.STOP_GRACE_SECONDS)])
    await sweeping?.stop()
    await sayingMissing
    await keyUses.close()
    await checkIn.close()
    await store.close()
    calls[Symbol.dispose]()
    emit({ event: 'adapter.stopped' })
    // With the process of its own, lines may be dropped until its last words.
    if (!(options.ownsProcess ?? true)) unlisten()
    await reports?.close()
  }

  /** Keeps serving until the load balancer has seen `/readiness` fail, then finishes open requests. */
  async function drain(): Promise<void> {
    if (isWeb) await new Promise((resolve) => setTimeout(resolve, config.DRAIN_SECONDS * 1000))
    for (const each of listeners.values()) await each.stop({ graceSeconds: config.STOP_GRACE_SECONDS })
  }
}

const SAY_REPEATABLE =
  'a lost attempt is repeated, which may make a second case: say repeatable: true, false or "until-acting"'

/** For attempts to react to their signal, and for the store to close. */
const STOP_MARGIN_SECONDS = 15

function longestKeyring(config: Config): number {
  return Math.max(0, ...Object.values(config.keyrings).map(({ keys }) => keys.length))
}

/** Until the first certificate expires; undefined: there is none. */
function daysLeft(servers: readonly RunningServer[]): number | undefined {
  const days = servers.flatMap((server) => server.certificate()?.daysLeft ?? [])
  return days.length === 0 ? undefined : Math.min(...days)
}

function stateOf(server: RunningServer): ListenerState {
  return { certificateDaysLeft: server.certificate()?.daysLeft, ...server.load() }
}
