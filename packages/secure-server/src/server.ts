/** Starts the server: connects TLS, limits and refusals to Node's HTTP server. */
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { addresses, addressKey, TrustedProxies } from './address.ts'
import { admitConnections } from './connection/admission.ts'
import { ClientAdmission } from './connection/client-admission.ts'
import { Connections } from './connection/connections.ts'
import { stopGracefully } from './connection/graceful-stop.ts'
import { createNodeServer, listen, type NodeServer } from './connection/node-server.ts'
import { reasonOf, SecureServerError } from './errors.ts'
import type { ConnectionRefusal, ServerEvent } from './events.ts'
import { resolveLimits } from './limits.ts'
import type { RunningServer, ServerOptions } from './options.ts'
import { RateLimit } from './request/rate-limit.ts'
import { renderProblem } from './request/refusals.ts'
import { allowedMethods } from './request/request-syntax.ts'
import { type Listener, Requests } from './request/requests.ts'
import { RequestRules } from './request/rules.ts'
import type { Trust } from './tls/certificate-path.ts'
import { type ClientCertificatePolicy, ClientCertificates } from './tls/client-certificates.ts'
import { TlsMaterial } from './tls/material.ts'

/**
 * Starts a server with every limit in force and resolves once it accepts connections.
 * @throws {SecureServerError} ERR_OPTIONS_INVALID, ERR_CERTIFICATE_INVALID, ERR_TRUST_INVALID.
 */
export async function startServer(listener: Listener, options: ServerOptions): Promise<RunningServer> {
  const limits = resolveLimits(options.limits)
  const methods = allowedMethods(options.methods)
  const proxies = options.trustProxy === undefined ? undefined : new TrustedProxies(options.trustProxy)
  if ((options.tls === undefined) === (proxies === undefined))
    throw new SecureServerError('ERR_OPTIONS_INVALID', 'exactly one of tls and trustProxy is required')
  const isBalancer = balancers(options)

  const onEvent = contained(options.onEvent)
  const material = options.tls && (await TlsMaterial.read(options.tls, onEvent))
  const clientPolicy = options.tls?.clientCertificates
  const rate = new RateLimit(limits.requestsPerSecondPerAddress)
  const connections = new Connections(limits, refused)
  const requests = new Requests(
    listener,
    new RequestRules({
      limits,
      rate,
      proxies,
      plainPaths: options.plainPaths === '*' ? EVERY_PATH : new Set(options.plainPaths),
      headerCount: limits.headerCount,
      methods,
      allow: methods.join(', '),
    }),
    { limits, render: options.renderRefusal ?? renderProblem, onEvent },
    connections,
    (stream) => admitted.of(stream),
  )
  const server = createNodeServer(limits, material && { ...material.context, requestCert: clientPolicy !== undefined })
  const clients = clientPolicy && createClientAdmission(clientPolicy)
  let watching = false
  let stopped: Promise<void> | undefined
  const admitted = admitConnections(server, connections, {
    isProxy: (address) => proxies?.includes(address) ?? false,
    isBalancer,
    isStopping: () => stopped !== undefined,
    tls: material !== undefined,
    handshakeSeconds: limits.handshakeSeconds,
    halfClosedSeconds: limits.halfClosedSeconds,
    clients,
    onEvent,
  })
  receiveRequests()

  const port = await listen(server, options.port, options.host)
  server.on('error', ({ code }: NodeJS.ErrnoException) => refused('accept', 'unknown', code))
  const tick = setInterval(everySecond, 1000).unref()
  const watch = material && setInterval(() => void watchFiles(), WATCH_MILLISECONDS).unref()
  onEvent({ type: 'listening', port, tls: material !== undefined })
  material?.announce()
  material?.start()
  everySecond()

  return {
    port,
    reload: () => refresh(true),
    certificate: () => material?.certificate(),
    crls: () => material?.crls(Date.now()) ?? [],
    load: () => ({
      connections: connections.size,
      requests: requests.unanswered,
      bodyBytes: requests.heldBodyBytes,
    }),
    unref: () => void server.unref(),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }

  function refused(reason: ConnectionRefusal, address: string, code?: string): void {
    onEvent({ type: 'connection.refused', reason, address, ...(code !== undefined && { code }) })
  }

  function createClientAdmission(policy: ClientCertificatePolicy): ClientAdmission {
    // Trust is never undefined here: it is read whenever there is a policy.
    const trust = (): Trust => material?.trust ?? { authorities: [], crls: undefined, staleMilliseconds: 0 }
    return new ClientAdmission(new ClientCertificates(policy, limits.clientCheckSeconds, trust), connections, onEvent)
  }

  function receiveRequests(): void {
    server.on('request', (request, response) => requests.receive(request, response, false))
    server.on('checkContinue', (request, response) => requests.receive(request, response, true))
    server.on('checkExpectation', (request, response) => requests.refuseExpectation(request, response))
    server.on('connect', (request, stream) => requests.refuseConnect(request, stream))
    server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
      if (admitted.of(stream) !== undefined) requests.refuseUnparsed(stream, error)
      else failHandshake(stream as Socket, error)
    })
    server.on('timeout', (stream: Socket) => {
      const connection = admitted.of(stream)
      // Node also emits this when a kept-alive connection has been idle for too long, which is not a refusal.
      if (connection !== undefined && connection.unanswered > 0) refused('stalled', connection.address)
      connection?.destroy()
      stream.destroy()
    })
  }

  function failHandshake(stream: Socket, { code }: NodeJS.ErrnoException): void {
    const connection = admitted.handshaking(stream)
    // ECONNRESET: the client closed, as port probes do, or was evicted, which has emitted its own event.
    if (code !== 'ECONNRESET' && !connection?.socket.destroyed) {
      refused('handshake', connection?.address ?? addressKey(stream.remoteAddress), code)
      connection?.destroy()
    }
    stream.destroy()
  }

  async function refresh(force: boolean): Promise<void> {
    if (material === undefined || !(await material.refresh(Date.now(), force))) return
    ;(server as NodeServer & TlsServer).setSecureContext(material.context)
    clients?.review()
  }

  async function watchFiles(): Promise<void> {
    // On slow storage reads must not pile up, and an unexpected error here must not end the process.
    if (watching) return
    watching = true
    try {
      await refresh(false)
    } catch (error) {
      onEvent({ type: 'certificate.refused', files: [], reason: reasonOf(error) })
    } finally {
      watching = false
    }
  }

  function everySecond(): void {
    const now = Date.now()
    rate.sweep(now)
    material?.warn(now)
    clients?.review()
  }

  function stop({ graceSeconds = 10 }: { readonly graceSeconds?: number } = {}): Promise<void> {
    stopped ??= (async () => {
      onEvent({ type: 'stopping', graceSeconds })
      material?.stop()
      const cutConnections = await stopGracefully(server, connections, graceSeconds)
      clearInterval(tick)
      clearInterval(watch)
      onEvent({ type: 'stopped', cutConnections })
    })()
    return stopped
  }
}

const WATCH_MILLISECONDS = 250

const EVERY_PATH = { has: () => true }

function ignore(): void {}

/** Whether a peer is one of the load balancers; undefined if there are none. */
function balancers({ proxyProtocol, tls }: ServerOptions): ((address: string | undefined) => boolean) | undefined {
  if (proxyProtocol === undefined) return undefined
  if (tls === undefined) throw new SecureServerError('ERR_OPTIONS_INVALID', 'proxyProtocol needs tls')
  if (proxyProtocol.length === 0) throw new SecureServerError('ERR_OPTIONS_INVALID', 'proxyProtocol is empty')
  return addresses('proxyProtocol', proxyProtocol)
}

/** Ignores what the caller's `onEvent` throws: reporting an event must not affect the server. */
function contained(emit: (event: ServerEvent) => void = ignore): (event: ServerEvent) => void {
  return (event) => {
    try {
      emit(event)
    } catch {}
  }
}
