/** The connections to the system behind a gateway. */
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { isLoopback } from '@formbuilder/secure-server'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { ConfigError } from '../config-error.ts'
import type { Exchange } from '../exchange.ts'
import { claimsKey, claimsToken } from './claims-token.ts'
import { type ForwardOptions, forwardProblems, NUMBERS, type Place, placeOf, readSecret } from './upstream-options.ts'

/** The system behind a gateway. */
export class Upstream {
  /** Longest wait for the head of an answer. */
  readonly headersSeconds: number
  readonly #origin: URL
  readonly #pool: Pool
  readonly #connect: buildConnector.connector
  readonly #key: KeyObject

  /** @throws {ConfigError} The message names every problem of the URL, the options and their files. */
  constructor(url: string, options: ForwardOptions) {
    const problems = forwardProblems(url, options)
    if (problems.length > 0) throw new ConfigError(problems)
    // Already checked.
    const place = placeOf(url) as Place
    const { connections = NUMBERS.connections.value, idleSeconds = NUMBERS.idleSeconds.value } = options
    const { connectSeconds = NUMBERS.connectSeconds.value } = options
    this.headersSeconds = options.headersSeconds ?? NUMBERS.headersSeconds.value
    this.#origin = place.kind === 'socket' ? new URL('http://localhost') : place.url
    this.#connect = connector(place, options, connectSeconds * 1000)
    this.#key = claimsKey(readSecret(options.secretFile))
    this.#pool = new Pool(this.#origin, {
      connections,
      // One answer at a time: no request can get the answer to another, or wait behind it.
      pipelining: 1,
      connect: this.#connect,
      // The relay has a timer of its own, which includes the wait for a connection.
      headersTimeout: 0,
      bodyTimeout: idleSeconds * 1000,
      allowH2: false,
    })
  }

  /** The signed claims of a request. */
  sign(exchange: Exchange): string {
    return claimsToken(this.#key, exchange, Date.now())
  }

  /** Sends a request, once. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Whether a connection can be opened now. */
  isReachable(): Promise<boolean> {
    const { protocol, hostname, host, port } = this.#origin
    return new Promise((resolve) => {
      this.#connect({ protocol, hostname: hostname.replace(/^\[|\]$/g, ''), host, port }, (error, socket) => {
        socket?.destroy()
        resolve(error === null)
      })
    })
  }

  /** Closes every connection. */
  close(): Promise<void> {
    return this.#pool.destroy()
  }
}

/** Opens connections, and checks where each of them has led. */
function connector(place: Place, options: ForwardOptions, timeout: number): buildConnector.connector {
  if (place.kind === 'socket') return buildConnector({ socketPath: place.path, timeout, allowH2: false })
  if (place.kind === 'loopback') return checked(buildConnector({ timeout, allowH2: false }), isOnThisMachine)
  const { certFile = '', keyFile = '', caFiles = [] } = options
  return (given, callback) => {
    try {
      // Read each time, so that a renewed certificate is used without a restart.
      const connect = buildConnector({
        cert: readFileSync(certFile),
        key: readFileSync(keyFile),
        ca: caFiles.map((file) => readFileSync(file)),
        minVersion: 'TLSv1.2',
        rejectUnauthorized: true,
        maxCachedSessions: 0,
        timeout,
        allowH2: false,
      })
      checked(connect, isAuthenticated)(given, callback)
    } catch (error) {
      callback(error instanceof Error ? error : new Error('the files of the upstream cannot be used'), null)
    }
  }
}

function checked(
  connect: buildConnector.connector,
  isRight: (socket: Socket | TLSSocket) => boolean,
): buildConnector.connector {
  return (given, callback) => {
    connect(given, (error, socket) => {
      if (error !== null) return callback(error, null)
      if (isRight(socket)) return callback(null, socket)
      socket.destroy()
      callback(Object.assign(new Error('the connection led elsewhere'), { code: 'ERR_UPSTREAM_ELSEWHERE' }), null)
    })
  }
}

function isOnThisMachine(socket: Socket): boolean {
  return isLoopback(socket.remoteAddress ?? '')
}

function isAuthenticated(socket: Socket): boolean {
  return socket instanceof TLSSocket && socket.authorized
}
