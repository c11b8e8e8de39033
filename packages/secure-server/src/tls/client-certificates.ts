/** Decides which clients are admitted by their certificate, at the handshake and while their connection lasts. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { SecureServerError } from '../errors.ts'
import type { ClientCertificateSummary } from '../events.ts'
import { judgePath, type Trust } from './certificate-path.ts'

/** What a client's certificate must meet. */
export interface ClientCertificatePolicy {
  /**
   * PEM or DER files of the only authorities that are trusted; the public roots never are. Every subordinate that issues
   * clients must be here beside its root: one that only the client sends along is not accepted.
   */
  readonly caFiles: readonly string[]
  /**
   * CRLs, PEM (any number in a file) or DER. When given, every authority of a path needs a current one: a stale or missing
   * CRL refuses its clients. Left out: revocation is not checked.
   */
  readonly crlFiles?: readonly string[]
  /** Names of which the certificate must bear one, exactly: a SAN when it has any, else its CN. Left out: any name. */
  readonly fqdns?: readonly string[]
  /** `strict` closes a refused connection before any byte of HTTP; `respond` answers 496 (none) or 495 to everything. */
  readonly mode: 'strict' | 'respond'
  /** Days before its nextUpdate at which a CRL is warned about; default 2, may be a fraction. */
  readonly crlWarningDays?: number
  /**
   * A further check, such as OCSP, run after all others once per connection, which waits for it. Resolves to a code to refuse,
   * undefined to admit. Throwing, or taking longer than `limits.clientCheckSeconds`, refuses.
   */
  readonly check?: (certificate: X509Certificate) => Promise<string | undefined>
}

/** @throws {SecureServerError} ERR_OPTIONS_INVALID: no authority, or a name that is no exact host name. */
export function assertPolicy({ caFiles, fqdns, crlWarningDays = 0 }: ClientCertificatePolicy): void {
  const problems: string[] = []
  if (caFiles.length === 0) problems.push('clientCertificates.caFiles is empty')
  if (fqdns !== undefined && (fqdns.length === 0 || !fqdns.every((fqdn) => FQDN.test(fqdn))))
    problems.push('clientCertificates.fqdns is empty or has an entry that is no exact host name')
  if (!(crlWarningDays >= 0)) problems.push('clientCertificates.crlWarningDays is negative')
  if (problems.length > 0) throw new SecureServerError('ERR_OPTIONS_INVALID', problems.join('; '))
}

/** Checks the clients of one server against the authorities and CRLs in use. */
export class ClientCertificates {
  readonly #policy: ClientCertificatePolicy
  readonly #checkSeconds: number
  readonly #trust: () => Trust
  /** Paths found good under `#judgedBy`, by fingerprint: many connections share one certificate. */
  readonly #good = new Map<string, number>()
  #judgedBy: Trust | undefined

  constructor(policy: ClientCertificatePolicy, checkSeconds: number, trust: () => Trust) {
    this.#policy = policy
    this.#checkSeconds = checkSeconds
    this.#trust = trust
  }

  get mode(): ClientCertificatePolicy['mode'] {
    return this.#policy.mode
  }

  /** Why a client is refused right after its handshake; undefined to admit it. Does not run `check`. */
  refusalOf(stream: TLSSocket): string | undefined {
    const leaf = stream.getPeerX509Certificate()
    if (leaf === undefined) return 'CERT_MISSING'
    // Node puts OpenSSL's code here, although its type is Error.
    if (!stream.authorized) return String(stream.authorizationError)
    if (!this.#hasName(leaf)) return 'FQDN_MISMATCH'
    return this.refusalNow(leaf)
  }

  /** Why an admitted client is refused now; undefined to keep it. Fast enough for every connection every second. */
  refusalNow(leaf: X509Certificate): string | undefined {
    const trust = this.#trust()
    if (trust !== this.#judgedBy) {
      this.#good.clear()
      this.#judgedBy = trust
    }
    const now = Date.now()
    const goodUntil = this.#good.get(leaf.fingerprint256)
    if (goodUntil !== undefined && now < goodUntil) return undefined
    const verdict = judgePath(leaf, trust, now)
    if ('code' in verdict) return verdict.code
    if (this.#good.size >= REMEMBERED_MAX) this.#good.clear()
    this.#good.set(leaf.fingerprint256, verdict.goodUntil)
    return undefined
  }

  /** The result of the policy's own `check`; undefined if there is none. */
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
    // OpenSSL falls back to the CN when a SAN has no DNS name in it; here any SAN rules the CN out.
    const subject = leaf.subjectAltName === undefined ? 'default' : 'never'
    return fqdns?.some((fqdn) => leaf.checkHost(fqdn, { wildcards: false, subject }) !== undefined) ?? true
  }
}

/** A certificate in an event: bounded, and without what could break a line of a log. */
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
/** A leading dot would make OpenSSL match any name below. */
const FQDN = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

function printable(name: string | undefined): string {
  return (name ?? '')
    .replaceAll('\n', ', ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 256)
}
