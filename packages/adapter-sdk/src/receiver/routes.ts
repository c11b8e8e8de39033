/** What an adapter answers over HTTP: submissions and files where it is a web process, and how it is in every process. */
import type { ServerOptions } from '@formbuilder/secure-server'
import type Koa from 'koa'
import { type Credentials, isAuthorised } from '../basic-auth.ts'
import type { Config } from '../config.ts'
import type { Emit } from '../events.ts'
import type { Form } from '../form.ts'
import { traceparent, traceRequests } from '../telemetry/tracing.ts'
import { downloads, type OpenFile } from './downloads.ts'
import { type HealthOptions, health } from './health.ts'
import { scrape } from './metrics-route.ts'
import { allowMethods, problems } from './problems.ts'
import type { Identity } from './proof.ts'
import { createApp, type ReceiverOptions, receiver } from './receiver.ts'

export interface HttpOptions {
  readonly config: Config
  readonly emit: Emit
  readonly health: Omit<HealthOptions, 'mayReadReasons'>
  readonly expose: () => Promise<string>
}

/** What only a web process answers. */
export interface WebOptions {
  readonly app: Koa
  readonly forms: ReadonlyMap<string, Form>
  readonly accept: ReceiverOptions['accept']
  readonly find: (id: string) => Promise<OpenFile>
  readonly version: string
}

/** Puts the adapter's own answers before the routes of `web.app`; without `web`, a worker's: how it is, and nothing else. */
export function createHttp(options: HttpOptions, web?: WebOptions): Koa {
  const { config, emit, expose } = options
  const app = web?.app ?? createApp()
  const credentials = metricsCredentials(config)
  const forms = [...(web?.forms ?? [])].map(([name, form]) => ({ name, ...form }))
  const formPaths = new Map(forms.flatMap(({ name, path, aliases = [] }) => [path, ...aliases].map((p) => [p, name])))
  const ownPaths = credentials === undefined ? PROBES : [...PROBES, '/metrics']
  const mayReadReasons = (header: string) => credentials !== undefined && isAuthorised(header, credentials)

  app.middleware.unshift(
    traceRequests(formPaths),
    problems(emit),
    allowMethods(
      new Map<string, readonly string[]>([
        ...[...formPaths.keys()].map((path) => [path, ['POST']] as const),
        ...ownPaths.map((path) => [path, ['GET', 'HEAD']] as const),
      ]),
    ),
    health({ ...options.health, mayReadReasons }),
    ...(credentials === undefined ? [] : [scrape({ credentials, expose })]),
    ...(web === undefined
      ? []
      : [
          receiver({
            forms,
            bodyLimitBytes: config.BODY_LIMIT_BYTES,
            keyring: (form) => config.keyrings[form] ?? { keys: [] },
            identity: identityOf(config, web.version),
            // What is stored is the span of this request, not what the sender wrote.
            accept: (form, envelope, jwe) => web.accept(form, envelope, jwe, traceparent()),
            emit,
          }),
          downloads({ find: web.find, emit }),
        ]),
  )
  return app
}

/** How the adapter's own port is served. Probes and scrapes come from inside the cluster, not through the ingress. */
export function serverOptions(config: Config, emit: Emit): ServerOptions {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TRUST_PROXY: proxies } = config
  return {
    port: config.PORT,
    host: config.LISTEN_HOST ?? '::',
    ...(certFile !== undefined && keyFile !== undefined
      ? { tls: { certFile, keyFile } }
      : // A worker has no ingress in front: it serves its probes, and everything else is refused.
        { trustProxy: proxies.length > 0 ? proxies : ['127.0.0.1'], plainPaths: [...PROBES, '/metrics'] }),
    limits: { ...config.serverLimits, bodyBytes: config.BODY_LIMIT_BYTES },
    onEvent: (server) => emit({ event: 'server', server }),
  }
}

/** An adapter whose HOST was not set does not know under which name it is reached. */
function identityOf({ HOST }: Config, version: string): Identity {
  return HOST === undefined || HOST === 'localhost' ? { version } : { version, origin: `https://${HOST}` }
}

const PROBES = ['/health', '/readiness']

function metricsCredentials(config: Config): Credentials | undefined {
  const { METRICS_AUTH_USERNAME: username, METRICS_AUTH_PASSWORD: password } = config
  return username === undefined || password === undefined ? undefined : { username, password }
}
