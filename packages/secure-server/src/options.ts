/** What a server is started with, and what a started one can do. */
import type { ServerEvent } from './events.ts'
import type { Limits } from './limits.ts'
import type { RenderRefusal } from './request/refusals.ts'
import type { TlsOptions } from './tls/material.ts'

/** What a server is started with. */
export interface ServerOptions {
  /** 0 means any free port. */
  readonly port: number
  /** Listen address; default all. */
  readonly host?: string
  /** Left out only with `trustProxy`. */
  readonly tls?: TlsOptions
  /**
   * Addresses and CIDRs of the ingress that ends TLS in front. The server then speaks plain HTTP and serves only requests
   * from these with `X-Forwarded-Proto: https`; limits per address count the client that the ingress names.
   */
  readonly trustProxy?: readonly string[]
  /** Paths that anyone who reaches the port may request without that header: health probes. */
  readonly plainPaths?: readonly string[]
  /** Methods that reach the listener; others are answered 405. TRACE and CONNECT never do. Default `METHODS`. */
  readonly methods?: readonly string[]
  readonly limits?: Partial<Limits>
  /** Called with each record, synchronously: it must be quick and must not throw. */
  readonly onEvent?: (event: ServerEvent) => void
  /** Writes refusals in your own format; default `application/problem+json`. */
  readonly renderRefusal?: RenderRefusal
}

/** A server that listens. */
export interface RunningServer {
  readonly port: number
  /**
   * Reads certificate, key, CA and CRL files now, without waiting for the watch.
   * @throws {SecureServerError} ERR_CERTIFICATE_INVALID, ERR_TRUST_INVALID: a new file is refused; the old ones keep serving.
   */
  reload(): Promise<void>
  /** The certificate that is served, or undefined on plain HTTP. */
  certificate(): { readonly notAfter: Date; readonly daysLeft: number } | undefined
  /** The load, for a metric: open connections, and requests that are not yet answered. */
  load(): { readonly connections: number; readonly requests: number }
  /** Stops accepting, finishes open requests for up to `graceSeconds` (default 10), then cuts the rest. A second call does nothing. */
  stop(options?: { readonly graceSeconds?: number }): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}
