/** The certificate, key, CA and CRL files: reads them again when they change, and keeps the old ones if new ones are invalid. */
import type { SecureContextOptions } from 'node:tls'
import { reasonOf } from '../errors.ts'
import type { ServerEvent } from '../events.ts'
import type { Trust } from './certificate-path.ts'
import { assertPolicy, type ClientCertificatePolicy } from './client-certificates.ts'
import { CrlFetch } from './crl-fetch.ts'
import { ExpiryWarnings, nameOf, newestOf } from './expiry.ts'
import { daysUntil, type Identity, parseIdentity } from './identity.ts'
import { assertTlsPolicy, secureContextOptions, type TlsPolicy } from './policy.ts'
import { staleMillisecondsOf } from './stale-crls.ts'
import { parseTrust, trustOptions } from './trust.ts'
import { WatchedFiles } from './watched-files.ts'

/** Certificate, key, TLS policy and client certificates. All files are read again within 2 seconds of a change. */
export interface TlsOptions extends TlsPolicy {
  /** PEM, with its chain in any order. */
  readonly certFile: string
  /** PEM, not encrypted. */
  readonly keyFile: string
  /** If omitted, clients need no certificate. */
  readonly clientCertificates?: ClientCertificatePolicy
}

/** The newest CRL of one authority. */
export interface CrlState {
  /** The name of the authority. */
  readonly issuer: string
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** Since thisUpdate. */
  readonly ageSeconds: number
  /** Until nextUpdate; negative once it is stale. */
  readonly daysLeft: number
}

/** The TLS files of one server, in their last valid version. */
export class TlsMaterial {
  readonly #options: TlsOptions
  readonly #onEvent: (event: ServerEvent) => void
  readonly #warnings: ExpiryWarnings
  readonly #identityFiles: WatchedFiles
  readonly #trustFiles: WatchedFiles | undefined
  readonly #crlFetch: CrlFetch | undefined
  #identity: Identity
  #trust: Trust | undefined

  /**
   * Reads and checks every file.
   * @throws {SecureServerError} ERR_OPTIONS_INVALID, ERR_CERTIFICATE_INVALID, ERR_TRUST_INVALID.
   */
  static async read(options: TlsOptions, onEvent: (event: ServerEvent) => void): Promise<TlsMaterial> {
    const clients = options.clientCertificates
    assertTlsPolicy(options)
    if (clients !== undefined) assertPolicy(clients)
    const identityFiles = new WatchedFiles([options.certFile, options.keyFile])
    const crlFetch = clients?.crlFetch && new CrlFetch(clients.crlFetch, clients, onEvent)
    const trustFiles = clients && new WatchedFiles([...clients.caFiles, ...(crlFilesOf(clients) ?? [])])
    const identity = await readIdentity(options, identityFiles)
    await crlFetch?.open()
    const trust = trustFiles && (await readTrust(options, trustFiles))
    return new TlsMaterial(options, onEvent, { identityFiles, trustFiles, crlFetch, identity, trust })
  }

  private constructor(
    options: TlsOptions,
    onEvent: (event: ServerEvent) => void,
    read: {
      identityFiles: WatchedFiles
      trustFiles: WatchedFiles | undefined
      crlFetch: CrlFetch | undefined
      identity: Identity
      trust: Trust | undefined
    },
  ) {
    this.#options = options
    this.#onEvent = onEvent
    this.#warnings = new ExpiryWarnings(onEvent)
    this.#identityFiles = read.identityFiles
    this.#trustFiles = read.trustFiles
    this.#crlFetch = read.crlFetch
    this.#identity = read.identity
    this.#trust = read.trust
  }

  /** The options of the secure context, for a new server or for `setSecureContext`. */
  get context(): SecureContextOptions {
    const { cert, key } = this.#identity
    return { ...policyOf(this.#options), cert, key, ...(this.#trust && trustOptions(this.#trust)) }
  }

  /** The authorities and CRLs for clients; undefined if clients need no certificate. A new object after each change. */
  get trust(): Trust | undefined {
    return this.#trust
  }

  /** The certificate in use. */
  certificate(): { readonly notAfter: Date; readonly daysLeft: number } {
    const { notAfter } = this.#identity
    return { notAfter, daysLeft: daysUntil(notAfter) }
  }

  /** The newest CRL of each authority that has one. */
  crls(now: number): CrlState[] {
    const { authorities, crls = [] } = this.#trust ?? { authorities: [] }
    return authorities.flatMap((authority) => {
      const crl = newestOf(authority, crls, authorities)
      if (crl === undefined) return []
      const { thisUpdate, nextUpdate } = crl
      const ageSeconds = Math.max(0, Math.floor((now - thisUpdate.getTime()) / 1000))
      return [{ issuer: nameOf(authority), thisUpdate, nextUpdate, ageSeconds, daysLeft: daysUntil(nextUpdate, now) }]
    })
  }

  /** Fetches CRLs from now on, if the policy says so, until `stop`. */
  start(): void {
    this.#crlFetch?.start()
  }

  stop(): void {
    this.#crlFetch?.stop()
  }

  /**
   * Reads the files that changed, or all of them if `forced`. Returns true if `context` has changed. Invalid files emit an event,
   * and the old ones stay in use.
   * @throws {SecureServerError} ERR_CERTIFICATE_INVALID, ERR_TRUST_INVALID: only when forced.
   */
  async refresh(now: number, forced = false): Promise<boolean> {
    const identity = await this.#again('certificate.refused', this.#identityFiles, now, forced, readIdentity)
    const trust = this.#trustFiles && (await this.#again('trust.refused', this.#trustFiles, now, forced, readTrust))
    this.#identity = identity ?? this.#identity
    this.#trust = trust ?? this.#trust
    this.#announce(identity, trust)
    return identity !== undefined || trust !== undefined
  }

  /** Emits which files are in use. Called once, when the server listens. */
  announce(): void {
    this.#announce(this.#identity, this.#trust)
  }

  /** Warns about a certificate or CRLs that expire soon. */
  warn(now: number): void {
    this.#warnings.certificate(this.#identity, now)
    const { crlWarningDays = CRL_WARNING_DAYS } = this.#options.clientCertificates ?? {}
    if (this.#trust !== undefined) this.#warnings.crls(this.#trust, crlWarningDays, now)
  }

  async #again<T>(
    refused: 'certificate.refused' | 'trust.refused',
    files: WatchedFiles,
    now: number,
    forced: boolean,
    read: (options: TlsOptions, files: WatchedFiles) => Promise<T>,
  ): Promise<T | undefined> {
    if (!(forced || (await files.changed(now)))) return undefined
    try {
      return await read(this.#options, files)
    } catch (error) {
      this.#onEvent({ type: refused, files: files.paths, reason: reasonOf(error) })
      if (forced) throw error
      return undefined
    }
  }

  #announce(identity: Identity | undefined, trust: Trust | undefined): void {
    if (identity !== undefined) {
      const { notAfter, fingerprint256 } = identity
      this.#onEvent({ type: 'certificate.loaded', notAfter, daysLeft: daysUntil(notAfter), fingerprint256 })
    }
    if (trust !== undefined) {
      const { authorities, crls = [] } = trust
      this.#onEvent({ type: 'trust.loaded', authorities: authorities.length, crls: crls.length })
    }
  }
}

const CRL_WARNING_DAYS = 2
const EMPTY = Buffer.alloc(0)

/** Disables session resumption if clients need a certificate: a session ticket would outlive a revocation. */
function policyOf(options: TlsOptions): SecureContextOptions {
  return secureContextOptions(options, options.clientCertificates === undefined)
}

async function readIdentity(options: TlsOptions, files: WatchedFiles): Promise<Identity> {
  const [cert = EMPTY, key = EMPTY] = await files.read('ERR_CERTIFICATE_INVALID')
  const [certFile, keyFile] = [
    { path: options.certFile, contents: cert },
    { path: options.keyFile, contents: key },
  ]
  return parseIdentity(certFile, keyFile, policyOf(options))
}

async function readTrust(options: TlsOptions, files: WatchedFiles): Promise<Trust> {
  const { clientCertificates: clients } = options
  const caCount = clients?.caFiles.length ?? 0
  const contents = await files.read('ERR_TRUST_INVALID')
  const named = files.paths.map((path, i) => ({ path, contents: contents[i] ?? EMPTY }))
  const crlFiles = clients && crlFilesOf(clients) && named.slice(caCount)
  return parseTrust(named.slice(0, caCount), crlFiles, policyOf(options), staleMillisecondsOf(clients?.staleCrl))
}

/** The CRL files that are given and the one that the server writes; undefined if there is neither. */
function crlFilesOf({ crlFiles, crlFetch }: ClientCertificatePolicy): readonly string[] | undefined {
  return crlFetch === undefined ? crlFiles : [...(crlFiles ?? []), crlFetch.file]
}
