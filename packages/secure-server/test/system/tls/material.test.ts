import { unlink } from 'node:fs/promises'
import { Agent } from 'node:https'
import { expect } from 'chai'
import { expectRejection, TestServer, until } from '../../harness.ts'
import { type Credentials, hours } from '../../pki.ts'

/** Fingerprint of the certificate that a new connection receives. */
async function shown(server: TestServer): Promise<string> {
  const socket = await server.tls()
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

async function issued(server: TestServer, notAfter = hours(24 * 300)): Promise<Credentials> {
  return server.authority.issue({ names: ['localhost'], notAfter })
}

describe('reloading the certificate', () => {
  it('serves the new certificate when the files are overwritten, and keeps connections open', async () => {
    await using server = await TestServer.start()
    const before = await shown(server)
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: server.authority.cert })
    await server.send('/', { agent })
    const { cert, key } = await issued(server)

    await server.folder.write('cert.pem', cert)
    await server.folder.write('key.pem', key)
    await until(async () => (await shown(server)) !== before)

    expect((await server.send('/', { agent })).headers.connection).to.equal('keep-alive')
    expect(server.of('certificate.loaded')).to.have.length(2)
    expect(server.of('certificate.loaded')[1]?.fingerprint256).to.equal(await shown(server))
    agent.destroy()
  })

  it('drops no request during the change', async () => {
    await using server = await TestServer.start()
    const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: server.authority.cert })
    const statuses: number[] = []
    let changing = true
    const clients = Array.from({ length: 4 }, async () => {
      while (changing) {
        statuses.push((await server.send('/', { agent })).status, (await server.send('/')).status)
      }
    })

    for (let i = 0; i < 3; i++) {
      const { cert, key } = await issued(server)
      await server.folder.replace('key.pem', key)
      await server.folder.replace('cert.pem', cert)
      await until(() => server.of('certificate.loaded').length === i + 2)
    }
    changing = false
    await Promise.all(clients)

    expect(new Set(statuses)).to.deep.equal(new Set([200]))
    agent.destroy()
  })

  it('notices a change that keeps the size and time of the file', async () => {
    await using server = await TestServer.start()
    const { cert, key } = await issued(server)
    const other = await issued(server)
    await server.folder.replace('key.pem', key)
    await server.folder.replace('cert.pem', cert)
    await until(() => server.of('certificate.loaded').length === 2)

    await server.folder.write('cert.pem', other.cert)
    await server.folder.write('key.pem', other.key)

    await until(() => server.of('certificate.loaded').length === 3)
  })

  it('reports when the certificate expires, and warns 30 days before', async () => {
    await using server = await TestServer.start()
    expect(server.running.certificate()?.daysLeft).to.equal(364)
    expect(server.of('certificate.expiring')).to.deep.equal([])
    const { cert, key } = await issued(server, hours(24 * 29.5))

    await server.folder.replace('key.pem', key)
    await server.folder.replace('cert.pem', cert)
    await until(() => server.of('certificate.expiring').length === 1)

    expect(server.of('certificate.expiring')[0]?.daysLeft).to.equal(29)
    expect(server.running.certificate()?.daysLeft).to.equal(29)
    expect(server.running.certificate()?.notAfter).to.be.a('date')
  })

  it('reads the files at once on reload()', async () => {
    await using server = await TestServer.start()
    const before = await shown(server)
    const { cert, key } = await issued(server)
    await server.folder.replace('key.pem', key)
    await server.folder.replace('cert.pem', cert)

    await server.running.reload()

    expect(await shown(server)).to.not.equal(before)
  })

  for (const [what, spoil, reason] of [
    ['garbage as the certificate', ({ folder }) => folder.write('cert.pem', 'garbage'), 'is not PEM'],
    ['garbage as the key', ({ folder }) => folder.write('key.pem', 'garbage'), 'is not PEM'],
    ['an empty certificate', ({ folder }) => folder.write('cert.pem', ''), 'is empty'],
    [
      'a certificate for another key',
      async (server) => server.folder.write('cert.pem', (await issued(server)).cert),
      'does not belong',
    ],
    ['an expired pair', async (server) => writePair(server, await issued(server, hours(-0.1))), 'is expired'],
    [
      'a pair that is not valid yet',
      async (server) => writePair(server, await server.authority.issue({ names: ['localhost'], notBefore: hours(1) })),
      'is not valid before',
    ],
    ['no file', ({ folder }) => unlink(`${folder.path}/key.pem`), 'cannot be read (ENOENT)'],
  ] as readonly [string, (server: TestServer) => Promise<unknown>, string][])
    it(`reports and refuses ${what}, keeps serving the old pair, and accepts a valid one afterwards`, async () => {
      await using server = await TestServer.start()
      const before = await shown(server)

      await spoil(server)
      await until(() => server.of('certificate.refused').length > 0)

      expect(server.of('certificate.refused')[0]?.reason).to.include(reason)
      expect(await shown(server)).to.equal(before)
      await expectRejection(server.running.reload(), 'ERR_CERTIFICATE_INVALID')
      await writePair(server, await issued(server))
      await until(async () => (await shown(server)) !== before)
    })

  it('emits no second refusal while nothing changes, and ignores a touched file with the same contents', async () => {
    await using server = await TestServer.start()
    await server.folder.write('cert.pem', 'garbage')
    await until(() => server.of('certificate.refused').length === 1)
    const good = await issued(server)
    await writePair(server, good)
    await until(() => server.of('certificate.loaded').length === 2)

    await writePair(server, good)
    await server.folder.write('cert.pem', 'other garbage')
    await until(() => server.of('certificate.refused').length === 2)

    expect(server.of('certificate.loaded')).to.have.length(2)
  })

  for (const [what, make] of [
    ['an expired certificate', (server: TestServer) => issued(server, hours(-0.1))],
    [
      'a certificate that is not valid yet',
      (server: TestServer) => server.authority.issue({ names: ['localhost'], notBefore: hours(1) }),
    ],
    ['a key of 1024 bits', (server: TestServer) => server.authority.issue({ names: ['localhost'], key: 'weak' })],
  ] as const)
    it(`does not start with ${what}`, async () => {
      await using server = await TestServer.start()
      const { cert, key } = await make(server)
      const tls = {
        certFile: await server.folder.write('c.pem', cert),
        keyFile: await server.folder.write('k.pem', key),
      }

      await expectRejection(TestServer.start({ tls }), 'ERR_CERTIFICATE_INVALID')
    })

  it('names the file, but not its contents, when it cannot start', async () => {
    await using server = await TestServer.start()
    const keyFile = await server.folder.write(
      'k.pem',
      '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----',
    )

    const unread = await expectRejection(
      TestServer.start({ tls: { certFile: '/no/such/file' } }),
      'ERR_CERTIFICATE_INVALID',
    )
    const unparsed = await expectRejection(TestServer.start({ tls: { keyFile } }), 'ERR_CERTIFICATE_INVALID')

    expect(unread.message).to.equal('/no/such/file cannot be read (ENOENT)')
    expect(unparsed.message).to.include(`${keyFile}: the key does not parse`).and.not.include('c2Vjcm')
  })
})

async function writePair({ folder }: TestServer, { cert, key }: Credentials): Promise<void> {
  await folder.write('cert.pem', cert)
  await folder.write('key.pem', key)
}
