/** Makes and keeps what an adapter needs to start on a developer's machine. Never for a deployment. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isLoopback } from '@formbuilder/secure-server'
import type { Environment } from '../config.ts'
import { generateKey } from '../protocol/keyring.ts'
import { keptCertificate } from './kept-certificate.ts'

/**
 * Settings for https://localhost:3000 with a certificate, a shared key and a store in `folder`, which is created if it is
 * missing: `certificate.pem` (the sender must trust it), `shared-key`, `data`. Whole errors are printed. `given` overrides these settings.
 */
export async function developmentEnvironment(folder: string, given: Environment = {}): Promise<Environment> {
  const at = (name: string) => join(resolve(folder), name)
  const { certFile, keyFile } = await keptCertificate(folder)
  if (!existsSync(at('shared-key'))) writeFileSync(at('shared-key'), generateKey(16), { mode: 0o600 })
  const { PORT = '3000' } = given
  return {
    PORT,
    LISTEN_HOST: '127.0.0.1',
    HOST: `localhost:${PORT}`,
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    JWE_SHARED_KEY: readFileSync(at('shared-key'), 'utf8'),
    DATA_DIR: at('data'),
    // An address that others can reach may get their submissions.
    ...(isLoopback(given['LISTEN_HOST'] ?? '127.0.0.1') && { SHOW_ERRORS: 'true' }),
    ...given,
  }
}
