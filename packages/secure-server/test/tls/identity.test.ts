import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import { parseIdentity } from '../../src/index.ts'
import { TestServer } from '../harness.ts'
import { Authority, type Credentials, hours } from '../pki.ts'

const BYTE_ORDER_MARK = '\ufeff'

describe('a certificate and its key', () => {
  let root: Authority
  let sub: Authority
  let own: Credentials
  let other: Credentials
  before(async () => {
    root = await Authority.root('Root')
    sub = await root.subordinate('Sub')
    own = await sub.issue({ names: ['localhost'] })
    other = await sub.issue({ names: ['localhost'] })
  })

  function identity(cert: string | Buffer, key: string | Buffer = own.key) {
    const [certFile, keyFile] = [cert, key].map((contents) => Buffer.from(contents))
    return parseIdentity(
      { path: 'cert.pem', contents: certFile as Buffer },
      { path: 'key.pem', contents: keyFile as Buffer },
    )
  }

  const crlf = (text: string) => text.replaceAll('\n', '\r\n')

  for (const [what, certificates, keyText] of [
    ['in order', () => [own.cert, sub.cert, root.cert]],
    ['with the authorities first', () => [root.cert, sub.cert, own.cert]],
    ['with the issuers in the wrong order', () => [own.cert, root.cert, sub.cert]],
    ['with the leaf twice', () => [own.cert, own.cert, sub.cert, root.cert, sub.cert]],
    ['with the key in the same file, first', () => [own.key, own.cert, sub.cert, root.cert]],
    ['with the key in the same file, last', () => [own.cert, sub.cert, root.cert, own.key]],
    ['with line ends of Windows', () => [crlf(own.cert), crlf(sub.cert), crlf(root.cert)], () => crlf(own.key)],
    [
      'with text before, between and after',
      () => ['Bag Attributes\n  friendlyName: café', own.cert, 'subject=CN = Sub', sub.cert, root.cert, 'end'],
      () => `Key of the server\n${own.key}`,
    ],
    [
      'with a byte order mark',
      () => [`${BYTE_ORDER_MARK}${own.cert}`, sub.cert, root.cert],
      () => BYTE_ORDER_MARK + own.key,
    ],
    ['with two keys, of which one fits', () => [own.cert, sub.cert, root.cert], () => other.key + own.key],
    [
      'with a key in the old form, after its parameters',
      () => [own.cert, sub.cert, root.cert],
      () =>
        `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${createPrivateKey(own.key).export({ type: 'sec1', format: 'pem' })}`,
    ],
  ] as readonly [string, () => string[], (() => string)?][])
    it(`are read ${what}: the leaf comes first, then each issuer`, () => {
      const { cert, key, fingerprint256 } = identity(certificates().join('\n'), keyText?.() ?? own.key)

      expect(names(cert)).to.deep.equal(['O=Test', 'CN=Sub', 'CN=Root'])
      expect(fingerprint256).to.equal(new X509Certificate(own.cert).fingerprint256)
      expect(new X509Certificate(own.cert).checkPrivateKey(createPrivateKey(key))).to.equal(true)
    })

  it('are read with a renewed certificate beside an expired one of the same key', async () => {
    const renewed = new X509Certificate(own.cert)
    const expired = await sub.renew(own, { names: ['localhost'], notAfter: hours(-0.5) })

    expect(identity(`${expired}\n${own.cert}`).fingerprint256).to.equal(renewed.fingerprint256)
  })

  const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64')
  const sealed = (type: 'pkcs8' | 'sec1') =>
    createPrivateKey(own.key)
      .export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as never)
      .toString()

  for (const [what, cert, key, message] of [
    [
      'the key of another',
      () => own.cert,
      () => other.key,
      'the key in key.pem does not belong to the certificate in cert.pem',
    ],
    [
      'the key of none',
      () => root.cert + sub.cert,
      () => own.key,
      'the key in key.pem does not belong to any of the 2 certificates in cert.pem',
    ],
    [
      'an encrypted key',
      () => own.cert,
      () => sealed('pkcs8'),
      'key.pem: the key is encrypted with a password, which nobody can type at a start',
    ],
    [
      'an encrypted key in the old form',
      () => own.cert,
      () => sealed('sec1'),
      'key.pem: the key is encrypted with a password, which nobody can type at a start',
    ],
    [
      'DER instead of PEM',
      () => der(own.cert),
      () => own.key,
      'cert.pem has no certificate in PEM: it is DER or PKCS #12, not PEM',
    ],
    [
      'a key in DER',
      () => own.cert,
      () => der(own.key),
      'key.pem has no private key in PEM: it is DER or PKCS #12, not PEM',
    ],
    ['an empty certificate', () => '', () => own.key, 'cert.pem has no certificate in PEM: it is empty'],
    ['an empty key', () => own.cert, () => ' \r\n', 'key.pem has no private key in PEM: it is empty'],
    [
      'the two files exchanged',
      () => own.key,
      () => own.cert,
      'cert.pem has no certificate in PEM: it has PRIVATE KEY instead',
    ],
    [
      'a certificate as the key',
      () => own.cert,
      () => own.cert,
      'key.pem has no private key in PEM: it has CERTIFICATE instead',
    ],
    [
      'a request for a certificate',
      () => own.cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
      () => own.key,
      'cert.pem has no certificate in PEM: it has CERTIFICATE REQUEST instead',
    ],
    [
      'a key of SSH',
      () => own.cert,
      () => own.key.replaceAll('PRIVATE', 'OPENSSH PRIVATE'),
      'key.pem has no private key in PEM: it has OPENSSH PRIVATE KEY instead',
    ],
    [
      'UTF-16',
      () => Buffer.from(`\ufeff${own.cert}`, 'utf16le'),
      () => own.key,
      'cert.pem has no certificate in PEM: it is UTF-16: save it as ASCII',
    ],
    [
      'a certificate that is cut off',
      () => own.cert.slice(0, 200),
      () => own.key,
      'cert.pem has no certificate in PEM: it is PEM that is cut off',
    ],
    ['other text', () => 'garbage', () => own.key, 'cert.pem has no certificate in PEM: it is not PEM'],
  ] as readonly [string, () => string | Buffer, () => string | Buffer, string][])
    it(`are refused with ${what}, and the message says so`, () => {
      expect(() => identity(cert(), key()))
        .to.throw(message)
        .with.property('code', 'ERR_CERTIFICATE_INVALID')
    })

  it('are refused with one certificate of several that does not parse, and the message says which', () => {
    const broken = sub.cert.replace(/\n[A-Za-z0-9+/]{64}\n/, '\n')

    expect(() => identity(own.cert + broken)).to.throw(/^cert\.pem: certificate 2 of 2 does not parse \(ERR_/)
  })

  it('are refused with a key that is too weak for the server, also where no server starts', async () => {
    const weak = await sub.issue({ names: ['localhost'], key: 'weak' })

    expect(() => identity(weak.cert, weak.key)).to.throw(
      'cert.pem: the certificate cannot be used (ERR_SSL_EE_KEY_TOO_SMALL)',
    )
  })

  it('are refused before and after the time for which they are valid, and the message has the date', async () => {
    const early = await sub.issue({ names: ['localhost'], notBefore: hours(2) })
    const late = await sub.issue({ names: ['localhost'], notAfter: hours(-0.5) })

    expect(() => identity(early.cert, early.key)).to.throw(/^cert\.pem: the certificate is not valid before \d{4}-/)
    expect(() => identity(late.cert, late.key)).to.throw(/^cert\.pem: the certificate is expired since \d{4}-/)
  })

  it('are served with their chain to a client that knows the root only, although the authority is first', async () => {
    await using server = await TestServer.start()
    const certFile = await server.folder.write('chain.pem', root.cert, sub.cert, own.cert, own.key)
    await using chained = await TestServer.start({ tls: { certFile, keyFile: certFile } })

    const socket = await chained.tls({ ca: root.cert })

    expect(socket.authorized).to.equal(true)
    socket.destroy()
  })
})

function names(pem: Buffer): string[] {
  const blocks = pem.toString().match(/-----BEGIN [\s\S]*?END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block).subject)
}
