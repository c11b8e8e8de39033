import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { startServer, type TlsOptions } from '../../src/index.ts'
import { expectRejection, received, serverCredentials, TestServer } from '../harness.ts'
import type { Credentials } from '../pki.ts'

/** Clients whose handshake must fail, with the server key type that their cipher suite needs. */
const REFUSED: readonly [what: string, key: 'rsa' | 'ec', client: ConnectionOptions][] = [
  ['TLS 1.0', 'rsa', { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' }],
  ['TLS 1.1', 'rsa', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }],
  ...['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA256', 'AES256-SHA', 'NULL-SHA256', 'NULL-MD5'].map(suite),
  ...['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES256-SHA384', 'ECDHE-RSA-NULL-SHA', 'DHE-RSA-AES256-GCM-SHA384'].map(suite),
  ...['AECDH-AES256-SHA', 'ADH-AES256-GCM-SHA384', 'CAMELLIA256-SHA', 'ARIA128-GCM-SHA256'].map(suite),
  ['ECDHE-ECDSA-AES256-SHA', 'ec', tls12('ECDHE-ECDSA-AES256-SHA@SECLEVEL=0')],
  ['ECDHE-ECDSA-AES256-CCM8', 'ec', tls12('ECDHE-ECDSA-AES256-CCM8@SECLEVEL=0')],
]

/** Every suite that the server offers by default. */
const OFFERED: readonly [suite: string, key: 'rsa' | 'ec', client: ConnectionOptions][] = [
  ['TLS_AES_256_GCM_SHA384', 'rsa', { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_256_GCM_SHA384' }],
  ['TLS_CHACHA20_POLY1305_SHA256', 'rsa', { minVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
  ['TLS_AES_128_GCM_SHA256', 'ec', { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' }],
  ['ECDHE-RSA-AES256-GCM-SHA384', 'rsa', tls12('ECDHE-RSA-AES256-GCM-SHA384')],
  ['ECDHE-RSA-AES128-GCM-SHA256', 'rsa', tls12('ECDHE-RSA-AES128-GCM-SHA256')],
  ['ECDHE-RSA-CHACHA20-POLY1305', 'rsa', tls12('ECDHE-RSA-CHACHA20-POLY1305')],
  ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ec', tls12('ECDHE-ECDSA-AES256-GCM-SHA384')],
  ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ec', tls12('ECDHE-ECDSA-AES128-GCM-SHA256')],
  ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ec', tls12('ECDHE-ECDSA-CHACHA20-POLY1305')],
]

/** The cipher list that GP Connect requires, without DSS and CCM: a custom list that includes DHE. */
const OWN_LIST = 'AESGCM+EECDH:AESGCM+EDH:AES256+EECDH:AES256+EDH:!aDSS:!AESCCM:!AESCCM8'
const OWN_SUITES = [
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'DHE-RSA-AES256-GCM-SHA384',
  'DHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA',
  'DHE-RSA-AES256-SHA256',
  'DHE-RSA-AES256-SHA',
]

describe('TLS', () => {
  const servers = {} as Record<'rsa' | 'ec', TestServer>
  before(async () => {
    for (const key of ['rsa', 'ec'] as const) servers[key] = await TestServer.start({ key })
  })
  after(async () => {
    for (const server of Object.values(servers)) await server[Symbol.asyncDispose]()
  })

  for (const [what, key, client] of REFUSED)
    it(`refuses ${what}, which a server without the policy accepts`, async () => {
      await using permissive = await PermissiveServer.start(await serverCredentials(key))
      await permissive.handshake(client)

      const failed = await servers[key].tls(client).then(
        () => 'connected',
        () => 'failed',
      )

      expect(failed).to.equal('failed')
      expect(servers[key].of('connection.refused').at(-1)?.reason).to.equal('handshake')
    })

  for (const [suite, key, client] of OFFERED)
    it(`offers ${suite}`, async () => {
      const socket = await servers[key].tls(client)

      expect(socket.getCipher().standardName === suite || socket.getCipher().name === suite).to.equal(true)
      expect(socket.getEphemeralKeyInfo()).to.have.property('type')
      socket.destroy()
    })

  for (const [version, weaker, stronger] of [
    ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
  ] as const)
    it(`chooses the suite by its own order, not the client's (${version})`, async () => {
      const options = { minVersion: version, maxVersion: version, ciphers: `${weaker}:${stronger}` }
      const socket = await servers.rsa.tls(options)

      expect(socket.getCipher().name).to.equal(stronger)
      socket.destroy()
    })

  it('refuses renegotiation by the client', async () => {
    const socket = await servers.rsa.tls({ maxVersion: 'TLSv1.2' })
    const error = await new Promise((resolve) => {
      socket.on('error', resolve)
      socket.renegotiate({}, resolve)
    })

    expect(error).to.be.an('error').with.property('code', 'ERR_SSL_NO_RENEGOTIATION')
    socket.destroy()
  })

  it('drops plain HTTP without a byte of HTTP in return', async () => {
    const socket = await servers.ec.tcp()
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

    expect(await received(socket)).to.not.include('HTTP')
    expect(servers.ec.of('connection.refused').at(-1)).to.include({ reason: 'handshake', code: 'ERR_SSL_HTTP_REQUEST' })
  })

  it('speaks HTTP/1.1 only, even to clients that prefer HTTP/2', async () => {
    const socket = await servers.ec.tls({ ALPNProtocols: ['h2', 'http/1.1'] })

    expect(socket.alpnProtocol).to.equal('http/1.1')
    socket.destroy()
  })

  it('resumes sessions if it requests no client certificate', async () => {
    const first = await servers.ec.tls({ maxVersion: 'TLSv1.2' })
    const session = first.getSession()
    first.destroy()

    const second = await servers.ec.tls({ maxVersion: 'TLSv1.2', ...(session && { session }) })

    expect(second.isSessionReused()).to.equal(true)
    second.destroy()
  })

  it('can be restricted to TLS 1.2 or to TLS 1.3', async () => {
    await using only12 = await TestServer.start({ tls: { maxVersion: 'TLSv1.2' } })
    await using only13 = await TestServer.start({ tls: { minVersion: 'TLSv1.3' } })

    const sockets = [await only12.tls(), await only13.tls()]
    expect(sockets.map((socket) => socket.getProtocol())).to.deep.equal(['TLSv1.2', 'TLSv1.3'])
    for (const socket of sockets) socket.destroy()
    await expectRejection(only12.tls({ minVersion: 'TLSv1.3' }), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    await expectRejection(only13.tls({ maxVersion: 'TLSv1.2' }), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  it('negotiates every suite of a custom list, DHE with at least 2048 bits', async () => {
    await using server = await TestServer.start({ key: 'rsa', tls: { ciphers: OWN_LIST, maxVersion: 'TLSv1.2' } })

    for (const suite of OWN_SUITES) {
      const socket = await server.tls({ ciphers: suite, maxVersion: 'TLSv1.2' })
      expect(socket.getCipher().name).to.equal(suite)
      const { type, size = 0 } = socket.getEphemeralKeyInfo() as { type?: string; size?: number }
      if (suite.startsWith('DHE')) expect([type, size >= 2048]).to.deep.equal(['DH', true])
      socket.destroy()
    }
  })

  it('keeps TLS 1.3 on when a custom list has none of its suites', async () => {
    await using server = await TestServer.start({ key: 'rsa', tls: { ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' } })

    const socket = await server.tls()
    expect(socket.getProtocol()).to.equal('TLSv1.3')
    socket.destroy()
  })

  it('accepts a custom list with suites of TLS 1.3 only', async () => {
    await using server = await TestServer.start({ tls: { ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3' } })

    const socket = await server.tls()
    expect(socket.getCipher().name).to.equal('TLS_AES_128_GCM_SHA256')
    socket.destroy()
  })

  for (const [what, tls] of [
    ['a cipher list without a known suite', { ciphers: 'NO-SUCH-SUITE' }],
    ['a minimum version above the maximum', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }],
  ] as readonly [string, Partial<TlsOptions>][])
    it(`does not start with ${what}`, () => expectRejection(TestServer.start({ tls }), 'ERR_OPTIONS_INVALID'))

  it('does not start without TLS unless a proxy is trusted, nor with both', async () => {
    await expectRejection(
      startServer(() => {}, { port: 0 }),
      'ERR_OPTIONS_INVALID',
    )
    const tls = { certFile: 'cert.pem', keyFile: 'key.pem' }
    await expectRejection(
      startServer(() => {}, { port: 0, tls, trustProxy: ['127.0.0.1'] }),
      'ERR_OPTIONS_INVALID',
    )
  })
})

function suite(name: string): [string, 'rsa', ConnectionOptions] {
  return [name, 'rsa', tls12(`${name}@SECLEVEL=0`)]
}

function tls12(ciphers: string): ConnectionOptions {
  return { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers }
}

/** A server that accepts everything OpenSSL supports. It proves that a client is refused by the policy alone. */
class PermissiveServer implements AsyncDisposable {
  readonly #server
  private constructor(credentials: Credentials) {
    this.#server = createServer({
      ...credentials,
      minVersion: 'TLSv1',
      ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0',
      dhparam: 'auto',
    })
  }

  static async start(credentials: Credentials): Promise<PermissiveServer> {
    const server = new PermissiveServer(credentials)
    server.#server.listen(0)
    await once(server.#server, 'listening')
    return server
  }

  async handshake(options: ConnectionOptions): Promise<void> {
    const { port } = this.#server.address() as AddressInfo
    const socket: TLSSocket = connect({ port, host: 'localhost', rejectUnauthorized: false, ...options })
    await once(socket, 'secureConnect')
    socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}
