/** A test PKI in a folder: authorities like the Spine's, and client certificates, valid or invalid in every way. */
import 'reflect-metadata'
import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

export const SSP_FQDN = 'msg.dev.spine2.example.test'

/** The names of client certificates in the cases. */
export type ClientName =
  | 'ssp-valid'
  | 'ssp-expired'
  | 'ssp-not-yet-valid'
  | 'ssp-wrong-fqdn'
  | 'ssp-untrusted-ca'
  | 'ssp-revoked'
  | 'ssp-soon-revoked'
  | 'ssp-revoked-sub-ca'
  | 'cn-only'
  | 'cn-ssp-san-other'
  | 'san-wildcard'
  | 'eku-serverauth-only'

/** A certificate chain and its key, as PEM. */
export interface Credentials {
  readonly cert: string
  readonly key: string
}

/** One authority or end entity. */
export interface Holder {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

/** The contents of a certificate. */
interface Subject {
  readonly commonName: string
  readonly names?: readonly string[]
  readonly notBefore?: number
  readonly notAfter?: number
  readonly usage?: 'serverAuth' | 'clientAuth'
  readonly rsa?: boolean
}

// The library's types use the browser's Crypto type, which Node's types lack.
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
}

/** The files and credentials of one PKI. Its folder and CRLs are its own; the folder is removed on disposal. */
export class Pki implements AsyncDisposable {
  readonly folder: string
  readonly root: Holder
  readonly sub: Holder
  readonly clients: ReadonlyMap<ClientName, Holder>
  readonly #issuers: ReadonlyMap<ClientName, Holder>
  readonly caPem: string
  readonly #credentials = new Map<ClientName, Credentials>()

  private constructor(
    folder: string,
    root: Holder,
    sub: Holder,
    others: Holder[],
    clients: Map<ClientName, Holder>,
    issuers: Map<ClientName, Holder>,
  ) {
    this.folder = folder
    this.root = root
    this.sub = sub
    this.clients = clients
    this.#issuers = issuers
    this.caPem = pem(root, sub, ...others)
  }

  static async create(): Promise<Pki> {
    made ??= makeHolders()
    const { root, sub, revokedSub, server, clients, issuers } = await made
    const folder = await mkdtemp(join(tmpdir(), 'gp-connect-pki-'))
    const pki = new Pki(folder, root, sub, [revokedSub], clients, issuers)
    await pki.write('server.pem', pem(server, sub))
    await pki.write('server.key', keyOf(server))
    await pki.write('ca.pem', pki.caPem)
    await pki.write('root.crl.pem', await crl(root, [revokedSub]))
    await pki.write('revoked-sub.crl.pem', await crl(revokedSub, []))
    await pki.revoke(['ssp-revoked'])
    return pki
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  get caFiles(): string[] {
    return [this.path('ca.pem')]
  }

  get crlFiles(): string[] {
    return ['root.crl.pem', 'sub.crl.pem', 'revoked-sub.crl.pem'].map((name) => this.path(name))
  }

  /** The certificate and key of a client; undefined for none. */
  credentials(name: ClientName | 'none'): Credentials | undefined {
    if (name === 'none') return undefined
    const known = this.#credentials.get(name)
    if (known !== undefined) return known
    const holders = [this.clients.get(name), this.#issuers.get(name)].filter((one) => one !== undefined)
    const [holder] = holders
    if (holder === undefined) return undefined
    const credentials = { cert: pem(...holders), key: keyOf(holder) }
    this.#credentials.set(name, credentials)
    return credentials
  }

  /** Publishes a CRL of the SubCA, by rename or by overwriting the old one. */
  async revoke(
    names: readonly ClientName[],
    how: 'rename' | 'in place' = 'rename',
    nextUpdateHours = 24,
  ): Promise<void> {
    const revoked = names.flatMap((name) => this.clients.get(name) ?? [])
    const text = await crl(this.sub, revoked, nextUpdateHours)
    if (how === 'in place') return await this.write('sub.crl.pem', text)
    await this.write('sub.crl.pem.new', text)
    await rename(this.path('sub.crl.pem.new'), this.path('sub.crl.pem'))
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(this.path(name), text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** The certificates of every PKI of this process: they take long to make, and nobody changes them. */
let made: ReturnType<typeof makeHolders> | undefined

async function makeHolders() {
  const root = await authority('Spine Root')
  const sub = await authority('Spine SubCA', root)
  const foreign = await authority('Other Root')
  const revokedSub = await authority('Spine SubCA that was revoked', root)
  const server = await issue(sub, { commonName: 'localhost', names: ['localhost'], usage: 'serverAuth', rsa: true })
  const ssp: Subject = { commonName: SSP_FQDN, names: [SSP_FQDN] }
  const subjects: Record<ClientName, Subject> = {
    'ssp-valid': ssp,
    'ssp-expired': { ...ssp, notBefore: -72, notAfter: -1 },
    'ssp-not-yet-valid': { ...ssp, notBefore: 24 },
    'ssp-wrong-fqdn': { commonName: 'other.example.test', names: ['other.example.test'] },
    'ssp-untrusted-ca': ssp,
    'ssp-revoked': ssp,
    'ssp-soon-revoked': ssp,
    'ssp-revoked-sub-ca': ssp,
    'cn-only': { commonName: SSP_FQDN },
    'cn-ssp-san-other': { commonName: SSP_FQDN, names: ['other.example.test'] },
    'san-wildcard': { commonName: 'wildcard', names: ['*.dev.spine2.example.test'] },
    'eku-serverauth-only': { ...ssp, usage: 'serverAuth' },
  }
  const clients = new Map<ClientName, Holder>()
  const issuers = new Map<ClientName, Holder>()
  for (const [name, subject] of Object.entries(subjects) as [ClientName, Subject][]) {
    const issuer = name === 'ssp-untrusted-ca' ? foreign : name === 'ssp-revoked-sub-ca' ? revokedSub : sub
    issuers.set(name, issuer)
    clients.set(name, await issue(issuer, subject))
  }
  return { root, sub, revokedSub, server, clients, issuers }
}

/** The serial number of a client's certificate, in upper-case hexadecimal. */
export function serialOf(holder: Holder | undefined): string {
  return holder?.certificate.serialNumber.toUpperCase() ?? ''
}

/** A certificate authority: a subordinate if it has an issuer, otherwise a root. */
export async function authority(commonName: string, issuer?: Holder): Promise<Holder> {
  const keys = (await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  return sign({ commonName }, keys, issuer, [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ])
}

/** Issues an end-entity certificate. */
export async function issue(issuer: Holder, subject: Subject): Promise<Holder> {
  const algorithm = subject.rsa === true ? RSA : EC
  const keys = (await webcrypto.subtle.generateKey(algorithm as typeof EC, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const { names = [], usage = 'clientAuth' } = subject
  return sign(subject, keys, issuer, [
    ...(names.length === 0
      ? []
      : [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))]),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  ])
}

/** Certificates as concatenated PEM. */
export function pem(...holders: readonly Holder[]): string {
  return holders.map(({ certificate }) => `${certificate.toString('pem')}\n`).join('')
}

/** A private key as PEM. */
export function keyOf({ keys }: Holder): string {
  return KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
}

async function sign(
  { commonName, notBefore = -1, notAfter = 24 * 365 }: Subject,
  keys: webcrypto.CryptoKeyPair,
  issuer: Holder | undefined,
  extensions: x509.Extension[],
): Promise<Holder> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: issuer?.certificate.subject ?? `CN=${commonName}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: EC,
    serialNumber: `1${randomBytes(15).toString('hex')}`.padStart(32, '0'),
    notBefore: hours(notBefore),
    notAfter: hours(notAfter),
    extensions,
  })
  return { certificate, keys }
}

async function crl(issuer: Holder, revoked: readonly Holder[], nextUpdateHours = 24): Promise<string> {
  const made = await x509.X509CrlGenerator.create({
    issuer: issuer.certificate.subject,
    thisUpdate: hours(-1),
    nextUpdate: hours(nextUpdateHours),
    entries: revoked.map(({ certificate: { serialNumber } }) => ({ serialNumber, revocationDate: hours(-1) })),
    signingAlgorithm: EC,
    signingKey: issuer.keys.privateKey,
  })
  // The library writes CRL, but RFC 7468 and OpenSSL require X509 CRL.
  return `${made.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----')}\n`
}

function hours(count: number): Date {
  return new Date(Date.now() + count * 3_600_000)
}
