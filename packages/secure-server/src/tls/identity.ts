/** Parses and checks the server's certificate and private key. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { reasonOf, SecureServerError } from '../errors.ts'
import { type PemBlock, pemBlocks, whyNotPem } from './pem.ts'
import { secureContextOptions } from './policy.ts'

/** A file's contents with its path or its setting, which errors name. */
export interface NamedFile {
  readonly path: string
  readonly contents: Buffer
}

/** A certificate with its chain, and its private key. */
export interface Identity {
  /** PEM: the server's own certificate, then its issuers. */
  readonly cert: Buffer
  readonly key: Buffer
  readonly notAfter: Date
  readonly fingerprint256: string
  /** The names that the certificate is for, as OpenSSL writes them; undefined if it names none. */
  readonly names: string | undefined
}

/**
 * Parses a certificate with its chain, and its key, and checks that a server with this TLS policy (default: that of
 * `startServer`) can use them now. The server's
 * own certificate is the one that the key belongs to: the order of the certificates does not count, and neither do other blocks.
 * @throws {SecureServerError} ERR_CERTIFICATE_INVALID: the message names the file, and what is wrong with it.
 */
export function parseIdentity(
  certFile: NamedFile,
  keyFile: NamedFile,
  policy: SecureContextOptions = secureContextOptions({}, true),
  now = new Date(),
): Identity {
  const certificates = parseCertificates(certFile)
  const keys = parseKeys(keyFile)
  const pairs = certificates.flatMap((leaf) => {
    const key = keys.find(({ parsed }) => leaf.checkPrivateKey(parsed))
    return key === undefined ? [] : [{ leaf, key: Buffer.from(key.pem) }]
  })
  // A renewed certificate may stand beside the old one, with the same key.
  const { leaf, key } = pairs.find((pair) => isValid(pair.leaf, now)) ?? pairs[0] ?? {}
  if (leaf === undefined || key === undefined) {
    const these = certificates.length === 1 ? 'the certificate' : `any of the ${certificates.length} certificates`
    throw invalid(`the key in ${keyFile.path} does not belong to ${these} in ${certFile.path}`)
  }
  const { validFromDate: notBefore, validToDate: notAfter, fingerprint256, subjectAltName: names } = leaf
  if (notAfter <= now) throw invalid(`${certFile.path}: the certificate is expired since ${notAfter.toISOString()}`)
  if (notBefore > now) throw invalid(`${certFile.path}: the certificate is not valid before ${notBefore.toISOString()}`)
  const cert = Buffer.from(chainOf(leaf, certificates).map(String).join(''))
  // Only OpenSSL detects a key that is too weak for the policy.
  attempt(`${certFile.path}: the certificate cannot be used`, () => createSecureContext({ ...policy, cert, key }))
  return { cert, key, notAfter, fingerprint256, names }
}

/** Whole days until a date, rounded down; negative when it has passed. */
export function daysUntil(date: Date, now = Date.now()): number {
  return Math.floor((date.getTime() - now) / 86_400_000)
}

function parseCertificates({ path, contents }: NamedFile): X509Certificate[] {
  const blocks = pemBlocks(contents)
  const found = blocks.filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label))
  if (found.length === 0) throw invalid(`${path} has no certificate in PEM: it ${whyNotPem(contents, blocks)}`)
  return found.map(({ pem }, i) =>
    attempt(`${path}: certificate ${i + 1} of ${found.length} does not parse`, () => new X509Certificate(pem)),
  )
}

function parseKeys({ path, contents }: NamedFile): (PemBlock & { readonly parsed: KeyObject })[] {
  const blocks = pemBlocks(contents)
  const found = blocks.filter(({ label }) => /^(?:(?:RSA|EC|ENCRYPTED) )?PRIVATE KEY$/.test(label))
  if (found.length === 0) {
    // Headers of an encrypted key have hyphens, so that its block is none of these.
    if (contents.includes('Proc-Type: 4,ENCRYPTED')) throw invalid(`${path}: ${ENCRYPTED}`)
    throw invalid(`${path} has no private key in PEM: it ${whyNotPem(contents, blocks)}`)
  }
  if (found.some(({ label }) => label.startsWith('ENCRYPTED'))) throw invalid(`${path}: ${ENCRYPTED}`)
  return found.map((block) => ({
    ...block,
    parsed: attempt(`${path}: the key does not parse`, () => createPrivateKey(block.pem)),
  }))
}

const ENCRYPTED = 'the key is encrypted with a password, which nobody can type at a start'

/** The certificate, then each issuer of the one before, then what else is there; each once. */
function chainOf(leaf: X509Certificate, certificates: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf]
  const left = new Map(certificates.map((each) => [each.fingerprint256, each]))
  for (let last: X509Certificate | undefined = leaf; last !== undefined; ) {
    left.delete(last.fingerprint256)
    const issued: X509Certificate = last
    last = [...left.values()].find((each) => issued.checkIssued(each) && issued.verify(each.publicKey))
    if (last !== undefined) chain.push(last)
  }
  return [...chain, ...left.values()]
}

function isValid({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now < validToDate
}

function invalid(message: string, cause?: unknown): SecureServerError {
  return new SecureServerError('ERR_CERTIFICATE_INVALID', message, { ...(cause !== undefined && { cause }) })
}

function attempt<T>(problem: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw invalid(`${problem} (${reasonOf(error)})`)
  }
}
