/** A stand-in for Optics (iCasework): makes cases in memory, fetches their documents, and fails when it is told to. */
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import Koa from 'koa'
import { api } from './api.ts'
import { Cases, type StandInCase } from './cases.ts'
import { control } from './control.ts'
import { type DocumentOptions, documentFetcher } from './documents.ts'
import { type FailureKind, type FailureOptions, Failures } from './failures.ts'
import { optics, type StandInRequest } from './server.ts'
import { type TokenOptions, Tokens } from './tokens.ts'

export type { StandInCase, StandInDocument } from './cases.ts'
export { FAILURES, type FailureKind, type FailureOptions, type Route } from './failures.ts'
export type { StandInRequest } from './server.ts'

/** How a stand-in is started. */
export interface StandInOptions extends TokenOptions, DocumentOptions {
  /** Default: any free port. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** HTTPS with this certificate and key, in PEM. Absent: HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Values of `Type` that are accepted. Default: those of the four forms of HMCTS. */
  readonly types?: readonly string[]
}

/** A stand-in that is listening. */
export interface OpticsStandIn {
  /** What to give an adapter as `OPTICS_ENDPOINT`. */
  readonly url: string
  /** Every request that was read whole, oldest first. */
  readonly requests: readonly StandInRequest[]
  /** Every case that was made, oldest first. */
  cases(): readonly StandInCase[]
  /** Ids of cases that say the same, group by group. Empty when nothing was doubled. */
  duplicates(): string[][]
  /** Makes the next requests fail. Failures that were asked for earlier come first. */
  fail(kind: FailureKind, options?: FailureOptions): Promise<void>
  /** Ends every token that was given out, as if it were old. */
  expireTokens(): void
  /** Forgets cases, requests and failures to come, and listens again if it had stopped. */
  clear(): Promise<void>
  /** Breaks off what is under way, and stops listening. */
  stop(): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a stand-in. It listens when this resolves. */
export async function startOpticsStandIn(options: StandInOptions): Promise<OpticsStandIn> {
  const { host = '127.0.0.1', account = 'hmcts', tls } = options
  const failures = new Failures()
  const requests: StandInRequest[] = []
  const cases = new Cases()
  const tokens = new Tokens(options)
  const answer = api({ account, types: options.types ?? TYPES, tokens, cases, fetchDocument: documentFetcher(options) })

  const server: Server = tls ? createTlsServer(tls) : createServer()
  const connections = new Set<Socket>()
  // Before other listeners: TLS would begin to read.
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
    // A stand-in that refused connections comes back where it was.
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
    async fail(kind: FailureKind, { seconds = 1, ...how }: FailureOptions = {}) {
      if (kind !== 'refuse') return failures.add({ kind, seconds, ...how })
      // Connections that stand are kept, so that the order itself can be answered.
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
  // Adapters that give up, or are killed, are what this is for.
  app.on('error', ({ name, code }: NodeJS.ErrnoException) => {
    if (code !== 'ECONNRESET' && code !== 'EPIPE') console.error(`the stand-in failed: ${name} ${code ?? ''}`)
  })
  server.on('request', app.callback())
  return { ...standIn, stop, [Symbol.asyncDispose]: stop }
}

// The comment type is the one that HMCTS has used; a deployment may have another.
const TYPES = ['Complaint', 'UF144908', 'HMCTS General enquiry', '1801265']
