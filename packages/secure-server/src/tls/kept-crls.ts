/** Keeps downloaded CRLs in a private file, from which the server reads them, across restarts too. */
import { chmod, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Crl, parseCrls } from './crl.ts'

/** The CRLs of the file; none if it does not exist or does not parse. */
export async function readKeptCrls(path: string): Promise<Crl[]> {
  try {
    return parseCrls(await readFile(path))
  } catch {
    // They are downloaded again.
    return []
  }
}

/**
 * Replaces the file in one step: a process that dies before that leaves the old one. Other users can neither read nor write it.
 * @throws {Error} of the file system.
 */
export async function writeKeptCrls(path: string, crls: readonly Crl[]): Promise<void> {
  const next = `${path}.new`
  const file = await open(next, 'w', OWNER_ONLY)
  try {
    await file.chmod(OWNER_ONLY)
    await file.writeFile(crls.map(({ pem }) => pem).join(''))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
}

/** Withdraws what others may do with a file that is there already. */
export async function makePrivate(path: string): Promise<void> {
  await chmod(path, OWNER_ONLY)
}

const OWNER_ONLY = 0o600
