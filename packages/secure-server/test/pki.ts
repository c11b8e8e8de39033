/** A PKI for tests: authorities, certificates and CRLs, valid or invalid in every way. */
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

// The library's types use the browser's Crypto type, which Node's types lack.
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

/** The contents of a certificate. It is valid from an hour ago for a year by default. */
export interface Subject {
  readonly commonName?: string
  /** DNS names of the SAN extension, omitted if undefined. `localhost` also adds the loopback addresses. */
  readonly names?: readonly string[]
  /** E-mail addresses of the SAN extension. */
  readonly emails?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Extended key usages; default both, `[]` omits the extension. */
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[]
  /** Key type; default EC. `weak` is RSA with 1024 bits. */
  readonly key?: 'rsa' | 'ec' | 'weak'
}

/** A certificate with its key, as PEM. */
export interface Credentials {
  readonly cert: string
  readonly key: string
  readonly serialNumber: string
}

/** The contents of a CRL. By default it is valid from an hour ago until tomorrow and revokes nothing. */
export interface Revocations {
  readonly revoked?: readonly Credentials[]
  readonly thisUpdate?: Date
  readonly nextUpdate?: Date
  /** Default: the name of the authority. */
  readonly issuer?: string
  /** A critical extension, as OID and DER. */
  readonly extension?: readonly [string, Uint8Array<ArrayBuffer>]
}

/** A certificate authority: the root when made with `Authority.root`, a subordinate when made by another. */
export class Authority {
  readonly cert: string
  readonly #certificate: x509.X509Certificate
  readonly #keys: CryptoKeyPair
  readonly #algorithm: Algorithm

  private constructor(certificate: x509.X509Certificate, keys: CryptoKeyPair, algorithm: Algorithm) {
    this.#certificate = certificate
    this.cert = certificate.toString('pem')
    this.#keys = keys
    this.#algorithm = algorithm
  }

  static async root(commonName: string, subject: Subject = {}): Promise<Authority> {
    const algorithm = ALGORITHMS[subject.key ?? 'ec']
    const keys = await generate(algorithm)
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${commonName}`,
      keys,
      ...validity(subject),
      serialNumber: serial(),
      signingAlgorithm: algorithm,
      extensions: authorityExtensions(),
    })
    return new Authority(certificate, keys, algorithm)
  }

  /** A subordinate authority. */
  async subordinate(commonName: string, subject: Subject = {}): Promise<Authority> {
    const algorithm = ALGORITHMS[subject.key ?? 'ec']
    const keys = await generate(algorithm)
    const certificate = await this.#sign(keys, `CN=${commonName}`, subject, authorityExtensions())
    return new Authority(certificate, keys, algorithm)
  }

  /** A server's or a client's certificate. */
  async issue(subject: Subject): Promise<Credentials> {
    const keys = await generate(ALGORITHMS[subject.key ?? 'ec'])
    return credentials(await this.#sign(keys, nameOf(subject), subject, endEntityExtensions(subject)), keys)
  }

  /** Another certificate for the key of one that was issued, as PEM. */
  async renew({ key }: Credentials, subject: Subject): Promise<string> {
    const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
    const { subtle } = webcrypto
    const [privateKey, publicKey] = [
      await subtle.importKey('pkcs8', pkcs8, ALGORITHMS.ec, true, ['sign']),
      await subtle.importKey('spki', spki, ALGORITHMS.ec, true, ['verify']),
    ]
    const keys = { privateKey, publicKey }
    return (await this.#sign(keys, nameOf(subject), subject, endEntityExtensions(subject))).toString('pem')
  }

  /** A self-signed certificate. */
  static async selfSigned(subject: Subject): Promise<Credentials> {
    const algorithm = ALGORITHMS[subject.key ?? 'ec']
    const keys = await generate(algorithm)
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: nameOf(subject),
      keys,
      ...validity(subject),
      serialNumber: serial(),
      signingAlgorithm: algorithm,
      extensions: endEntityExtensions(subject),
    })
    return credentials(certificate, keys)
  }

  /** A CRL of this authority, as PEM. */
  async crl(revocations: Revocations = {}): Promise<string> {
    const { revoked = [], thisUpdate = hours(-1), nextUpdate = hours(24), issuer, extension } = revocations
    const crl = await x509.X509CrlGenerator.create({
      issuer: issuer ?? this.#certificate.subject,
      ...(extension && { extensions: [new x509.Extension(extension[0], true, extension[1])] }),
      thisUpdate,
      nextUpdate,
      entries: revoked.map(({ serialNumber }) => ({ serialNumber, revocationDate: thisUpdate })),
      signingAlgorithm: this.#algorithm,
      signingKey: this.#keys.privateKey,
    })
    // The library writes CRL, but RFC 7468 and OpenSSL require X509 CRL.
    return crl.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----')
  }

  #sign(
    keys: CryptoKeyPair,
    subject: string | x509.JsonName,
    dates: Subject,
    extensions: x509.Extension[],
  ): Promise<x509.X509Certificate> {
    return x509.X509CertificateGenerator.create({
      subject,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: this.#algorithm,
      ...validity(dates),
      serialNumber: serial(),
      extensions,
    })
  }
}

/** A temporary folder for PEM files. */
export class PemFolder implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static async create(): Promise<PemFolder> {
    return new PemFolder(await mkdtemp(join(tmpdir(), 'pem-')))
  }

  /** Overwrites a file in place and returns its path. */
  async write(name: string, ...pem: readonly string[]): Promise<string> {
    const path = join(this.path, name)
    await writeFile(path, `${pem.join('\n')}\n`)
    return path
  }

  /** Replaces a file in one step, as `mv` does. */
  async replace(name: string, ...pem: readonly string[]): Promise<string> {
    await rename(await this.write(`${name}.new`, ...pem), join(this.path, name))
    return join(this.path, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

/** The date that many hours from now. */
export function hours(count: number): Date {
  return new Date(Date.now() + count * 3_600_000)
}

interface Algorithm {
  readonly name: string
  readonly hash: string
  readonly namedCurve?: string
  readonly modulusLength?: number
  readonly publicExponent?: Uint8Array<ArrayBuffer>
}

const ALGORITHMS = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  weak: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
} as const satisfies Record<string, Algorithm>

type CryptoKeyPair = webcrypto.CryptoKeyPair

async function generate(algorithm: Algorithm): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm as unknown as webcrypto.EcKeyGenParams, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
}

function privateKeyPem({ privateKey }: CryptoKeyPair): string {
  return KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function validity({ notBefore = hours(-1), notAfter = hours(24 * 365) }: Subject): { notBefore: Date; notAfter: Date } {
  return { notBefore, notAfter }
}

/** A positive serial number, long enough to be unique. */
function serial(): string {
  return `1${randomBytes(15).toString('hex')}`.padStart(32, '0')
}

function authorityExtensions(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]
}

function endEntityExtensions({ names, emails, usages = ['serverAuth', 'clientAuth'] }: Subject): x509.Extension[] {
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(false)]
  if (usages.length > 0)
    extensions.push(new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])))
  if (names !== undefined || emails !== undefined)
    extensions.push(new x509.SubjectAlternativeNameExtension(alternativeNames(names ?? [], emails ?? [])))
  return extensions
}

function alternativeNames(dns: readonly string[], emails: readonly string[]): x509.JsonGeneralNames {
  const loopback = dns.includes('localhost') ? ['127.0.0.1', '::1'] : []
  return [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...loopback.map((value) => ({ type: 'ip' as const, value })),
    ...emails.map((value) => ({ type: 'email' as const, value })),
  ]
}

function nameOf({ commonName }: Subject): x509.JsonName {
  return commonName === undefined ? [{ O: ['Test'] }] : [{ CN: [commonName] }]
}

function credentials(certificate: x509.X509Certificate, keys: CryptoKeyPair): Credentials {
  return { cert: certificate.toString('pem'), key: privateKeyPem(keys), serialNumber: certificate.serialNumber }
}
