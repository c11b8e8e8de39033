/** Examples of the names of @formbuilder/secure-server. */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import {
  type ClientCertificatePolicy,
  type ClientCertificateSummary,
  type ConnectionRefusal,
  type Credentials,
  type CrlFetchOptions,
  type CrlRefusal,
  type CrlState,
  clientAddressOf,
  contentCodings,
  createApp,
  DEFAULT_CIPHERS,
  ERRORS,
  type ErrorCode,
  EVENTS,
  type ForwardedProto,
  headerWords,
  holdBytes,
  type Identity,
  isAuthorised,
  isForwardedHttps,
  isLoopback,
  LIMITS,
  type Limits,
  type Listener,
  METHODS,
  type NamedFile,
  networks,
  type ProxyRefusal,
  parseIdentity,
  peerOf,
  REFUSAL_REASONS,
  type RefusalDescription,
  type RefusalReason,
  type RenderedRefusal,
  type RenderRefusal,
  type RunningServer,
  renderProblem,
  SECURITY_HEADERS,
  SecureServerError,
  type ServerEvent,
  type ServerOptions,
  type StaleCrlPolicy,
  startServer,
  type TlsOptions,
  type TlsPolicy,
} from '@formbuilder/secure-server'

// startServer, ServerOptions, RunningServer, createApp
{
  const app = createApp()
  app.use((ctx) => {
    ctx.body = 'hello'
  })
  const options: ServerOptions = {
    port: 8443,
    host: '127.0.0.1',
    tls: { certFile: 'certificate.pem', keyFile: 'key.pem' },
    methods: ['GET', 'POST'],
    limits: { bodyBytes: 65_536 },
    onEvent: (event) => console.log(event.type),
  }
  const server: RunningServer = await startServer(app.callback(), options)
  console.log(server.port, server.certificate()?.daysLeft, server.load().connections)
  await server.reload()
  await server.stop({ graceSeconds: 10 })
}

// Listener
{
  const listener: Listener = (request, response) => response.end(`you asked for ${request.url}`)
  await startServer(listener, { port: 8080, trustProxy: ['10.0.0.0/8'] })
}

// TlsOptions, TlsPolicy, ClientCertificatePolicy, DEFAULT_CIPHERS
{
  const policy: TlsPolicy = { minVersion: 'TLSv1.2', ciphers: DEFAULT_CIPHERS }
  const clientCertificates: ClientCertificatePolicy = {
    ...{ caFiles: ['ca.pem'], crlFiles: ['ca.crl.pem'], fqdns: ['client.example'], mode: 'strict' },
  }
  const tls: TlsOptions = { certFile: 'certificate.pem', keyFile: 'key.pem', clientCertificates, ...policy }
  await startServer(createApp().callback(), { port: 8443, tls })
}

// LIMITS, Limits
{
  const limits: Partial<Limits> = { requestSeconds: LIMITS.requestSeconds.value * 2, connections: 500 }
  await startServer(createApp().callback(), { port: 8080, trustProxy: ['10.0.0.0/8'], limits })
}

// METHODS
{
  console.log(METHODS.join(', '))
}

// SecureServerError, ERRORS, ErrorCode
{
  try {
    await startServer(createApp().callback(), { port: 8443 })
  } catch (error) {
    if (!(error instanceof SecureServerError)) throw error
    const code: ErrorCode = error.code
    console.error(code, ERRORS[code], error.message)
  }
}

// ServerEvent, EVENTS, ClientCertificateSummary, ConnectionRefusal
{
  function onEvent(event: ServerEvent): void {
    console.log(event.type, EVENTS[event.type])
    if (event.type === 'client.refused') {
      const certificate: ClientCertificateSummary | undefined = event.certificate
      console.log(event.code, certificate?.subject)
    }
    if (event.type === 'connection.refused') {
      const reason: ConnectionRefusal = event.reason
      console.log(reason, event.address)
    }
  }
  await startServer(createApp().callback(), { port: 8080, trustProxy: ['10.0.0.0/8'], onEvent })
}

// renderProblem, RenderRefusal, RenderedRefusal, RefusalDescription, RefusalReason, REFUSAL_REASONS
{
  const renderRefusal: RenderRefusal = (refusal: RefusalDescription): RenderedRefusal => {
    const reason: RefusalReason = refusal.reason
    if (reason !== 'rate') return renderProblem(refusal)
    return { headers: { 'Content-Type': 'text/plain' }, body: REFUSAL_REASONS.rate.meaning }
  }
  await startServer(createApp().callback(), { port: 8080, trustProxy: ['10.0.0.0/8'], renderRefusal })
}

// SECURITY_HEADERS
{
  createServer((_request, response) => response.writeHead(200, SECURITY_HEADERS).end())
}

// isAuthorised, Credentials
{
  const credentials: Credentials = { username: 'operator', password: 'a long password' }
  const app = createApp()
  app.use((ctx) => {
    if (isAuthorised(ctx.get('Authorization'), credentials)) ctx.body = 'come in'
    else ctx.status = 401
  })
}

// holdBytes, contentCodings
{
  const app = createApp()
  app.use((ctx) => {
    if (contentCodings(ctx.get('Content-Encoding')).length > 0) ctx.status = 415
    // What is read into memory beside the body counts against heldBodyBytes, until the answer.
    else if (!holdBytes(ctx.req, 1_000_000)) ctx.status = 503
  })
}

// headerWords
{
  console.log(headerWords('Keep-Alive, Upgrade')) // the words, in lower case
}

// isForwardedHttps, ForwardedProto
{
  const proto: ForwardedProto = isForwardedHttps('http, https') ? 'https' : 'other'
  console.log(proto)
}

// networks, isLoopback
{
  const isInside = networks(['10.0.0.0/8', '2001:db8::/32'])
  console.log(isInside('10.1.2.3'), isInside('192.0.2.1'), isLoopback('127.0.0.1')) // true false true
}

// peerOf
{
  createServer((request, response) => response.end(peerOf(request.socket)))
}

// parseIdentity, Identity, NamedFile
{
  const read = (path: string): NamedFile => ({ path, contents: readFileSync(path) })
  const identity: Identity = parseIdentity(read('certificate.pem'), read('key.pem'))
  console.log(identity.notAfter, identity.names, identity.fingerprint256)
}

// CrlFetchOptions, CrlState, CrlRefusal
{
  const crlFetch: CrlFetchOptions = { urls: ['http://crl.example/ca.crl'], file: 'crls.pem', everyMinutes: 30 }
  const server = await startServer(createApp().callback(), {
    port: 8443,
    tls: {
      certFile: 'certificate.pem',
      keyFile: 'key.pem',
      clientCertificates: { caFiles: ['ca.pem'], crlFetch, mode: 'strict' },
    },
  })
  const states: readonly CrlState[] = server.crls()
  const known: readonly CrlRefusal[] = ['unreachable', 'timeout', 'older']
  console.log(
    states.map(({ issuer, daysLeft }) => `${issuer}: ${daysLeft} days left`),
    known,
  )
}

// clientAddressOf
{
  createServer((request, response) => response.end(clientAddressOf(request.socket)))
}

// ProxyRefusal
{
  const reasons: readonly ProxyRefusal[] = ['proxy-missing', 'proxy-untrusted']
  function onEvent(event: ServerEvent): void {
    if (event.type !== 'connection.refused') return
    if (reasons.some((reason) => reason === event.reason)) console.error('the load balancer is not set up for PROXY')
  }
  console.log(typeof onEvent)
}

// StaleCrlPolicy
{
  // For four hours after its nextUpdate a CRL still counts; then every certificate of its authority is refused.
  const staleCrl: StaleCrlPolicy = { acceptHours: 4 }
  await startServer(createApp().callback(), {
    port: 8443,
    tls: {
      certFile: 'certificate.pem',
      keyFile: 'key.pem',
      clientCertificates: { caFiles: ['ca.pem'], crlFiles: ['ca.crl'], staleCrl, mode: 'strict' },
    },
  })
}
