/** Puts the parts together, starts them in order, and stops them in the opposite one. */
import { type ServerOptions, startServer } from '@formbuilder/secure-server'
import type Koa from 'koa'
import type { Logger } from 'pino'
import type { RunningAdapter, StartOptions } from './adapter.ts'
import { DEFAULT_ATTACHMENT_HOSTS, parseAttachmentHosts } from './attachment-hosts.ts'
import { createCapture } from './attachments.ts'
import type { Config } from './config.ts'
import { lossIs } from './delivery.ts'
import { downloads } from './downloads.ts'
import { type Emit, errorName } from './events.ts'
import type { Form } from './form.ts'
import { findFile, handOver } from './hand-over.ts'
import { health } from './health.ts'
import { Inbox } from './inbox.ts'
import { createIntake } from './intake.ts'
import { Ledger } from './ledger.ts'
import { createLog, logEvents } from './log.ts'
import { ownProcess } from './process.ts'
import { allowMethods, problems, receiver } from './receiver.ts'
import { openStorage, type Storage } from './storage.ts'
import { openStore } from './store.ts'
import { sweep } from './sweep.ts'
import { Work } from './work.ts'
import { Worker } from './worker.ts'

export interface RunOptions extends StartOptions {
  readonly forms: ReadonlyMap<string, Form>
  readonly app: Koa
  readonly config: Config
  readonly sinks: readonly Emit[]
}

export async function run(options: RunOptions): Promise<RunningAdapter> {
  const { config } = options
  const log = createLog(config.LOG_LEVEL)
  const sinks: Emit[] = [logEvents(log), ...options.sinks]
  const emit: Emit = (event) => {
    for (const sink of sinks) {
      try {
        sink(event)
      } catch (error) {
        // Who looks on must not change what happens: a submission is stored and handed over whatever a listener does.
        log.error({ event: 'internal.failed', during: event.event, code: errorName(error) }, 'internal.failed')
      }
    }
  }
  const storage = await (options.storage ?? openStorage)(config, emit)
  const opened = [() => storage.database.close()]
  try {
    return await assemble(options, storage, { log, emit, opened })
  } catch (error) {
    // The first failure says why; what cannot be closed any more does not matter beside it.
    for (const close of opened.reverse()) await close().catch(() => undefined)
    throw error
  }
}

async function assemble(
  options: RunOptions,
  { database, files }: Storage,
  { log, emit, opened }: { log: Logger; emit: Emit; opened: (() => Promise<void>)[] },
): Promise<RunningAdapter> {
  const { app, config, wrap = (form: Form) => form } = options
  const forms = new Map([...options.forms].map(([name, form]) => [name, wrap(form, name)]))
  const isWeb = config.ADAPTER_ROLE !== 'worker'
  const isWorker = config.ADAPTER_ROLE !== 'web'

  // The embedded store has one process: its work is lost with it, and found again at the next start.
  const supervise = isWorker && database.kind === 'postgres'
  const store = await openStore(database, [...forms.keys()], { supervise, emit })
  opened[0] = () => store.close()
  const inbox = new Inbox(store, emit, config.ACCEPT_WAITING_LIMIT)
  const ledger = new Ledger(store, emit)
  const work = new Work(store)
  const capture = createCapture({
    store: files,
    hosts: parseAttachmentHosts(config.ATTACHMENT_HOSTS.join(',') || DEFAULT_ATTACHMENT_HOSTS),
    limitBytes: config.ATTACHMENT_LIMIT_BYTES,
    totalLimitBytes: config.ATTACHMENT_TOTAL_BYTES,
    limitCount: config.ATTACHMENT_LIMIT_COUNT,
    timeoutSeconds: config.ATTACHMENT_TIMEOUT_SECONDS,
    ...(options.attachmentAuthorities !== undefined && { authorities: options.attachmentAuthorities }),
  })
  const worker = new Worker({
    database,
    work,
    forms: new Map([...forms].map(([name, form]) => [name, lossIs(form)])),
    concurrency: config.CONCURRENCY,
    emit,
    deliver: handOver({ forms, config, work, files, log }),
  })

  const state = { stopping: false }
  if (isWeb) {
    const accept = createIntake({ inbox, capture, files, emit })
    const receiving = [...forms].map(([name, form]) => ({ name, ...form }))
    const paths = new Map<string, readonly string[]>([
      ...receiving.flatMap((form) => [form.path, ...(form.aliases ?? [])].map((path) => [path, ['POST']] as const)),
      ...['/health', '/readiness', '/metrics'].map((path) => [path, ['GET', 'HEAD']] as const),
    ])
    app.middleware.unshift(
      problems(emit),
      allowMethods(paths),
      health({ isStopping: () => state.stopping, check: () => inbox.check() }),
      receiver({
        forms: receiving,
        bodyLimitBytes: config.BODY_LIMIT_BYTES,
        keyring: (form) => config.keyrings[form] ?? { keys: [] },
        accept,
        emit,
      }),
      downloads({ find: findFile({ database, files, config }), emit }),
    )
  }
  const server = isWeb ? await startServer(app.callback(), serverOptions(config, emit)) : undefined
  if (server !== undefined) opened.push(async () => void (await server.stop({ graceSeconds: 0 })))
  if (isWorker) {
    if (database.kind === 'embedded') await work.releaseLost()
    await worker.start()
  }
  const sweepNow = () => sweep({ ...sweepOptions(config), store, files, emit })
  const sweeping = isWorker ? every(SWEEP_MILLISECONDS, sweepNow, emit) : undefined
  const port = server?.port ?? 0
  emit({ event: 'adapter.started', port, store: database.kind, forms: forms.size })

  let stopped: Promise<void> | undefined
  const running: RunningAdapter = {
    port,
    inbox,
    ledger,
    server,
    sweep: sweepNow,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
  if (options.ownsProcess ?? true) ownProcess(running, emit)
  return running

  async function stop(): Promise<void> {
    state.stopping = true
    emit({ event: 'adapter.stopping' })
    // The worker takes nothing new while the last requests are answered: what they bring waits for the next start.
    await Promise.all([
      server?.stop({ graceSeconds: config.STOP_GRACE_SECONDS }),
      worker.stop(config.STOP_GRACE_SECONDS),
    ])
    await sweeping?.stop()
    await work.idle()
    await store.close()
    emit({ event: 'adapter.stopped' })
  }
}

const SWEEP_MILLISECONDS = 3_600_000

function serverOptions(config: Config, emit: Emit): ServerOptions {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = config
  return {
    port: config.PORT,
    host: config.LISTEN_HOST ?? '::',
    ...(certFile !== undefined && keyFile !== undefined
      ? { tls: { certFile, keyFile } }
      : { trustProxy: config.TRUST_PROXY }),
    limits: { ...config.serverLimits, bodyBytes: config.BODY_LIMIT_BYTES },
    onEvent: (server) => emit({ event: 'server', server }),
  }
}

function sweepOptions(config: Config) {
  return { attachmentKeepDays: config.ATTACHMENT_KEEP_DAYS, keepDays: config.KEEP_DAYS }
}

/** Runs work now and then again and again, one run at a time. */
function every(milliseconds: number, work: () => Promise<void>, emit: Emit): { stop(): Promise<void> } {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  async function turn(): Promise<void> {
    await work().catch((error: unknown) => emit({ event: 'internal.failed', during: 'sweep', code: errorName(error) }))
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
