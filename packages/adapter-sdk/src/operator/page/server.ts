/** Starts the operator's page on a port of its own. */
import { hkdfSync } from 'node:crypto'
import {
  isForwardedHttps,
  isLoopback,
  networks,
  type RenderRefusal,
  type RunningServer,
  type ServerOptions,
  startServer,
} from '@formbuilder/secure-server'
import type { Context } from 'koa'
import type { Config } from '../../config.ts'
import type { Emit } from '../../events.ts'
import type { Form } from '../../form.ts'
import { renderRefusal, serverEvents } from '../../proxy-refusals.ts'
import type { ReportFailure } from '../../telemetry/failures.ts'
import type { Ledger } from '../ledger.ts'
import { advisor } from './advice.ts'
import { createOperatorApp } from './app.ts'
import { Csrf } from './csrf.ts'
import { linksOf } from './links.ts'
import { Notices } from './notice.ts'
import type { OperatorParts, ThisProcess } from './parts.ts'

export interface OperatorOptions {
  readonly config: Config
  readonly forms: ReadonlyMap<string, Form>
  readonly ledger: Ledger
  readonly store: OperatorParts['store']
  readonly self: ThisProcess
  readonly emit: Emit
  readonly reportFailure: ReportFailure
}

/**
 * Listens on `ADMIN_PORT`: with HTTPS if the adapter has a certificate, otherwise with plain HTTP behind
 * `ADMIN_TRUSTED_PROXIES` or on the loopback address.
 */
export async function startOperatorPage(options: OperatorOptions & { readonly port: number }): Promise<RunningServer> {
  const { config, forms, ledger, store, self, emit, reportFailure } = options
  const { ADMIN_AUTH_USERNAME: username, ADMIN_AUTH_PASSWORD: password } = config
  const { ADMIN_READER_USERNAME: readerName, ADMIN_READER_PASSWORD: readerPassword } = config
  const { ADMIN_FORWARDED_USER_HEADER: header, ADMIN_TRUSTED_PROXIES: proxies } = config
  const { ADMIN_FORWARDED_GROUPS_HEADER: groupsHeader, ADMIN_WRITERS: writers } = config
  const isTrusted = networks(proxies)
  const isTls = config.TLS_CERT_FILE !== undefined
  const isSecure = (ctx: Context) =>
    isTls || (isTrusted(ctx.req.socket.remoteAddress) && isForwardedHttps(ctx.get('X-Forwarded-Proto')))
  const stopping = new AbortController()
  const app = createOperatorApp({
    ledger,
    store,
    self,
    forms: [...forms.keys()],
    name: config.HOST ?? '',
    advise: advisor(forms),
    declared: forms,
    retryLimit: config.RETRY_LIMIT,
    links: linksOf(config),
    csrf: new Csrf(csrfSecret(config), isSecure),
    notices: new Notices(isSecure),
    stopping: stopping.signal,
    identity: {
      ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
      ...(readerName !== undefined &&
        readerPassword !== undefined && { reader: { username: readerName, password: readerPassword } }),
      ...(header !== undefined && { forwarded: { header, groupsHeader, writers, isTrusted } }),
      emit,
    },
    keep: { attachmentKeepDays: config.ATTACHMENT_KEEP_DAYS, keepDays: config.KEEP_DAYS },
    emit,
    reportFailure,
  })
  const server = await startServer(app.callback(), serverOptions(config, options.port, emit))
  return {
    ...server,
    stop: (grace) => {
      stopping.abort()
      return server.stop(grace)
    },
  }
}

function serverOptions(config: Config, port: number, emit: Emit): ServerOptions {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, ADMIN_TRUSTED_PROXIES: proxies } = config
  const host = config.ADMIN_HOST ?? '127.0.0.1'
  const protection =
    certFile !== undefined && keyFile !== undefined
      ? { tls: { certFile, keyFile } }
      : {
          trustProxy: proxies.length > 0 ? proxies : ['127.0.0.1'],
          // Requests to the loopback address have not crossed a network.
          ...(isLoopback(host) && { plainPaths: '*' as const }),
        }
  return {
    port,
    host,
    ...protection,
    // Those that no page answers get a page that says so.
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    limits: { bodyBytes: 262_144, heldBodyBytes: 4_194_304, requestsPerSecondPerAddress: 100 },
    onEvent: serverEvents(emit, { setting: 'ADMIN_TRUSTED_PROXIES', isSet: proxies.length > 0 }),
    renderRefusal: renderPage,
  }
}

/** A method that no page has is refused by the server, and with a page all the same. */
const renderPage: RenderRefusal = (refusal) =>
  refusal.reason === 'method'
    ? { headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: METHOD_PAGE }
    : renderRefusal(refusal)

const METHOD_PAGE = `<!DOCTYPE html>
<html lang="en-GB">
<head><meta charset="utf-8"><title>A page cannot be asked for like that</title></head>
<body><main><h1>A page cannot be asked for like that</h1><p><a href="/">Go to the overview</a></p></main></body>
</html>
`

/** Derived from the shared key (RFC 5869), so that all replicas have the same secret without another setting. */
function csrfSecret(config: Config): Uint8Array {
  const key = Object.values(config.keyrings)[0]?.keys[0]?.bytes ?? new Uint8Array()
  return new Uint8Array(hkdfSync('sha256', key, '', 'formbuilder operator page forms', 32))
}
