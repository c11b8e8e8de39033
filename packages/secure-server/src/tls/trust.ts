/** Parses and checks the files of authorities and CRLs for client certificates. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { reasonOf, SecureServerError } from '../errors.ts'
import type { Trust } from './certificate-path.ts'
import { type Crl, parseCrls } from './crl.ts'
import type { NamedFile } from './identity.ts'
import { pemBlocks, whyNotPem } from './pem.ts'

/**
 * Parses authorities and CRLs, and checks that each CRL is signed by one of the authorities.
 * @throws {SecureServerError} ERR_TRUST_INVALID: the message names the file.
 */
export function parseTrust(
  caFiles: readonly NamedFile[],
  crlFiles: readonly NamedFile[] | undefined,
  policy: SecureContextOptions,
  staleMilliseconds = 0,
): Trust {
  const authorities = caFiles.flatMap((file) => parsed(file, parseCertificates))
  const crls = crlFiles?.flatMap((file) => {
    const found = parsed(file, parseCrls)
    if (!found.every((crl) => issuerOf(crl, authorities)))
      throw new SecureServerError('ERR_TRUST_INVALID', `${file.path} has a CRL that none of the authorities signed`)
    // OpenSSL, which knows such extensions, accepts no stale CRL, so that it is not asked then.
    if (staleMilliseconds > 0 && !found.every(({ criticalExtensions }) => criticalExtensions.length === 0))
      throw new SecureServerError(
        'ERR_TRUST_INVALID',
        `${file.path} has a CRL with a critical extension, which needs staleCrl to be hard-fail`,
      )
    return found
  })
  const trust = { authorities, crls, staleMilliseconds }
  try {
    createSecureContext({ ...policy, ...trustOptions(trust) })
  } catch (error) {
    throw new SecureServerError('ERR_TRUST_INVALID', `CA or CRL files cannot be used (${reasonOf(error)})`)
  }
  return trust
}

/**
 * The certificates of authority files.
 * @throws {SecureServerError} ERR_TRUST_INVALID: the message names the file.
 */
export async function readAuthorities(paths: readonly string[]): Promise<X509Certificate[]> {
  const files = await Promise.all(paths.map(async (path) => ({ path, contents: await readFile(path) })))
  return files.flatMap((file) => parsed(file, parseCertificates))
}

/** The trust as options of a secure context. */
export function trustOptions({ authorities, crls, staleMilliseconds }: Trust): SecureContextOptions {
  return {
    // Without `ca` Node would trust the public roots.
    ca: authorities.map(String),
    // Node loads only the first CRL of a PEM string, so each is a string of its own. OpenSSL refuses what is stale at once:
    // where that is not wanted, `checkPath` alone checks revocation, before any HTTP all the same.
    ...(crls && staleMilliseconds === 0 && { crl: crls.map(({ pem }) => pem) }),
  }
}

/** The authority that signed a CRL. */
export function issuerOf(crl: Crl, authorities: readonly X509Certificate[]): X509Certificate | undefined {
  return authorities.find((authority) => crl.isSignedBy(authority))
}

/** PEM with any number of certificates, or DER with one. */
function parseCertificates(contents: Buffer): X509Certificate[] {
  if (contents[0] === DER_SEQUENCE) return [new X509Certificate(contents)]
  const blocks = pemBlocks(contents)
  const found = blocks.filter(({ label }) => label === 'CERTIFICATE')
  if (found.length === 0)
    throw new SecureServerError('ERR_TRUST_INVALID', `no certificate: it ${whyNotPem(contents, blocks)}`)
  return found.map(({ pem }) => new X509Certificate(pem))
}

const DER_SEQUENCE = 0x30

function parsed<T>({ path, contents }: NamedFile, parse: (contents: Buffer) => T): T {
  try {
    return parse(contents)
  } catch (error) {
    throw new SecureServerError('ERR_TRUST_INVALID', `${path} does not parse (${reasonOf(error)})`)
  }
}
