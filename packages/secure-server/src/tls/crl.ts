/** Certificate revocation lists: parses PEM or DER, checks signatures and looks up serial numbers. */
import { verify, type X509Certificate } from 'node:crypto'
import { type DerElement, derElements, derSpan, derTime, expectTag, TAG } from './der.ts'

/** The CRL of one authority. */
export class Crl {
  readonly pem: string
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** The OIDs of the extensions that nobody may ignore, as hex. */
  readonly criticalExtensions: readonly string[]
  readonly #issuer: Buffer
  readonly #signed: Buffer
  readonly #signature: Buffer
  readonly #algorithm: string
  readonly #revoked: ReadonlySet<string>
  readonly #signers = new WeakMap<X509Certificate, boolean>()

  /** @throws {RangeError} Not a DER CRL with a nextUpdate. */
  constructor(der: Buffer) {
    // OpenSSL refuses an empty line before the END line. `match` gives none, even if the last line has all 64 characters.
    const lines = der.toString('base64').match(/.{1,64}/g) ?? []
    this.pem = ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n')
    const [list, ...rest] = derElements(der)
    if (rest.length > 0) throw new RangeError('bytes after the CRL')
    const [signed, algorithm, signature] = derElements(expectTag(list, TAG.sequence).content)
    this.#signed = expectTag(signed, TAG.sequence).whole
    this.#signature = expectTag(signature, TAG.bitString).content.subarray(1)
    const [oid] = derElements(expectTag(algorithm, TAG.sequence).content)
    this.#algorithm = expectTag(oid, TAG.oid).content.toString('hex')

    const fields = derElements(expectTag(signed, TAG.sequence).content)
    // Version is optional; signature algorithm and issuer follow.
    if (fields[0]?.tag === TAG.integer) fields.shift()
    this.#issuer = expectTag(fields[1], TAG.sequence).whole
    this.thisUpdate = derTime(fields[2])
    this.nextUpdate = derTime(fields[3])
    this.#revoked = serials(fields[4])
    this.criticalExtensions = criticalOids(fields.slice(4).find(({ tag }) => tag === TAG.extensions))
  }

  /** Whether this authority signed the list. */
  isSignedBy(authority: X509Certificate): boolean {
    const known = this.#signers.get(authority)
    if (known !== undefined) return known
    const signs = this.#verifiesWith(authority)
    this.#signers.set(authority, signs)
    return signs
  }

  /** Whether the name of its issuer is that of the authority, written with the same bytes (RFC 5280 section 5.1.2.3). */
  hasIssuer(authority: X509Certificate): boolean {
    return this.#issuer.equals(subjectOf(authority))
  }

  /** Whether `now` is between thisUpdate and nextUpdate, or no more than `graceMilliseconds` later. */
  isCurrent(now: number, graceMilliseconds = 0): boolean {
    return this.thisUpdate.getTime() <= now && now < this.nextUpdate.getTime() + graceMilliseconds
  }

  /** Whether a certificate that this CRL's authority issued is revoked. */
  revokes({ serialNumber }: X509Certificate): boolean {
    const hex = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`
    return this.#revoked.has(serialKey(Buffer.from(hex, 'hex').toString('latin1')))
  }

  #verifiesWith(authority: X509Certificate): boolean {
    const algorithm = ALGORITHMS.get(this.#algorithm)
    try {
      const { publicKey } = authority
      if (algorithm === undefined || publicKey.asymmetricKeyType !== algorithm.key) return false
      return verify(algorithm.hash, this.#signed, publicKey, this.#signature)
    } catch {
      // Node cannot read the key, so no signature can be verified with it.
      return false
    }
  }
}

/**
 * Every CRL of a file: one in DER, or any number in PEM.
 * @throws {RangeError} The file has no CRL, or one that does not parse.
 */
export function parseCrls(file: Buffer): Crl[] {
  if (file[0] === TAG.sequence) return [new Crl(file)]
  // RFC 7468 says X509 CRL; some tools write CRL.
  const blocks = file.toString('latin1').matchAll(/-----BEGIN (?:X509 )?CRL-----([^-]+)-----END (?:X509 )?CRL-----/g)
  const crls = [...blocks].map(([, base64 = '']) => new Crl(Buffer.from(base64, 'base64')))
  if (crls.length === 0) throw new RangeError('no CRL in the file')
  return crls
}

/** Signature algorithms by the hex of their OID, from RFC 4055, RFC 5758 and RFC 8410; none uses SHA-1. */
const ALGORITHMS: ReadonlyMap<string, { readonly key: string; readonly hash: string | null }> = new Map([
  ['2a864886f70d01010b', { key: 'rsa', hash: 'sha256' }],
  ['2a864886f70d01010c', { key: 'rsa', hash: 'sha384' }],
  ['2a864886f70d01010d', { key: 'rsa', hash: 'sha512' }],
  ['2a8648ce3d040302', { key: 'ec', hash: 'sha256' }],
  ['2a8648ce3d040303', { key: 'ec', hash: 'sha384' }],
  ['2a8648ce3d040304', { key: 'ec', hash: 'sha512' }],
  ['2b6570', { key: 'ed25519', hash: null }],
])

/** The subject's name in DER. Its fields are those of RFC 5280 section 4.1: version, serial number, algorithm, issuer, validity, subject. */
function subjectOf({ raw }: X509Certificate): Buffer {
  const [certificate] = derElements(raw)
  const [signed] = derElements(expectTag(certificate, TAG.sequence).content)
  const fields = derElements(expectTag(signed, TAG.sequence).content)
  // Version is optional.
  if (fields[0]?.tag === TAG.version) fields.shift()
  return expectTag(fields[4], TAG.sequence).whole
}

function criticalOids(extensions: DerElement | undefined): string[] {
  if (extensions === undefined) return []
  const [list] = derElements(extensions.content)
  return derElements(expectTag(list, TAG.sequence).content).flatMap((extension) => {
    const [oid, critical] = derElements(expectTag(extension, TAG.sequence).content)
    const isCritical = critical?.tag === TAG.boolean && critical.content[0] !== 0
    return isCritical ? [expectTag(oid, TAG.oid).content.toString('hex')] : []
  })
}

/** The serial numbers of the revoked list. An empty list is omitted, and the field is then the extensions. */
function serials(revoked: DerElement | undefined): Set<string> {
  const found = new Set<string>()
  if (revoked?.tag !== TAG.sequence) return found
  const { content } = revoked
  // Uses spans, which copy nothing: parsing 100,000 entries must not block requests for seconds.
  for (let offset = 0; offset < content.length; ) {
    const entry = derSpan(content, offset)
    const serial = derSpan(content, entry.start)
    if (entry.tag !== TAG.sequence || serial.tag !== TAG.integer || serial.end > entry.end)
      throw new RangeError('unexpected DER element')
    found.add(serialKey(content.toString('latin1', serial.start, serial.end)))
    offset = entry.end
  }
  return found
}

/** The bytes of a serial number without leading zeros, which DER adds and Node's hex form omits. */
function serialKey(bytes: string): string {
  let zeros = 0
  while (bytes.charCodeAt(zeros) === 0) zeros += 1
  return zeros === 0 ? bytes : bytes.slice(zeros)
}
