/** Generates a PKI for tests: `node src/make-pki.ts FOLDER`. Never trust its certificates outside a test. */
import 'reflect-metadata'
import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

/** The name in the client certificate, which the provider expects in `SSP_FQDNS`. */
const SSP_FQDN = 'ssp.example.test'
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
}
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MILLISECONDS = 86_400_000
/** The provider warns of a certificate 30 days before its end. */
const CERTIFICATE_DAYS = 90

// The library's types use the browser's Crypto type, which Node's types lack.
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node src/make-pki.ts FOLDER')
  process.exitCode = 2
} else {
  await makePki(folder)
}

type CryptoKeyPair = webcrypto.CryptoKeyPair

interface Holder {
  readonly certificate: x509.X509Certificate
  readonly keys: CryptoKeyPair
}

/** Writes authorities, their CRLs, a server certificate and three client certificates: valid, revoked and untrusted. */
async function makePki(folder: string): Promise<void> {
  const root = await authority('Throwaway Root')
  const sub = await authority('Throwaway SubCA', root)
  const foreign = await authority('Foreign Root')
  const server = await issue(sub, 'localhost', RSA, 'serverAuth', [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ])
  const ssp = await issue(sub, SSP_FQDN, EC, 'clientAuth', [{ type: 'dns', value: SSP_FQDN }])
  const revoked = await issue(sub, SSP_FQDN, EC, 'clientAuth', [{ type: 'dns', value: SSP_FQDN }])
  const untrusted = await issue(foreign, SSP_FQDN, EC, 'clientAuth', [{ type: 'dns', value: SSP_FQDN }])

  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files: Record<string, string> = {
    'ca.pem': pem(root, sub),
    'root.crl.pem': await crl(root, []),
    'sub.crl.pem': await crl(sub, [revoked]),
    'server.pem': pem(server, sub),
    'server.key': keyOf(server),
    'ssp.pem': pem(ssp, sub),
    'ssp.key': keyOf(ssp),
    'revoked.pem': pem(revoked, sub),
    'revoked.key': keyOf(revoked),
    'untrusted.pem': pem(untrusted),
    'untrusted.key': keyOf(untrusted),
  }
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text, { mode: 0o600 })))
  console.log(`wrote ${Object.keys(files).length} files; the client certificate is for ${SSP_FQDN}`)
}

async function authority(commonName: string, issuer?: Holder): Promise<Holder> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const extensions = [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]
  return { certificate: await sign(commonName, keys, issuer, extensions), keys }
}

async function issue(
  issuer: Holder,
  commonName: string,
  algorithm: typeof RSA | typeof EC,
  usage: 'serverAuth' | 'clientAuth',
  names: x509.JsonGeneralNames,
): Promise<Holder> {
  // The types have one overload per algorithm, and none for the union of both.
  const keys = (await webcrypto.subtle.generateKey(algorithm as typeof EC, true, ['sign', 'verify'])) as CryptoKeyPair
  const extensions = [
    new x509.SubjectAlternativeNameExtension(names),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  ]
  return { certificate: await sign(commonName, keys, issuer, extensions), keys }
}

function sign(
  commonName: string,
  keys: CryptoKeyPair,
  issuer: Holder | undefined,
  extensions: x509.Extension[],
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: issuer?.certificate.subject ?? `CN=${commonName}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: EC,
    serialNumber: `0${randomBytes(12).toString('hex').slice(1)}`,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + CERTIFICATE_DAYS * DAY_MILLISECONDS),
    extensions,
  })
}

async function crl(issuer: Holder, revoked: readonly Holder[]): Promise<string> {
  const made = await x509.X509CrlGenerator.create({
    issuer: issuer.certificate.subject,
    thisUpdate: new Date(Date.now() - 60_000),
    nextUpdate: new Date(Date.now() + 30 * DAY_MILLISECONDS),
    entries: revoked.map(({ certificate: { serialNumber } }) => ({ serialNumber, revocationDate: new Date() })),
    signingAlgorithm: EC,
    signingKey: issuer.keys.privateKey,
  })
  // The library writes CRL, but RFC 7468 and OpenSSL require X509 CRL.
  return made.toString('pem').replaceAll(' CRL-----', ' X509 CRL-----')
}

function pem(...holders: readonly Holder[]): string {
  return holders.map(({ certificate }) => `${certificate.toString('pem')}\n`).join('')
}

function keyOf({ keys }: Holder): string {
  return KeyObject.from(keys.privateKey as webcrypto.CryptoKey)
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
}
