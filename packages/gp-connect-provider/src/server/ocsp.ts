/** Checks client certificates with OCSP, which Node does not support. Any failure refuses the certificate. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Which OCSP responder to ask, and how long to use its answers. */
export interface OcspOptions {
  /** URL of the responder; default: the one named in the certificate. */
  readonly url?: string
  /** PEM file of the certificate that signs the answers; default: the authority that issued the client's certificate. */
  readonly responderFile?: string
  /** Longest wait for an answer in seconds (default 5). */
  readonly timeoutSeconds?: number
  /** How long to cache a good answer, in seconds (default 60), but never after its nextUpdate. */
  readonly cacheSeconds?: number
}

/** Resolves to a code to refuse the certificate, or to undefined if the responder answers that it is good. */
export type CertificateCheck = (certificate: X509Certificate) => Promise<string | undefined>

/** Returns a check that asks an OCSP responder about certificates of these authorities. */
export function ocspCheck(caFiles: readonly string[], options: OcspOptions): CertificateCheck {
  const { url, responderFile, timeoutSeconds = 5, cacheSeconds = 60 } = options
  const good = new Map<string, number>()
  return async (certificate) => {
    const now = Date.now()
    if ((good.get(certificate.fingerprint256) ?? 0) > now) return undefined
    try {
      const issuer = await issuerOf(certificate, caFiles)
      if (issuer === undefined) return 'OCSP_ISSUER_UNKNOWN'
      // Imported only when used, because the module sets a global.
      const { getCertStatus } = await import('easy-ocsp')
      const { status, thisUpdate, nextUpdate } = await getCertStatus(certificate, {
        ca: issuer,
        // Without it the library also accepts answers signed by any other certificate of the authority, such as a client's.
        ocspCertificate: responderFile === undefined ? issuer : await readFile(responderFile, 'utf8'),
        timeout: timeoutSeconds * 1000,
        ...(url !== undefined && { ocspUrl: url }),
      })
      if (status !== 'good') return status === 'revoked' ? 'OCSP_REVOKED' : 'OCSP_UNKNOWN'
      // The library does not check the dates of an answer, so an attacker could replay an old one.
      if (thisUpdate === undefined || thisUpdate.getTime() > now + SKEW_MILLISECONDS) return 'OCSP_NOT_CURRENT'
      const until = nextUpdate?.getTime() ?? thisUpdate.getTime() + SKEW_MILLISECONDS
      if (until <= now) return 'OCSP_NOT_CURRENT'
      if (good.size >= REMEMBERED_MAX) good.clear()
      good.set(certificate.fingerprint256, Math.min(until, now + cacheSeconds * 1000))
      return undefined
    } catch {
      return 'OCSP_UNAVAILABLE'
    }
  }
}

const SKEW_MILLISECONDS = 300_000
const REMEMBERED_MAX = 1000

/** The authority that signed the certificate. Reads the files each time, because they may have changed. */
async function issuerOf(
  certificate: X509Certificate,
  caFiles: readonly string[],
): Promise<X509Certificate | undefined> {
  const texts = await Promise.all(caFiles.map((file) => readFile(file, 'utf8')))
  const authorities = texts.flatMap((text) => text.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem))
  return authorities.find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey))
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
