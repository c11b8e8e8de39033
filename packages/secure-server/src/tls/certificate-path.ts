/** Checks the path from a client's certificate to a trusted root again after the handshake, where OpenSSL checked it. */
import type { X509Certificate } from 'node:crypto'
import type { Crl } from './crl.ts'

/** Trusted authorities and their CRLs. `crls` undefined: revocation is not checked. */
export interface Trust {
  readonly authorities: readonly X509Certificate[]
  readonly crls: readonly Crl[] | undefined
  /** For how long after its nextUpdate a CRL is still used. */
  readonly staleMilliseconds: number
}

/** Valid until a time in milliseconds, or refused with an OpenSSL error code. */
export type PathResult = { readonly validUntil: number } | { readonly code: string }

/**
 * Checks a client's certificate against the current authorities, dates and CRLs. Every certificate of the path, the root
 * included, needs a current CRL of its issuer.
 */
export function checkPath(
  leaf: X509Certificate,
  { authorities, crls, staleMilliseconds }: Trust,
  now: number,
): PathResult {
  const path = findPath(leaf, authorities, [])
  if (path === undefined) return { code: 'UNABLE_TO_GET_ISSUER_CERT' }
  let validUntil = Number.POSITIVE_INFINITY

  for (const [i, certificate] of path.entries()) {
    if (certificate.validFromDate.getTime() > now) return { code: 'CERT_NOT_YET_VALID' }
    if (certificate.validToDate.getTime() <= now) return { code: 'CERT_HAS_EXPIRED' }
    validUntil = Math.min(validUntil, certificate.validToDate.getTime())
    if (crls === undefined) continue
    const issuer = path[i + 1] ?? certificate
    const lists = crls.filter((crl) => crl.isSignedBy(issuer))
    if (lists.some((crl) => crl.revokes(certificate))) return { code: 'CERT_REVOKED' }
    const current = lists.filter((crl) => crl.isCurrent(now, staleMilliseconds))
    if (current.length === 0) return { code: lists.length === 0 ? 'UNABLE_TO_GET_CRL' : 'CRL_HAS_EXPIRED' }
    validUntil = Math.min(
      validUntil,
      Math.max(...current.map(({ nextUpdate }) => nextUpdate.getTime())) + staleMilliseconds,
    )
  }
  return { validUntil }
}

const PATH_LENGTH_MAX = 8

/**
 * The leaf first, a self-signed authority from `caFiles` last. Tries every issuer of the right name, since a CA may change its
 * key. Subordinates that only the client sends are not used: each one must be configured.
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
