/** A certificate for localhost that is made once and kept in a folder. For development, never for a deployment. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AdapterError } from '../errors.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from './certificate.ts'

/** A certificate and the files that it is in, with absolute paths. */
export interface KeptCertificate extends DevelopmentCertificate {
  readonly certFile: string
  readonly keyFile: string
}

/**
 * The certificate in `certificate.pem` and `certificate-key.pem` of a folder. Both, and the folder, are made if they are missing
 * or the certificate ends within 31 days; it is then valid for 90. Also throws errors of the file system.
 * @throws {AdapterError} ERR_CONFIG_INVALID: the folder has a certificate that was not made here; it is not replaced
 */
export async function keptCertificate(folder: string): Promise<KeptCertificate> {
  const [certFile, keyFile] = [join(resolve(folder), 'certificate.pem'), join(resolve(folder), 'certificate-key.pem')]
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (;;) {
    const kept = usable(certFile, keyFile)
    if (kept !== undefined) return { ...kept, certFile, keyFile }
    const made = await makeDevelopmentCertificate(CERTIFICATE_DAYS)
    replace(keyFile, made.key, 0o600)
    replace(certFile, made.cert, 0o644)
    // Read again: another process may have written its own at the same time, and the last one counts.
  }
}

const CERTIFICATE_DAYS = 90
/** The server warns of a certificate that is valid for less. */
const RENEWAL_DAYS = 31

/** The pair in the files; `undefined` if a new one has to be made. */
function usable(certFile: string, keyFile: string): DevelopmentCertificate | undefined {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined
  const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')]
  const certificate = parsed(cert)
  if (certificate?.subject !== 'CN=localhost' || certificate.issuer !== 'CN=localhost')
    throw new AdapterError('ERR_CONFIG_INVALID', `${certFile} is no development certificate, and is not replaced`)
  const isValid = certificate.validToDate.getTime() > Date.now() + RENEWAL_DAYS * 86_400_000
  return isValid && certificate.checkPrivateKey(createPrivateKey(key)) ? { cert, key } : undefined
}

function parsed(cert: string): X509Certificate | undefined {
  try {
    return new X509Certificate(cert)
  } catch {
    return undefined
  }
}

/** Whole or not at all, so that a process that ends in between leaves no half a file. */
function replace(file: string, content: string, mode: number): void {
  const whole = `${file}.${process.pid}`
  writeFileSync(whole, content, { mode })
  renameSync(whole, file)
}
