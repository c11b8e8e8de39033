/** The options of `startServer`, and the running server that it returns. */
import type { ServerEvent } from './events.ts'
import type { Limits } from './limits.ts'
import type { RenderRefusal } from './request/refusals.ts'
import type { CrlState, TlsOptions } from './tls/material.ts'

/** The options of `startServer`. */
export interface ServerOptions {
  /** 0 chooses any free port. */
  readonly port: number
  /** Listen address; default: all addresses of the machine. */
  readonly host?: string
  /** Required, unless `trustProxy` is given. */
  readonly tls?: TlsOptions
  /**
   * Addresses and CIDRs of an ingress that terminates TLS. The server then speaks plain HTTP and serves only requests
   * from these addresses whose `X-Forwarded-Proto` ends with `https`; limits per address count the client that the ingress names.
   */
  readonly trustProxy?: readonly string[]
  /**
   * Addresses and CIDRs of load balancers that pass TLS through. A connection from one must start with a PROXY protocol header,
   * version 1 or 2, and limits, events and `clientAddressOf` then use the client that it names; a header from anybody else is
   * refused. Only with `tls`. If omitted, nobody may send a header.
   */
  readonly proxyProtocol?: readonly string[]
  /**
   * Paths served over plain HTTP without that header, to anyone who reaches the port; for health probes. `'*'`: every path,
   * on a port that only this machine reaches.
   */
  readonly plainPaths?: readonly string[] | '*'
  /** Methods that reach the listener; others are answered 405. TRACE and CONNECT cannot be allowed. Default `METHODS`. */
  readonly methods?: readonly string[]
  readonly limits?: Partial<Limits>
  /** Called synchronously with each event: it must be quick. What it throws is ignored. */
  readonly onEvent?: (event: ServerEvent) => void
  /** Writes refusals in another format; default `application/problem+json`. */
  readonly renderRefusal?: RenderRefusal
}

/** A server that accepts connections. */
export interface RunningServer {
  readonly port: number
  /**
   * Reads certificate, key, CA and CRL files now, without waiting until a change is noticed.
   * @throws {SecureServerError} ERR_CERTIFICATE_INVALID, ERR_TRUST_INVALID: a new file is invalid; the old ones stay in use.
   */
  reload(): Promise<void>
  /** The server certificate in use, or undefined on plain HTTP. */
  certificate(): { readonly notAfter: Date; readonly daysLeft: number } | undefined
  /** The newest CRL of each authority that has one, for metrics of its age and its end; empty if revocation is not checked. */
  crls(): readonly CrlState[]
  /** The current load, for a metric: open connections, requests not answered yet, and the bytes of their bodies. */
  load(): { readonly connections: number; readonly requests: number; readonly bodyBytes: number }
  /** Lets the process end although the server listens. For tests: nothing else should want it. */
  unref(): void
  /**
   * Stops accepting, lets running requests finish for up to `graceSeconds` (default 10), then closes the connections that are
   * still open. A second call returns the promise of the first.
   */
  stop(options?: { readonly graceSeconds?: number }): Promise<void>
  /** The same as `stop`. */
  [Symbol.asyncDispose](): Promise<void>
}
