/** How a connection to PostgreSQL is encrypted, for each mode of libpq. */
import { readFileSync } from 'node:fs'
import type pg from 'pg'
import type { DatabaseUrl } from '../../database-url.ts'

/** TLS of a connection as the driver takes it; false: none. */
export type Tls = Exclude<pg.ClientConfig['ssl'], undefined | true>

/**
 * The ways to connect, the first one first; another follows only where the mode allows it.
 * `rejectUnauthorized` is always set, so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect.
 */
export function waysOf({ sslmode, root, certificate }: DatabaseUrl): readonly Tls[] {
  const own =
    certificate === undefined
      ? {}
      : { cert: readFileSync(certificate.file, 'utf8'), key: readFileSync(certificate.keyFile, 'utf8') }
  const unchecked = { ...own, rejectUnauthorized: false }
  const checked = {
    ...own,
    rejectUnauthorized: true,
    ...(root !== undefined && { ca: readFileSync(root, 'utf8').replace(/^\ufeff/, '') }),
  }
  const ways: Readonly<Record<DatabaseUrl['sslmode'], readonly Tls[]>> = {
    disable: [false],
    allow: [false, unchecked],
    prefer: [unchecked, false],
    require: [unchecked],
    // Any name will do that the authority has vouched for.
    'verify-ca': [{ ...checked, checkServerIdentity: () => undefined }],
    'verify-full': [checked],
  }
  return ways[sslmode]
}

/** Whether a server refused a connection because it is encrypted, or because it is not. */
export function refusesWay(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // pg_hba.conf has no line for this user and this encryption.
  if ('code' in error && error.code === '28000') return true
  // The driver gives these two no code.
  return /^(The server does not support SSL connections|There was an error establishing an SSL connection)$/.test(
    error.message,
  )
}
