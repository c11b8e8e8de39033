/** Parses and checks the server's certificate and private key. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { reasonOf, SecureServerError } from '../errors.ts'

/** A certificate with its chain, and its private key. */
export interface Identity {
  readonly cert: Buffer
  readonly key: Buffer
  readonly notAfter: Date
  readonly fingerprint256: string
}

/**
 * Parses a PEM certificate (chain included) and key, and checks that a server with this TLS policy can use them now.
 * @throws {SecureServerError} ERR_CERTIFICATE_INVALID: one does not parse or cannot be used, the certificate is expired, or
 * the key does not belong to it.
 */
export function parseIdentity(cert: Buffer, key: Buffer, policy: SecureContextOptions, now = new Date()): Identity {
  const leaf = attempt('the certificate does not parse', () => new X509Certificate(cert))
  const privateKey: KeyObject = attempt('the key does not parse', () => createPrivateKey(key))
  if (!leaf.checkPrivateKey(privateKey))
    throw new SecureServerError('ERR_CERTIFICATE_INVALID', 'the key does not belong to the certificate')
  if (leaf.validToDate <= now) throw new SecureServerError('ERR_CERTIFICATE_INVALID', 'the certificate is expired')
  // Only OpenSSL detects a broken chain file or a key that is too weak for the policy.
  attempt('the certificate cannot be used', () => createSecureContext({ ...policy, cert, key }))
  return { cert, key, notAfter: leaf.validToDate, fingerprint256: leaf.fingerprint256 }
}

/** Whole days until a date, rounded down; negative when it has passed. */
export function daysUntil(date: Date, now = Date.now()): number {
  return Math.floor((date.getTime() - now) / 86_400_000)
}

function attempt<T>(problem: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw new SecureServerError('ERR_CERTIFICATE_INVALID', `${problem} (${reasonOf(error)})`)
  }
}
