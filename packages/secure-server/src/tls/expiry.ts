/** Warns about certificates and CRLs that expire soon, at most once a day each. */

import type { ServerEvent } from '../events.ts'
import type { Trust } from './certificate-path.ts'
import { daysUntil, type Identity } from './identity.ts'
import { issuerOf } from './trust.ts'

/** The server's certificate causes warnings from so many days before its end. */
export const CERTIFICATE_WARNING_DAYS = 30

/** Emits warnings, and remembers when. */
export class ExpiryWarnings {
  readonly #onEvent: (event: ServerEvent) => void
  readonly #said = new Map<string, number>()

  constructor(onEvent: (event: ServerEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Checks the server's own certificate. */
  certificate({ notAfter, fingerprint256 }: Identity, now: number): void {
    const daysLeft = daysUntil(notAfter, now)
    if (daysLeft <= CERTIFICATE_WARNING_DAYS)
      this.#say(`certificate ${fingerprint256}`, now, { type: 'certificate.expiring', notAfter, daysLeft })
  }

  /** Checks every CRL, and authorities that should have one. */
  crls({ authorities, crls }: Trust, warningDays: number, now: number): void {
    if (crls === undefined) return
    for (const authority of authorities) {
      const issuer = authority.subject.replaceAll('\n', ', ')
      const own = crls.filter((crl) => issuerOf(crl, authorities) === authority)
      const newest = own.sort((a, b) => b.nextUpdate.getTime() - a.nextUpdate.getTime())[0]
      if (newest === undefined) {
        this.#say(`crl ${authority.fingerprint256}`, now, { type: 'crl.missing', issuer })
        continue
      }
      const { nextUpdate } = newest
      const left = nextUpdate.getTime() - now
      const key = `crl ${authority.fingerprint256} ${nextUpdate.getTime()}`
      if (left <= 0) this.#say(`${key} stale`, now, { type: 'crl.stale', issuer, nextUpdate })
      else if (left <= warningDays * DAY_MILLISECONDS)
        this.#say(key, now, { type: 'crl.expiring', issuer, nextUpdate, daysLeft: daysUntil(nextUpdate, now) })
    }
  }

  #say(key: string, now: number, event: ServerEvent): void {
    const last = this.#said.get(key)
    if (last !== undefined && now - last < DAY_MILLISECONDS) return
    this.#said.set(key, now)
    this.#onEvent(event)
  }
}

const DAY_MILLISECONDS = 86_400_000
