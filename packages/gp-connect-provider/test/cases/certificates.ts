/** Cases for accepted and refused client certificates. */
import type { ClientName } from '../pki.ts'
import type { Case } from './case.ts'
import { one, refusedCertificate, SERVED } from './own-case.ts'

export function certificates(): Case[] {
  const refused: readonly (ClientName | 'none')[] = [
    'none',
    'ssp-expired',
    'ssp-not-yet-valid',
    'ssp-wrong-fqdn',
    'ssp-untrusted-ca',
    'ssp-revoked',
    'ssp-revoked-sub-ca',
    'cn-ssp-san-other',
    'san-wildcard',
    'eku-serverauth-only',
  ]
  return [
    one('own: a certificate with only a CN is accepted', { tls: { clientCert: 'cn-only' } }, SERVED),
    ...refused.flatMap((clientCert) => [
      one(
        `own: ${clientCert} is refused`,
        { tls: { clientCert } },
        refusedCertificate(clientCert === 'none' ? 496 : 495),
      ),
      one(
        `own: ${clientCert} is refused outside every root`,
        { tls: { clientCert }, path: 'raw:/' },
        refusedCertificate(clientCert === 'none' ? 496 : 495),
      ),
    ]),
  ]
}
