/** The authorities of client certificates and their CRLs, as read from files. */
import { X509Certificate } from 'node:crypto'
import type { Trust } from './certificate-path.ts'
import { type Crl, parseCrls } from './crl.ts'
import { reasonOf, SecureServerError } from './errors.ts'

/** Named contents, so that an error can say which file. */
export interface NamedFile {
  readonly path: string
  readonly contents: Buffer
}

/**
 * Takes authorities and CRLs only when each parses and each CRL is signed by one of the authorities.
 * @throws {SecureServerError} ERR_TRUST_INVALID: names the file.
 */
export function parseTrust(caFiles: readonly NamedFile[], crlFiles: readonly NamedFile[] | undefined): Trust {
  const authorities = caFiles.flatMap((file) => parsed(file, parseCertificates))
  const crls = crlFiles?.flatMap((file) => {
    const found = parsed(file, parseCrls)
    if (!found.every((crl) => issuerOf(crl, authorities)))
      throw new SecureServerError('ERR_TRUST_INVALID', `${file.path} has a CRL that none of the authorities signed`)
    return found
  })
  return { authorities, crls }
}

/** The authority that signed a CRL. */
export function issuerOf(crl: Crl, authorities: readonly X509Certificate[]): X509Certificate | undefined {
  return authorities.find((authority) => crl.isSignedBy(authority))
}

function parseCertificates(contents: Buffer): X509Certificate[] {
  const blocks = contents.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  return (blocks ?? [contents]).map((certificate) => new X509Certificate(certificate))
}

function parsed<T>({ path, contents }: NamedFile, parse: (contents: Buffer) => T): T {
  try {
    return parse(contents)
  } catch (error) {
    throw new SecureServerError('ERR_TRUST_INVALID', `${path} does not parse (${reasonOf(error)})`)
  }
}
