import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { expect } from 'chai'
import { Crl, parseCrls } from '../../src/tls/crl.ts'
import { Authority, type Credentials } from '../pki.ts'

describe('CRL', () => {
  let authority: Authority
  let other: Authority
  let credentials: Credentials
  before(async () => {
    authority = await Authority.root('CA')
    other = await Authority.root('CA', { key: 'rsa' })
    credentials = await authority.issue({})
  })

  it('has its dates, its signer and its revoked certificates', async () => {
    const thisUpdate = new Date('2026-01-02T03:04:05Z')
    const nextUpdate = new Date('2051-01-02T03:04:05Z')
    const [crl] = parseCrls(Buffer.from(await authority.crl({ revoked: [credentials], thisUpdate, nextUpdate })))

    expect(crl?.thisUpdate).to.deep.equal(thisUpdate)
    expect(crl?.nextUpdate).to.deep.equal(nextUpdate)
    expect(crl?.isSignedBy(new X509Certificate(authority.cert))).to.equal(true)
    expect(crl?.isSignedBy(new X509Certificate(other.cert))).to.equal(false)
    expect(crl?.revokes(new X509Certificate(credentials.cert))).to.equal(true)
    expect(crl?.revokes(new X509Certificate((await authority.issue({})).cert))).to.equal(false)
    expect(crl?.isCurrent(thisUpdate.getTime() - 1)).to.equal(false)
    expect(crl?.isCurrent(nextUpdate.getTime() - 1)).to.equal(true)
    expect(crl?.isCurrent(nextUpdate.getTime())).to.equal(false)
  })

  it('parses from RSA authorities, from files with several CRLs, and from DER', async () => {
    const pem = [await other.crl(), 'some text', await authority.crl()].join('\n')
    const [first, second, ...rest] = parseCrls(Buffer.from(pem))

    expect(rest).to.deep.equal([])
    expect(first?.isSignedBy(new X509Certificate(other.cert))).to.equal(true)
    expect(second?.isSignedBy(new X509Certificate(authority.cert))).to.equal(true)
    const der = Buffer.from((second?.pem ?? '').replace(/-----[^-]+-----/g, ''), 'base64')
    expect(parseCrls(der)[0]?.isSignedBy(new X509Certificate(authority.cert))).to.equal(true)
  })

  it('writes PEM that OpenSSL can read, for every length', async () => {
    const revoked = await Promise.all(Array.from({ length: 4 }, () => authority.issue({})))
    // Names of different lengths give base64 whose last line has every possible length, including a full line.
    for (let length = 1; length <= 64; length++) {
      const issuer = await Authority.root('n'.repeat(length))
      const [crl] = parseCrls(Buffer.from(await issuer.crl({ revoked })))

      expect(() => createSecureContext({ ca: issuer.cert, crl: crl?.pem ?? '' }), `name of ${length}`).to.not.throw()
    }
  })

  it('has no valid signature when any byte of it changes', async () => {
    const der = await derOf(authority)
    const signer = new X509Certificate(authority.cert)
    for (let at = 8; at < der.length; at += 7) {
      const changed = Buffer.from(der)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      let signed = false
      try {
        signed = new Crl(changed).isSignedBy(signer)
      } catch (error) {
        expect(error, `byte ${at}`).to.be.instanceOf(Error)
      }
      expect(signed, `byte ${at}`).to.equal(false)
    }
  })

  it('is refused when it is truncated at any byte', async () => {
    const der = await derOf(authority)
    for (let length = 0; length < der.length; length++)
      expect(() => new Crl(der.subarray(0, length)), `${length}`).to.throw(RangeError)
  })

  it('is refused with trailing bytes, and without a nextUpdate', async () => {
    const der = await derOf(authority)
    expect(() => new Crl(Buffer.concat([der, Buffer.from('0500', 'hex')]))).to.throw(RangeError)
    expect(() => parseCrls(Buffer.from('no CRL'))).to.throw(RangeError)
    // Only version, algorithm, issuer and thisUpdate.
    const noNextUpdate =
      '3029' +
      '301d' +
      '020101' +
      '300506032b6570' +
      '3000' +
      '170d3236303130323033303430355a' +
      '300506032b6570' +
      '030100'
    expect(() => new Crl(Buffer.from(noNextUpdate, 'hex'))).to.throw(RangeError)
  })

  it('parses all of 100,000 entries', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) =>
      der(0x30, der(0x02, integer(i + 0x1000)), der(0x17, Buffer.from('260102030405Z'))),
    )
    const algorithm = der(0x30, der(0x06, Buffer.from('2b6570', 'hex')))
    const time = der(0x17, Buffer.from('260102030405Z'))
    const signed = der(0x30, algorithm, der(0x30), time, time, der(0x30, ...entries))

    const crl = new Crl(der(0x30, signed, algorithm, der(0x03, Buffer.from([0]))))

    expect(crl.revokes({ serialNumber: (99_999 + 0x1000).toString(16) } as X509Certificate)).to.equal(true)
    expect(crl.revokes({ serialNumber: (100_000 + 0x1000).toString(16) } as X509Certificate)).to.equal(false)
  })
})

/** A DER element that contains others. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const length =
    body.length < 128 ? Buffer.from([body.length]) : Buffer.concat([Buffer.from([0x84]), integer(body.length)])
  return Buffer.concat([Buffer.from([tag]), length, body])
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

async function derOf(authority: Authority): Promise<Buffer> {
  return Buffer.from((await authority.crl()).replace(/-----[^-]+-----/g, ''), 'base64')
}
