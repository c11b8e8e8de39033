/** A stand-in for Optics (iCasework): creates cases in memory, fetches their documents, and fails on request. */
import '../../node-version.cjs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import Koa from 'koa'
import { api } from './api.ts'
import { Cases } from './cases.ts'
import { control, type StandInControls } from './control.ts'
import { type DocumentOptions, documentFetcher } from './documents.ts'
import { type FailureKind, type FailureOptions, Failures } from './failures.ts'
import { optics, type StandInRequest } from './server.ts'
import { type TokenOptions, Tokens } from './tokens.ts'

export type { StandInCase, StandInDocument } from './cases.ts'
export type { StandInControls } from './control.ts'
export { FAILURES, type FailureKind, type FailureOptions, type Route } from './failures.ts'
export type { StandInRequest } from './server.ts'

/** Options of {@link startOpticsStandIn}. */
export interface StandInOptions extends TokenOptions, DocumentOptions {
  /** Port to listen on. Default: any free port. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** Certificate and key in PEM for HTTPS. Default: HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Accepted values of `Type`. Default: those of the four HMCTS forms. */
  readonly types?: readonly string[]
}

/** A running stand-in. */
export interface OpticsStandIn extends StandInControls, AsyncDisposable {
  /** Base URL, for `OPTICS_ENDPOINT` of an adapter. */
  readonly url: string
  /** Closes every connection and stops listening. */
  stop(): Promise<void>
}

/** Starts a stand-in. It is listening when the promise resolves. */
export async function startOpticsStandIn(options: StandInOptions): Promise<OpticsStandIn> {
  const { host = '127.0.0.1', account = 'hmcts', tls } = options
  const failures = new Failures()
  const requests: StandInRequest[] = []
  const cases = new Cases()
  const tokens = new Tokens(options)
  const answer = api({ account, types: options.types ?? TYPES, tokens, cases, fetchDocument: documentFetcher(options) })

  const server: Server = tls ? createTlsServer(tls) : createServer()
  const connections = new Set<Socket>()
  // Prepended, because the listener of TLS starts to read.
  server.prependListener('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    if (failures.take('connection')) socket.resetAndDestroy()
  })

  let port = options.port ?? 0
  const listen = async () => {
    if (server.listening) return
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => {
        server.off('error', reject)
        resolve()
      })
    })
    // After `refuse` the stand-in listens on the same port again.
    port = (server.address() as AddressInfo).port
  }
  let listeningAgain: NodeJS.Timeout | undefined
  const stop = async () => {
    clearTimeout(listeningAgain)
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined
    for (const socket of connections) socket.destroy()
    await closed
  }

  await listen()
  const standIn = {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requests,
    cases: () => cases.all(),
    duplicates: () => cases.duplicates(),
    async fail(kind: FailureKind, { seconds = 1, ...options }: FailureOptions = {}) {
      if (kind !== 'refuse') return failures.add({ kind, seconds, ...options })
      // Existing connections stay open, so that the request for this failure can be answered.
      server.close()
      listeningAgain = setTimeout(() => void listen(), seconds * 1000)
    },
    expireTokens: () => tokens.expireAll(),
    async clear() {
      cases.clear()
      failures.clear()
      requests.length = 0
      await listen()
    },
  }
  const app = new Koa().use(control(standIn)).use(optics(answer, failures, requests))
  // Adapters that time out or are killed close connections. Tests do that on purpose, so it is not logged.
  app.on('error', ({ name, code }: NodeJS.ErrnoException) => {
    if (code !== 'ECONNRESET' && code !== 'EPIPE')
      console.error(`optics-stand-in: unexpected error ${name} ${code ?? ''}`)
  })
  server.on('request', app.callback())
  return { ...standIn, stop, [Symbol.asyncDispose]: stop }
}

// The last one is the comment type that HMCTS has used. A deployment may have another one.
const TYPES = ['Complaint', 'UF144908', 'HMCTS General enquiry', '1801265']
