/** The adapter's own HTTP routes: submissions and files in a web process, health and metrics in every process. */
import {
  type Credentials,
  createApp,
  isAuthorised,
  type Listener,
  type ServerOptions,
} from '@formbuilder/secure-server'
import type Koa from 'koa'
import type { Config } from '../config.ts'
import type { Emit } from '../events.ts'
import type { Form } from '../form.ts'
import { renderRefusal, serverEvents } from '../proxy-refusals.ts'
import { failureReporter, type ReportFailure } from '../telemetry/failures.ts'
import { traceparent, traceRequests } from '../telemetry/tracing.ts'
import { downloads, type OpenFile } from './downloads.ts'
import { formPosts } from './form-posts.ts'
import { type HealthOptions, health } from './health.ts'
import type { AcceptSubmission } from './intake.ts'
import { metricsRoute } from './metrics-route.ts'
import { allowMethods, problems } from './problems.ts'
import type { Identity } from './proof.ts'
import { receiver } from './receiver.ts'
import type { ReceiverOptions } from './submissions.ts'

/** What the routes of every process need. */
export interface RouteOptions {
  readonly config: Config
  readonly emit: Emit
  /** Default: by event only. */
  readonly reportFailure?: ReportFailure
  readonly health: Omit<HealthOptions, 'mayReadReasons'>
  readonly readMetrics: () => Promise<string>
}

/** What only the routes of a web process need. */
export interface WebOptions {
  readonly app: Koa
  readonly forms: ReadonlyMap<string, Form>
  readonly acceptSubmission: AcceptSubmission
  readonly findFile: (id: string) => Promise<OpenFile>
  /** Version of the adapter. */
  readonly version: string
}

/** Puts the adapter's routes in front of those of `web.app`, and returns what answers requests. Without `web`: health and metrics only. */
export function addRoutes(options: RouteOptions, web?: WebOptions): Listener {
  const { config, emit, reportFailure = failureReporter(emit), readMetrics } = options
  const app = web?.app ?? createApp()
  const credentials = metricsCredentials(config)
  const forms = [...(web?.forms ?? [])].map(([name, form]) => ({ name, ...form }))
  const formPaths = new Map(forms.flatMap(({ name, path, aliases = [] }) => [path, ...aliases].map((p) => [p, name])))
  const ownPaths = credentials === undefined ? PROBES : [...PROBES, '/metrics']
  const mayReadReasons = (header: string) => credentials !== undefined && isAuthorised(header, credentials)

  const receiving: ReceiverOptions | undefined = web && {
    forms,
    bodyLimitBytes: config.BODY_LIMIT_BYTES,
    keyring: (form) => config.keyrings[form] ?? { keys: [] },
    identity: identityOf(config, web.version),
    // Store the span of this request, not the header that the sender wrote.
    acceptSubmission: (form, envelope, jwe, keyPosition) =>
      web.acceptSubmission(form, envelope, jwe, keyPosition, traceparent()),
    emit,
  }
  app.middleware.unshift(
    traceRequests(formPaths),
    problems(emit, reportFailure),
    // What most requests are for comes first.
    ...(web === undefined || receiving === undefined
      ? []
      : [receiver(receiving), downloads({ findFile: web.findFile, emit, reportFailure })]),
    allowMethods(
      new Map<string, readonly string[]>([
        ...[...formPaths.keys()].map((path) => [path, ['POST']] as const),
        ...ownPaths.map((path) => [path, ['GET', 'HEAD']] as const),
      ]),
    ),
    health({ ...options.health, mayReadReasons }),
    ...(credentials === undefined ? [] : [metricsRoute({ credentials, readMetrics })]),
  )
  const answer = app.callback()
  return receiving === undefined ? answer : formPosts(receiving, reportFailure, answer)
}

/** The server options of the adapter's own port. Probes and scrapes come from inside the cluster, not through the ingress. */
export function serverOptions(config: Config, emit: Emit): ServerOptions {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TRUST_PROXY: proxies } = config
  return {
    port: config.PORT,
    // Without an address Node listens on all of them, and on those of IPv4 only where there is no IPv6.
    ...(config.LISTEN_HOST !== undefined && { host: config.LISTEN_HOST }),
    ...(certFile !== undefined && keyFile !== undefined
      ? { tls: { certFile, keyFile } }
      : // A worker has no ingress in front of it: it answers probes and refuses everything else.
        { trustProxy: proxies.length > 0 ? proxies : ['127.0.0.1'], plainPaths: [...PROBES, '/metrics'] }),
    limits: { ...config.serverLimits, bodyBytes: config.BODY_LIMIT_BYTES },
    onEvent: serverEvents(emit, { setting: 'TRUST_PROXY', isSet: proxies.length > 0 }),
    renderRefusal,
  }
}

/** Without HOST, an adapter does not know its public name. */
function identityOf({ HOST }: Config, version: string): Identity {
  return HOST === undefined || HOST === 'localhost' ? { version } : { version, origin: `https://${HOST}` }
}

const PROBES = ['/health', '/readiness']

function metricsCredentials(config: Config): Credentials | undefined {
  const { METRICS_AUTH_USERNAME: username, METRICS_AUTH_PASSWORD: password } = config
  return username === undefined || password === undefined ? undefined : { username, password }
}
