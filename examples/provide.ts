/** What the GP Connect examples need to start on a developer's machine: `npm start` in their folders. */
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

const EXAMPLE = join(import.meta.dirname, 'gp-connect-provider')
const PKI = join(EXAMPLE, 'pki')
// Their revocation lists last 30 days.
const OLDEST_MILLISECONDS = 20 * 86_400_000

/** Starts a program with throwaway certificates, which are made anew before they end. What the environment has already stays. */
export async function provide(main: string): Promise<void> {
  if (isOld()) makePki()
  process.env = {
    TLS_CERT_FILE: join(PKI, 'server.pem'),
    TLS_KEY_FILE: join(PKI, 'server.key'),
    CLIENT_CA_FILES: join(PKI, 'ca.pem'),
    CLIENT_CRL_FILES: ['root.crl.pem', 'sub.crl.pem'].map((file) => join(PKI, file)).join(','),
    SSP_FQDNS: 'ssp.example.test',
    ...process.env,
  }
  await import(main)
}

function isOld(): boolean {
  const made = statSync(join(PKI, 'server.pem'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return Date.now() - made > OLDEST_MILLISECONDS
}

/** The folder is there with everything in it, or not at all: two examples may start at once. */
function makePki(): void {
  const made = `${PKI}-${process.pid}`
  execFileSync(process.execPath, [join(EXAMPLE, 'src/make-pki.ts'), made])
  if (isOld()) rmSync(PKI, { recursive: true, force: true })
  try {
    renameSync(made, PKI)
  } catch (error) {
    rmSync(made, { recursive: true })
    // The other one was first.
    if (isOld()) throw error
  }
}
