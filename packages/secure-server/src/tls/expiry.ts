/** Warns before the server certificate or a CRL expires, at most once a day each. */
import type { X509Certificate } from 'node:crypto'
import type { ServerEvent } from '../events.ts'
import type { Trust } from './certificate-path.ts'
import type { Crl } from './crl.ts'
import { daysUntil, type Identity } from './identity.ts'
import { issuerOf } from './trust.ts'

/** How many days before the server certificate expires to warn. */
export const CERTIFICATE_WARNING_DAYS = 30

/** Emits warnings, and remembers when it last emitted each. */
export class ExpiryWarnings {
  readonly #onEvent: (event: ServerEvent) => void
  readonly #emittedAt = new Map<string, number>()

  constructor(onEvent: (event: ServerEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Warns about the server certificate. */
  certificate({ notAfter, fingerprint256 }: Pick<Identity, 'notAfter' | 'fingerprint256'>, now: number): void {
    const daysLeft = daysUntil(notAfter, now)
    if (daysLeft <= CERTIFICATE_WARNING_DAYS)
      this.#emit(`certificate ${fingerprint256}`, now, { type: 'certificate.expiring', notAfter, daysLeft })
  }

  /** Warns about the newest CRL of each authority, and about authorities that have none. */
  crls({ authorities, crls }: Pick<Trust, 'authorities' | 'crls'>, warningDays: number, now: number): void {
    if (crls === undefined) return
    for (const authority of authorities) {
      const issuer = nameOf(authority)
      const newest = newestOf(authority, crls, authorities)
      if (newest === undefined) {
        this.#emit(`crl ${authority.fingerprint256}`, now, { type: 'crl.missing', issuer })
        continue
      }
      const { nextUpdate } = newest
      const left = nextUpdate.getTime() - now
      const key = `crl ${authority.fingerprint256} ${nextUpdate.getTime()}`
      if (left <= 0) this.#emit(`${key} stale`, now, { type: 'crl.stale', issuer, nextUpdate })
      else if (left <= warningDays * DAY_MILLISECONDS)
        this.#emit(key, now, { type: 'crl.expiring', issuer, nextUpdate, daysLeft: daysUntil(nextUpdate, now) })
    }
  }

  #emit(key: string, now: number, event: ServerEvent): void {
    const last = this.#emittedAt.get(key)
    if (last !== undefined && now - last < DAY_MILLISECONDS) return
    this.#emittedAt.set(key, now)
    this.#onEvent(event)
  }
}

/** The name of an authority in one line. */
export function nameOf({ subject }: X509Certificate): string {
  return subject.replaceAll('\n', ', ')
}

/** The CRL of an authority that is valid for longest. */
export function newestOf(
  authority: X509Certificate,
  crls: readonly Crl[],
  authorities: readonly X509Certificate[],
): Crl | undefined {
  const own = crls.filter((crl) => issuerOf(crl, authorities) === authority)
  return own.sort((a, b) => b.nextUpdate.getTime() - a.nextUpdate.getTime())[0]
}

const DAY_MILLISECONDS = 86_400_000
