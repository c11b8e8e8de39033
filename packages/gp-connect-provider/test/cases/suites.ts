/** Cases for TLS versions and cipher suites. */
import type { Case } from './case.ts'
import { one, SERVED } from './own-case.ts'

export function suites(): Case[] {
  const good = [
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'DHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES256-SHA',
    'DHE-RSA-AES256-SHA256',
    'DHE-RSA-AES256-SHA',
  ]
  const bad = [
    'AES128-SHA256',
    'AES256-GCM-SHA384',
    'AES256-SHA',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'DHE-RSA-AES256-CCM',
    'ADH-AES256-SHA256:@SECLEVEL=0',
  ]
  return [
    ...good.map((ciphers) =>
      one(`own: ${ciphers} is negotiated`, { tls: { ciphers } }, { ...SERVED, tls: { cipher: ciphers } }),
    ),
    ...bad.map((ciphers) =>
      one(`own: ${ciphers} is refused`, { tls: { ciphers } }, { connection: 'handshake-failure' }),
    ),
    one(
      'own: the server chooses the suite',
      { tls: { ciphers: 'DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384' } },
      { ...SERVED, tls: { cipher: 'ECDHE-RSA-AES256-GCM-SHA384' } },
    ),
    ...['TLSv1', 'TLSv1.1'].map((protocol) =>
      one(
        `own: ${protocol} is refused`,
        { tls: { protocol, ciphers: 'ALL:@SECLEVEL=0' } },
        { connection: 'handshake-failure' },
      ),
    ),
  ]
}
