/** Starts secure-server with the TLS rules that GP Connect requires. */
import {
  type CrlFetchOptions,
  LIMITS,
  type Limits,
  type Listener,
  type RunningServer,
  type StaleCrlPolicy,
  startServer,
} from '@formbuilder/secure-server'
import { GP_CONNECT_CIPHERS, withTls13 } from './ciphers.ts'
import type { EarlyFailures } from './early-failures.ts'
import { type EnvironmentName, fqdnsOf } from './environments.ts'
import type { ProviderEvent } from './events.ts'
import { type OcspOptions, ocspCheck } from './ocsp.ts'

/** Where a provider listens, its TLS files and the clients that it accepts. */
export interface ServerSettings {
  /** 0 chooses any free port. */
  readonly port: number
  /** Listen address; default: all addresses of the machine. */
  readonly host?: string
  /** PEM files of the server, read again when they change. */
  readonly certFile: string
  readonly keyFile: string
  readonly client: ClientSettings
  /**
   * Addresses and networks of load balancers that pass TLS through. Each of their connections must start with a PROXY protocol
   * header, version 1 or 2; from others it is refused. Default: none.
   */
  readonly proxyProtocol?: readonly string[]
  /** Default `TLSv1.2`, which the specification requires for all interactions. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL cipher list of approved suites; default `GP_CONNECT_CIPHERS`. */
  readonly ciphers?: string
  /** Those per address concern the Spine Security Proxy as a whole: it has no limit of requests in a second unless you set one. */
  readonly limits?: Partial<Omit<Limits, 'bodyBytes'>>
}

/** Which client certificates are accepted. */
export interface ClientSettings {
  /** PEM files of the Spine root and subordinate authorities. No others are trusted, in particular no public roots. */
  readonly caFiles: readonly string[]
  /** PEM or DER files with a current CRL of each of them, read again when they change. Required, unless `crlFetch` is given. */
  readonly crlFiles?: readonly string[]
  /** Distribution points from which the provider fetches CRLs itself, and the file in which it keeps them. */
  readonly crlFetch?: CrlFetchOptions
  /**
   * What happens once a CRL is past its nextUpdate: `hard-fail` (default) refuses every client. `{ acceptHours }` accepts them for so
   * many hours more, apart from those that the CRL lists; write it only if you have decided to carry this risk.
   */
  readonly staleCrl?: StaleCrlPolicy
  /** Names of the Spine Security Proxy. The certificate must carry exactly one of them. Required, unless `environment` has them. */
  readonly fqdns?: readonly string[]
  /** The environment of the Spine, for what a public source names of it: see `ENVIRONMENTS`. The names of live have to be given. */
  readonly environment?: EnvironmentName
  /** `strict` (default) closes a refused connection; `respond` answers 495 or 496, as the official test suite expects. */
  readonly mode?: 'strict' | 'respond'
  /** How many days before a CRL's nextUpdate to warn (default 2). */
  readonly crlWarningDays?: number
  /** If given, an OCSP responder is asked too. Any failure refuses the certificate. */
  readonly ocsp?: OcspOptions
}

/** Every consumer comes through the Spine Security Proxy, and so from few addresses, or from one. */
const LIMITS_OF_ONE_CLIENT = { requestsPerSecondPerAddress: LIMITS.requestsPerSecondPerAddress.max }

/** Starts secure-server for a provider. */
export function startGuardedServer(
  listener: Listener,
  settings: ServerSettings,
  parts: { earlyFailures: EarlyFailures; maxBodyBytes: number; onEvent: (event: ProviderEvent) => void },
): Promise<RunningServer> {
  const { client } = settings
  const { earlyFailures } = parts
  const mode = client.mode ?? 'strict'
  const maxVersion = settings.maxVersion ?? 'TLSv1.2'
  const ciphers = settings.ciphers ?? GP_CONNECT_CIPHERS
  return startServer(listener, {
    port: settings.port,
    ...(settings.host !== undefined && { host: settings.host }),
    ...(settings.proxyProtocol !== undefined && { proxyProtocol: settings.proxyProtocol }),
    tls: {
      certFile: settings.certFile,
      keyFile: settings.keyFile,
      minVersion: 'TLSv1.2',
      maxVersion,
      ciphers: maxVersion === 'TLSv1.3' ? withTls13(ciphers) : ciphers,
      clientCertificates: {
        caFiles: client.caFiles,
        crlFiles: client.crlFiles ?? [],
        ...(client.crlFetch !== undefined && { crlFetch: client.crlFetch }),
        staleCrl: client.staleCrl ?? 'hard-fail',
        // Checked before: there are some.
        fqdns: fqdnsOf(client) ?? [],
        mode,
        // Only the Spine Security Proxy is accepted, and every consumer comes through it.
        areOne: true,
        ...(client.crlWarningDays !== undefined && { crlWarningDays: client.crlWarningDays }),
        ...(client.ocsp !== undefined && { check: ocspCheck(client.caFiles, client.ocsp) }),
      },
    },
    limits: { ...LIMITS_OF_ONE_CLIENT, ...settings.limits, bodyBytes: parts.maxBodyBytes },
    onEvent(event) {
      if (event.type === 'client.refused') earlyFailures.connectionRefused(event, mode)
      if (event.type === 'connection.probed') earlyFailures.connectionProbed(event)
      parts.onEvent(event)
    },
    renderRefusal: (refusal) => earlyFailures.render(refusal),
  })
}
