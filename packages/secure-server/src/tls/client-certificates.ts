/** Accepts or refuses clients by their certificate, at the handshake and for as long as their connection lasts. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { SecureServerError } from '../errors.ts'
import type { ClientCertificateSummary } from '../events.ts'
import { checkPath, type Trust } from './certificate-path.ts'
import type { CrlFetchOptions } from './crl-fetch.ts'
import { type StaleCrlPolicy, staleCrlProblem } from './stale-crls.ts'

/** The requirements on a client's certificate. */
export interface ClientCertificatePolicy {
  /**
   * PEM or DER files of the trusted authorities; public roots are never trusted. Include every subordinate that issues client
   * certificates as well as its root: one that only the client sends is not accepted.
   */
  readonly caFiles: readonly string[]
  /**
   * CRL files, PEM (any number in a file) or DER. If given, every authority of a path needs a current CRL: clients of an
   * authority whose CRL is stale or missing are refused. If this and `crlFetch` are omitted, revocation is not checked.
   */
  readonly crlFiles?: readonly string[]
  /** CRLs that the server fetches itself, besides those of `crlFiles`. */
  readonly crlFetch?: CrlFetchOptions
  /** What happens once a CRL is past its nextUpdate; default `hard-fail`. */
  readonly staleCrl?: StaleCrlPolicy
  /** The certificate must carry one of these names exactly: in a SAN if it has any, otherwise as its CN. If omitted: any name. */
  readonly fqdns?: readonly string[]
  /** For a refused client, `strict` closes the connection before any HTTP; `respond` answers 496 (no certificate) or 495. */
  readonly mode: 'strict' | 'respond'
  /**
   * Whether all accepted clients are one, such as a proxy that many share: `connectionsPerAddress` then counts only connections
   * whose certificate is not accepted yet. Default false.
   */
  readonly areOne?: boolean
  /** How many days before a CRL's nextUpdate to warn; default 2, may be a fraction. */
  readonly crlWarningDays?: number
  /**
   * A further check, such as OCSP. It runs once per connection after all other checks, and the connection waits for it.
   * It resolves to a code to refuse the client, or to undefined to accept it. If it throws, or takes longer than
   * `limits.clientCheckSeconds`, the client is refused.
   */
  readonly check?: (certificate: X509Certificate) => Promise<string | undefined>
}

/** @throws {SecureServerError} ERR_OPTIONS_INVALID: no authority, a name that is not an exact host name, or negative days. */
export function assertPolicy({ caFiles, fqdns, crlWarningDays = 0, staleCrl }: ClientCertificatePolicy): void {
  const problems: string[] = []
  if (caFiles.length === 0) problems.push('clientCertificates.caFiles is empty')
  if (fqdns !== undefined && (fqdns.length === 0 || !fqdns.every((fqdn) => FQDN.test(fqdn))))
    problems.push('clientCertificates.fqdns is empty or has an entry that is not an exact host name')
  if (!(crlWarningDays >= 0)) problems.push('clientCertificates.crlWarningDays is negative')
  const stale = staleCrlProblem(staleCrl)
  if (stale !== undefined) problems.push(stale)
  if (problems.length > 0) throw new SecureServerError('ERR_OPTIONS_INVALID', problems.join('; '))
}

/** Checks the clients of one server against its current authorities and CRLs. */
export class ClientCertificates {
  readonly #policy: ClientCertificatePolicy
  readonly #checkSeconds: number
  readonly #trust: () => Trust
  /** Until when a certificate is valid under `#checkedWith`, by fingerprint: many connections share one certificate. */
  readonly #validUntil = new Map<string, number>()
  #checkedWith: Trust | undefined

  constructor(policy: ClientCertificatePolicy, checkSeconds: number, trust: () => Trust) {
    this.#policy = policy
    this.#checkSeconds = checkSeconds
    this.#trust = trust
  }

  get mode(): ClientCertificatePolicy['mode'] {
    return this.#policy.mode
  }

  get areOne(): boolean {
    return this.#policy.areOne ?? false
  }

  /** The code with which a client is refused right after its handshake, or undefined. Does not run the policy's `check`. */
  refusalOf(stream: TLSSocket): string | undefined {
    const leaf = stream.getPeerX509Certificate()
    if (leaf === undefined) return 'CERT_MISSING'
    // Node's types say Error, but the value is OpenSSL's code.
    if (!stream.authorized) return String(stream.authorizationError)
    if (!this.#hasName(leaf)) return 'FQDN_MISMATCH'
    return this.refusalNow(leaf)
  }

  /** The code with which an accepted client is refused now, or undefined. Cheap enough to call every second per connection. */
  refusalNow(leaf: X509Certificate): string | undefined {
    const trust = this.#trust()
    if (trust !== this.#checkedWith) {
      this.#validUntil.clear()
      this.#checkedWith = trust
    }
    const now = Date.now()
    const validUntil = this.#validUntil.get(leaf.fingerprint256)
    if (validUntil !== undefined && now < validUntil) return undefined
    const result = checkPath(leaf, trust, now)
    if ('code' in result) return result.code
    if (this.#validUntil.size >= REMEMBERED_MAX) this.#validUntil.clear()
    this.#validUntil.set(leaf.fingerprint256, result.validUntil)
    return undefined
  }

  /** The result of the policy's `check`; undefined, not a promise, if there is none. */
  check(leaf: X509Certificate): Promise<string | undefined> | undefined {
    const { check } = this.#policy
    if (check === undefined) return undefined
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const timer = setTimeout(() => resolve('CHECK_TIMEOUT'), this.#checkSeconds * 1000)
    Promise.resolve(leaf)
      .then(check)
      .then(resolve, () => resolve('CHECK_FAILED'))
    return promise.finally(() => clearTimeout(timer))
  }

  #hasName(leaf: X509Certificate): boolean {
    const { fqdns } = this.#policy
    // OpenSSL falls back to the CN when the SAN has no DNS name; here any SAN excludes the CN.
    const subject = leaf.subjectAltName === undefined ? 'default' : 'never'
    return fqdns?.some((fqdn) => leaf.checkHost(fqdn, { wildcards: false, subject }) !== undefined) ?? true
  }
}

/** A certificate as an event reports it: names of at most 256 printable characters, safe to log. */
export function summaryOf(leaf: X509Certificate): ClientCertificateSummary {
  const { serialNumber, fingerprint256, validToDate } = leaf
  return {
    subject: printable(leaf.subject),
    issuer: printable(leaf.issuer),
    serialNumber,
    fingerprint256,
    notAfter: validToDate,
  }
}

const REMEMBERED_MAX = 10_000
/** Allows no leading dot, with which OpenSSL would match every subdomain. */
const FQDN = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

function printable(name: string | undefined): string {
  return (name ?? '')
    .replaceAll('\n', ', ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 256)
}
