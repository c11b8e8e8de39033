/** Creates a provider from its parts: server, guard, handlers and audit trail. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Listener, RunningServer } from '@formbuilder/secure-server'
import Koa from 'koa'
import { entryOfExchange } from './audit/entry.ts'
import { auditFile } from './audit/file.ts'
import { type AuditSink, AuditTrail } from './audit/trail.ts'
import { checks } from './checks/checks.ts'
import type { IsOn } from './checks/endpoint.ts'
import { ConfigError } from './config-error.ts'
import type { Exchange } from './exchange.ts'
import { forwarder } from './gateway/forward.ts'
import { Upstream } from './gateway/upstream.ts'
import type { ForwardOptions } from './gateway/upstream-options.ts'
import { tolerant } from './listeners.ts'
import { providerProblems } from './provider-problems.ts'
import { capabilityOf } from './roots/capabilities.ts'
import { type ServiceRoot, type ServiceRootOptions, type ServiceRoots, serviceRoots } from './roots/service-root.ts'
import type { CapabilitiesByRoot } from './roots/switch-file.ts'
import type { Rules } from './rules.ts'
import { AdmittedRequests } from './server/admitted-requests.ts'
import { EarlyFailures } from './server/early-failures.ts'
import type { ProviderEvent } from './server/events.ts'
import { Guard } from './server/guard.ts'
import { GuardedRequests } from './server/guarded-requests.ts'
import { type Handler, handleInteractions } from './server/handlers.ts'
import { koaGuard } from './server/koa.ts'
import { type ServerSettings, startGuardedServer } from './server/server.ts'
import { settingProblems } from './server/setting-problems.ts'
import { Switches, type SwitchSource } from './server/switches.ts'
import type { Transaction } from './transaction.ts'

/** The options of `createProvider`. */
export interface ProviderOptions {
  /** Service roots by path, without a trailing slash: `/GP0001/STU3/1/gpconnect`. The path selects one, never the ASID. */
  readonly serviceRoots: Readonly<Record<string, ServiceRootOptions>>
  /** The public origin of the provider. With the path of a service root it is the audience of that root's tokens. */
  readonly publicUrl: string
  /** Further accepted values of `aud`, for every service root. */
  readonly audiences?: readonly string[]
  /**
   * Switches practices and their capabilities while the provider runs: what it does not switch on is off. Without it every
   * service root is on, apart from what its `disabled` names.
   */
  readonly switches?: SwitchSource
  /** Choices that the specification leaves open. A service root can override them. */
  readonly rules?: Partial<Rules>
  /** Handlers by interaction ID, for `provider.app`; needed unless `start` gets a listener. Other Koa middleware can be added with `provider.app.use`. */
  readonly handlers?: Readonly<Record<string, Handler>>
  /** A file, or a custom sink. A provider must have an audit trail. */
  readonly audit: { readonly file: string; readonly flush?: 'interval' | 'always' } | AuditSink
  /** Largest body in bytes, also when decompressed (default 1,048,576). */
  readonly maxBodyBytes?: number
  /** Called with each event, for logs, metrics or alarms. `logEvents` writes them to pino. */
  readonly onEvent?: (event: ProviderEvent) => void
}

/** A provider that is not started yet. */
export interface Provider {
  /**
   * The Koa application: the guard runs first, then the handlers, then middleware that is added here. It answers only requests
   * that arrive through `start`: on any other server it closes their connections.
   */
  readonly app: Koa
  /**
   * The transaction of a request that `start` has passed to a listener: for Express, Fastify and bare `node:http`. `refused`: the
   * request has its answer, and nothing may be done for it. A request that came in any other way is refused, and its connection
   * closed. Whatever is written to the response of an admitted request is sent after its record is stored.
   */
  guard(request: IncomingMessage, response: ServerResponse): Promise<Transaction | 'refused'>
  /**
   * Answers a request that `start` has passed to a listener with a failure, in place of what was written to the response so far.
   * If a part of an answer is sent already, its connection is cut.
   */
  fail(response: ServerResponse, error: unknown): Promise<void>
  /**
   * A listener that forwards requests to a system that speaks HTTP, in whatever language: plain HTTP to a literal loopback address
   * (`http://127.0.0.1:8080`) or a Unix socket (`unix:/run/clinical.sock`), mutual TLS anywhere else. It gets the claims in one signed
   * header. The listener is for `start` of this provider, or for a route of a framework behind it.
   * @throws {ConfigError} The message names every problem of the URL and the options.
   */
  forward(url: string, options: ForwardOptions): Listener
  /**
   * Starts the server with mutual TLS. Requests that pass every check are answered by `app`, or by the listener: an Express
   * application, `fastify.routing`, or a function for requests and responses of `node:http`. What it throws is answered as an
   * OperationOutcome.
   * @throws {ConfigError} A setting does not exist; the message names each of them.
   * @throws {Error} from secure-server: a certificate, key, CA or CRL file cannot be used.
   */
  start(settings: ServerSettings, listener?: Listener): Promise<RunningProvider>
}

/** What can keep a provider from serving. */
export type ProviderProblem = 'audit' | 'upstream' | 'stopping'

/** A running provider. */
export interface RunningProvider {
  readonly port: number
  /** Reads certificate, key, CA and CRL files now. */
  reload(): Promise<void>
  /** The server certificate in use, for a metric. */
  certificate(): ReturnType<RunningServer['certificate']>
  /** The newest CRL of each authority that has one, for metrics of its age and its end. */
  crls(): ReturnType<RunningServer['crls']>
  /** The current load, for a metric. */
  load(): ReturnType<RunningServer['load']>
  /**
   * What keeps it from serving now: the audit trail cannot be written, a system behind the gateway cannot be reached, or it is
   * about to stop. Empty if nothing does.
   */
  problems(): Promise<readonly ProviderProblem[]>
  /** Lets running requests finish, closes the server, then the audit trail. */
  stop(options?: { readonly graceSeconds?: number }): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Creates a provider.
 * @throws {ConfigError} The message names every invalid option.
 */
export function createProvider(options: ProviderOptions): Provider {
  return assembleProvider(options, checks)
}

/** `createProvider` with another list of checks, for the tests that leave one out. */
export function assembleProvider(options: ProviderOptions, checksOf: typeof checks): Provider {
  const problems = providerProblems(options)
  if (problems.length > 0) throw new ConfigError(problems)
  const { maxBodyBytes = 1_048_576 } = options
  const onEvent = tolerant(options.onEvent ?? (() => {}))
  const origin = new URL(options.publicUrl).origin
  const roots = serviceRoots(options.serviceRoots, origin, options.audiences ?? [], options.rules ?? {})
  const sink =
    'file' in options.audit
      ? auditFile(options.audit.file, { flush: options.audit.flush ?? 'interval' })
      : options.audit
  const audit = new AuditTrail(sink, onEvent)
  const switches =
    options.switches && new Switches(options.switches, roots.all ?? [], capabilitiesOf(roots), audit, onEvent)
  const isOn: IsOn | undefined = switches && ((root, capability) => switches.isOn(root, capability))
  const recorded = new WeakSet<IncomingMessage>()
  const admitted = new AdmittedRequests()
  const unanswered = new Map<IncomingMessage, Exchange>()

  const guard = new Guard({
    checks: checksOf(roots, maxBodyBytes, isOn),
    maxBodyBytes,
    audit,
    recorded,
    admitted,
    unanswered,
    onEvent,
  })
  const guarded = new GuardedRequests(guard)
  const upstreams: Upstream[] = []
  const app = new Koa()
  // Koa would print errors with their messages; here each error is an event.
  app.silent = true
  app.use(koaGuard(guard))
  app.use(handleInteractions(options.handlers ?? {}))

  return {
    app,
    guard: (request, response) => guarded.transaction(request, response),
    fail: (response, error) => guarded.fail(response, error),
    forward(url, given) {
      const upstream = new Upstream(url, given)
      upstreams.push(upstream)
      return forwarder(guarded, upstream)
    },
    async start(settings, given) {
      const wrong = [
        ...settingProblems(settings),
        ...(given === undefined || typeof given === 'function' ? [] : ['the listener is not a function']),
        ...(given === undefined && options.handlers === undefined
          ? ['neither handlers nor a listener answer requests']
          : []),
      ]
      if (wrong.length > 0) throw new ConfigError(wrong)
      await audit.open()
      await switches?.open().catch(async (error: unknown) => {
        await audit.close()
        throw error
      })
      const earlyFailures = new EarlyFailures(roots, audit, recorded)
      const answer = given === undefined ? app.callback() : guarded.listener(given)
      const listener: Listener = (request, response) => {
        admitted.add(request)
        return answer(request, response)
      }
      const server = await startGuardedServer(listener, settings, { earlyFailures, maxBodyBytes, onEvent }).catch(
        async (error: unknown) => {
          await switches?.close()
          await audit.close()
          throw error
        },
      )
      return running(server, audit, upstreams, async () => {
        await switches?.close()
        earlyFailures.flush()
        recordUnanswered(unanswered, recorded, audit)
      })
    },
  }
}

function running(
  server: RunningServer,
  audit: AuditTrail,
  upstreams: readonly Upstream[],
  recordRest: () => Promise<void>,
): RunningProvider {
  let stopped: Promise<void> | undefined
  const stop: RunningProvider['stop'] = (options) => {
    stopped ??= (async () => {
      await server.stop(options)
      await recordRest()
      await Promise.all(upstreams.map((upstream) => upstream.close()))
      await audit.close()
    })()
    return stopped
  }
  return {
    port: server.port,
    reload: () => server.reload(),
    certificate: () => server.certificate(),
    crls: () => server.crls(),
    load: () => server.load(),
    async problems() {
      const reachable = await Promise.all(upstreams.map((upstream) => upstream.isReachable()))
      return [
        ...(audit.failing ? (['audit'] as const) : []),
        ...(reachable.every(Boolean) ? [] : (['upstream'] as const)),
        ...(stopped === undefined ? [] : (['stopping'] as const)),
      ]
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

function capabilitiesOf({ all = [] }: ServiceRoots): CapabilitiesByRoot {
  const of = ({ interactions }: ServiceRoot): ReadonlySet<string> =>
    new Set([...interactions.values()].flatMap((one) => capabilityOf(one) ?? []).sort())
  return new Map(all.map((root) => [root.path, of(root)]))
}

/** Records the requests whose handlers have not ended when the server has closed their connections. */
function recordUnanswered(
  unanswered: ReadonlyMap<IncomingMessage, Exchange>,
  recorded: WeakSet<IncomingMessage>,
  audit: AuditTrail,
): void {
  for (const [request, exchange] of unanswered) {
    if (recorded.has(request)) continue
    recorded.add(request)
    // The trail emits an event if it cannot store the record.
    audit.append(entryOfExchange(exchange, null, 'ANSWER_NOT_SENT')).catch(() => {})
  }
}
