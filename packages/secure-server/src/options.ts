/** What a server is started with, and what a started one can do. */
import type { ServerEvent } from './events.ts'
import type { Limits } from './limits.ts'
import type { RenderRefusal } from './request/refusals.ts'
import type { TlsOptions } from './tls/material.ts'

/** What a server is started with. */
export interface ServerOptions {
  /** 0 takes any free port. */
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
  /** Paths that may be asked without that header, by anyone who reaches the port: health probes. */
  readonly plainPaths?: readonly string[]
  /** Methods that reach the listener; others are answered 405. TRACE and CONNECT never do. Default `METHODS`. */
  readonly methods?: readonly string[]
  readonly limits?: Partial<Limits>
  /** Called with each record, synchronously: it must be quick and must not throw. */
  readonly onEvent?: (event: ServerEvent) => void
  /** Writes refusals in a format of one's own; default `application/problem+json`. */
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
  /** How much is going on, for a metric: open connections, and requests begun but not yet answered. */
  load(): { readonly connections: number; readonly requests: number }
  /** Stops accepting, lets what was begun finish for up to `graceSeconds` (default 10), then cuts the rest. Twice is once. */
  stop(options?: { readonly graceSeconds?: number }): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}
