/** `npm start`: the example with throwaway certificates in `pki`, which are made anew before they end. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'

// Their revocation lists last 30 days.
const OLDEST_MILLISECONDS = 20 * 86_400_000
const made = statSync('pki/server.pem', { throwIfNoEntry: false })?.mtimeMs ?? 0
if (Date.now() - made > OLDEST_MILLISECONDS) execFileSync(process.execPath, ['src/make-pki.ts', 'pki'])

process.env = {
  TLS_CERT_FILE: 'pki/server.pem',
  TLS_KEY_FILE: 'pki/server.key',
  CLIENT_CA_FILES: 'pki/ca.pem',
  CLIENT_CRL_FILES: 'pki/root.crl.pem,pki/sub.crl.pem',
  SSP_FQDNS: 'ssp.example.test',
  ...process.env,
}
await import('./src/main.ts')
