/** The TLS policy: versions, cipher suites, and features that are switched off. */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { reasonOf, SecureServerError } from '../errors.ts'

/** The part of the TLS policy that can be configured. */
export interface TlsPolicy {
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Default `TLSv1.3`. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL cipher list in order of preference. Default: `DEFAULT_CIPHERS`. */
  readonly ciphers?: string
}

/** Suites of TLS 1.3, then of TLS 1.2. All have forward secrecy and AEAD. */
export const DEFAULT_CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/** The policy as options of a secure context. `resumable`: whether clients may resume sessions with tickets. */
export function secureContextOptions(policy: TlsPolicy, resumable: boolean): SecureContextOptions {
  return {
    minVersion: policy.minVersion ?? 'TLSv1.2',
    maxVersion: policy.maxVersion ?? 'TLSv1.3',
    ciphers: cipherList(policy.ciphers ?? DEFAULT_CIPHERS),
    honorCipherOrder: true,
    // Without it OpenSSL has no group for DHE suites, and their handshakes fail; other suites ignore it.
    dhparam: 'auto',
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_NO_COMPRESSION |
      // With a ticket a client would still be accepted after its certificate is revoked.
      (resumable ? 0 : constants.SSL_OP_NO_TICKET),
  }
}

/** @throws {SecureServerError} ERR_OPTIONS_INVALID: no version is left, or the cipher list has no known suite. */
export function assertTlsPolicy(policy: TlsPolicy): void {
  if (policy.minVersion === 'TLSv1.3' && policy.maxVersion === 'TLSv1.2')
    throw new SecureServerError('ERR_OPTIONS_INVALID', 'tls.minVersion is above tls.maxVersion')
  try {
    createSecureContext(secureContextOptions(policy, true))
  } catch (error) {
    throw new SecureServerError('ERR_OPTIONS_INVALID', `tls.ciphers cannot be used (${reasonOf(error)})`)
  }
}

/** Adds security level 2: RSA and DH keys of at least 2048 bits, no SHA-1 signatures. OpenSSL 3.0 defaults to less. */
function cipherList(ciphers: string): string {
  const only13 = ciphers.split(/[:, ]/).every((name) => name.startsWith('TLS_'))
  // OpenSSL keeps the suites of TLS 1.3 in a separate list, which accepts no level.
  return only13 || ciphers.includes('@SECLEVEL') ? ciphers : `${ciphers}:@SECLEVEL=2`
}
