/** Finds the path from a client's certificate to a trusted authority. OpenSSL does so in the handshake; this repeats it later. */
import type { X509Certificate } from 'node:crypto'
import type { Crl } from './crl.ts'

/** What a path is checked against. `crls` undefined: revocation is not checked. */
export interface Trust {
  readonly authorities: readonly X509Certificate[]
  readonly crls: readonly Crl[] | undefined
}

/** Good until a moment, or refused with a code as OpenSSL names it. */
export type PathVerdict = { readonly goodUntil: number } | { readonly code: string }

/**
 * Checks a certificate against the authorities, dates and CRLs in use. Every certificate of the path,
 * the root included, needs a current CRL of its issuer.
 */
export function judgePath(leaf: X509Certificate, { authorities, crls }: Trust, now: number): PathVerdict {
  const path = findPath(leaf, authorities, [])
  if (path === undefined) return { code: 'UNABLE_TO_GET_ISSUER_CERT' }
  let goodUntil = Number.POSITIVE_INFINITY

  for (const [i, certificate] of path.entries()) {
    if (certificate.validFromDate.getTime() > now) return { code: 'CERT_NOT_YET_VALID' }
    if (certificate.validToDate.getTime() <= now) return { code: 'CERT_HAS_EXPIRED' }
    goodUntil = Math.min(goodUntil, certificate.validToDate.getTime())
    if (crls === undefined) continue
    const issuer = path[i + 1] ?? certificate
    const lists = crls.filter((crl) => crl.isSignedBy(issuer))
    if (lists.some((crl) => crl.revokes(certificate))) return { code: 'CERT_REVOKED' }
    const current = lists.filter((crl) => crl.isCurrent(now))
    if (current.length === 0) return { code: lists.length === 0 ? 'UNABLE_TO_GET_CRL' : 'CRL_HAS_EXPIRED' }
    goodUntil = Math.min(goodUntil, Math.max(...current.map(({ nextUpdate }) => nextUpdate.getTime())))
  }
  return { goodUntil }
}

const PATH_LENGTH_MAX = 8

/**
 * Leaf first, a self-signed authority of ours last. Tries every issuer with the right name, because a CA may change its
 * key. Certificates that the client sends are ignored: a path through a subordinate that is not configured is refused.
 */
function findPath(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  below: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path = [...below, certificate]
  const anchored = authorities.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)
  if (anchored && certificate.checkIssued(certificate)) return path
  if (path.length >= PATH_LENGTH_MAX) return undefined
  for (const issuer of authorities) {
    const used = path.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)
    if (used || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) continue
    const found = findPath(issuer, authorities, path)
    if (found !== undefined) return found
  }
  return undefined
}
