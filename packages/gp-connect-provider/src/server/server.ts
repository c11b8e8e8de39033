/** The server in front of a provider: secure-server with the TLS rules of the API security page. */
import { type Limits, type Listener, type RunningServer, startServer } from '@formbuilder/secure-server'
import type { EarlyFailures } from './early-failures.ts'
import type { ProviderEvent } from './events.ts'
import { type OcspOptions, ocspCheck } from './ocsp.ts'

/** How a provider listens, and which clients it admits. */
export interface ServerSettings {
  /** 0 means any free port. */
  readonly port: number
  /** Listen address; default all. */
  readonly host?: string
  /** PEM files of the server, read again when they change. */
  readonly certFile: string
  readonly keyFile: string
  readonly client: ClientSettings
  /** `TLSv1.3` must be set explicitly: the specification requires TLS 1.2 for all interactions. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** An OpenSSL list; default GP_CONNECT_CIPHERS. */
  readonly ciphers?: string
  readonly limits?: Partial<Omit<Limits, 'bodyBytes'>>
}

/** Which client certificates are accepted. */
export interface ClientSettings {
  /** PEM files of the Spine root and subordinate authorities. Nothing else is trusted, the public roots never. */
  readonly caFiles: readonly string[]
  /** PEM or DER files with a current CRL of each of them, read again when they change. */
  readonly crlFiles: readonly string[]
  /** Names of the Spine Security Proxy, of which the certificate must carry one exactly. */
  readonly fqdns: readonly string[]
  /** `strict` (default) closes a refused connection; `respond` answers 495 or 496, as the official suite asks. */
  readonly mode?: 'strict' | 'respond'
  /** Days before the nextUpdate of a CRL from which on it is warned about (default 2). */
  readonly crlWarningDays?: number
  /** Also asks an OCSP responder. Any failure refuses the certificate. */
  readonly ocsp?: OcspOptions
}

/**
 * The suites of the specification in its order, without DSS, for which there are no keys, and without CCM, which its official
 * list does not name.
 */
export const GP_CONNECT_CIPHERS = 'AESGCM+EECDH:AESGCM+EDH:AES256+EECDH:AES256+EDH:!aDSS:!AESCCM:!AESCCM8'

/** Starts secure-server for a provider. */
export function startGuardedServer(
  listener: Listener,
  settings: ServerSettings,
  parts: { earlyFailures: EarlyFailures; maxBodyBytes: number; onEvent: (event: ProviderEvent) => void },
): Promise<RunningServer> {
  const { client } = settings
  const { earlyFailures } = parts
  const mode = client.mode ?? 'strict'
  return startServer(listener, {
    port: settings.port,
    ...(settings.host !== undefined && { host: settings.host }),
    tls: {
      certFile: settings.certFile,
      keyFile: settings.keyFile,
      minVersion: 'TLSv1.2',
      maxVersion: settings.maxVersion ?? 'TLSv1.2',
      ciphers: settings.ciphers ?? GP_CONNECT_CIPHERS,
      clientCertificates: {
        caFiles: client.caFiles,
        crlFiles: client.crlFiles,
        fqdns: client.fqdns,
        mode,
        ...(client.crlWarningDays !== undefined && { crlWarningDays: client.crlWarningDays }),
        ...(client.ocsp !== undefined && { check: ocspCheck(client.caFiles, client.ocsp) }),
      },
    },
    limits: { ...settings.limits, bodyBytes: parts.maxBodyBytes },
    onEvent(event) {
      if (event.type === 'client.refused') earlyFailures.connectionRefused(event, mode)
      parts.onEvent(event)
    },
    renderRefusal: (refusal) => earlyFailures.render(refusal),
  })
}
