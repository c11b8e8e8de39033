/** Tests where a gateway may forward to, and that it goes nowhere else. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { ConfigError } from '../../src/config-error.ts'
import { Upstream } from '../../src/gateway/upstream.ts'
import type { ForwardOptions } from '../../src/gateway/upstream-options.ts'
import { Pki } from '../pki.ts'
import { ask, PATIENT } from '../requests.ts'
import { SECRET, secretFileOf, startBytes, startGateway } from './upstream.ts'

describe('the system behind a gateway', () => {
  let pki: Pki
  let secretFile: string

  before(async () => {
    pki = await Pki.create()
    secretFile = secretFileOf(pki)
  })

  after(() => pki[Symbol.asyncDispose]())

  const problemsOf = (url: unknown, options: unknown): readonly string[] => {
    try {
      void new Upstream(url as string, options as ForwardOptions).close()
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  }

  for (const url of [
    'http://127.0.0.1:8080',
    'http://127.0.0.1',
    'http://127.1.2.3:1/',
    'http://[::1]:8080',
    'unix:/run/clinical.sock',
  ]) {
    it(`may be at ${url}`, () => expect(problemsOf(url, { secretFile })).to.deep.equal([]))
  }

  // biome-ignore format: a table
  for (const url of [
    'http://localhost:8080', 'http://LOCALHOST', 'http://localhost.', 'http://10.0.0.1', 'http://0.0.0.0:1', 'http://[::]',
    'http://[::ffff:10.0.0.1]', 'http://example.test', 'http://127.0.0.1.example.test', 'http://127.0.0.1@10.0.0.1',
    'http://a:b@127.0.0.1', 'http://127.0.0.1:8080/path', 'http://127.0.0.1/?a', 'http://127.0.0.1/#a', 'http://127.0.0.1?',
    'http://128.0.0.1', 'http://2130706434000', 'ftp://127.0.0.1', 'ws://127.0.0.1', 'file:///etc/passwd', 'unix:relative.sock', 'unix:',
    '127.0.0.1:8080', '', 'http://', undefined, null, 42,
  ]) {
    it(`may not be at ${String(url)}`, () => {
      expect(problemsOf(url, { secretFile })).to.deep.equal([
        'the url of the upstream is none of http://127.0.0.1:PORT, unix:/PATH and https://HOST, without a path',
      ])
    })
  }

  it('needs mutual TLS on any other machine, and on this one if the URL says so', () => {
    for (const url of ['https://clinical.example.test', 'https://127.0.0.1:8443'])
      expect(problemsOf(url, { secretFile })).to.deep.equal([
        'certFile of the upstream is missing',
        'keyFile of the upstream is missing',
        'caFiles of the upstream is missing',
      ])
  })

  it('names everything that is wrong at once, and no value', () => {
    writeFileSync(pki.path('short.secret'), `${SECRET.slice(0, 31)}\n`)

    expect(
      problemsOf('http://10.0.0.9', {
        secretFile: pki.path('short.secret'),
        secret: 'x',
        connections: 1.5,
        connectSeconds: 0,
        headersSeconds: '30',
        idleSeconds: Number.NaN,
      }),
    ).to.deep.equal([
      'the option secret of the upstream does not exist',
      'the url of the upstream is none of http://127.0.0.1:PORT, unix:/PATH and https://HOST, without a path',
      'secretFile of the upstream has fewer than 32 bytes',
      'connections of the upstream is not between 1 and 10000',
      'connectSeconds of the upstream is not between 0.1 and 600',
      'headersSeconds of the upstream is not between 0.1 and 3600',
      'idleSeconds of the upstream is not between 1 and 3600',
    ])
    expect(problemsOf('http://127.0.0.1', {})).to.deep.equal(['secretFile of the upstream is missing'])
    expect(problemsOf('http://127.0.0.1', { secretFile: '/none' })).to.deep.equal([
      'secretFile of the upstream cannot be read (ENOENT)',
    ])
    expect(problemsOf('http://127.0.0.1', { secretFile, caFiles: pki.caFiles })).to.deep.equal([
      'certFile, keyFile and caFiles of the upstream are for https only',
    ])
    expect(problemsOf('http://127.0.0.1', undefined)).to.deep.equal(['the options of the upstream are not an object'])
  })

  it('is reached over a Unix socket', async () => {
    const path = pki.path('clinical.sock')
    const server = createHttpServer((_, response) => response.end('{"over":"a socket"}'))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    await using gateway = await startGateway(pki, `unix:${path}`)

    const { status, body } = await ask(gateway.port, pki, PATIENT)
    server.close()
    server.closeAllConnections()

    expect([status, body]).to.deep.equal([200, '{"over":"a socket"}'])
  })

  describe('over TLS', () => {
    const files = () => ({ certFile: pki.path('client.pem'), keyFile: pki.path('client.key'), caFiles: pki.caFiles })

    before(() => {
      const { cert, key } = pki.credentials('ssp-valid') as { cert: string; key: string }
      writeFileSync(pki.path('client.pem'), cert)
      writeFileSync(pki.path('client.key'), key)
    })

    it('is reached with a certificate of the gateway', async () => {
      await using upstream = await startTls(pki)
      await using gateway = await startGateway(pki, upstream.url, files())

      const { status, body } = await ask(gateway.port, pki, PATIENT)

      expect([status, JSON.parse(body)]).to.deep.equal([200, { authorized: true, protocol: 'http/1.1' }])
    })

    it('gets the certificate that is in the file when it connects', async () => {
      await using upstream = await startTls(pki)
      const { certFile, keyFile, caFiles } = files()
      writeFileSync(pki.path('renewed.pem'), 'not a certificate')
      copyFileSync(keyFile, pki.path('renewed.key'))
      await using gateway = await startGateway(pki, upstream.url, {
        certFile: pki.path('renewed.pem'),
        keyFile: pki.path('renewed.key'),
        caFiles,
      })
      const before = await ask(gateway.port, pki, PATIENT)
      copyFileSync(certFile, pki.path('renewed.pem'))
      const after = await ask(gateway.port, pki, PATIENT)

      expect([before.status, after.status]).to.deep.equal([502, 200])
    })

    it('is not reached if another authority has signed its certificate', async () => {
      await using upstream = await startTls(pki)
      await using gateway = await startGateway(pki, upstream.url, { ...files(), caFiles: [pki.path('client.pem')] })

      expect((await ask(gateway.port, pki, PATIENT)).status).to.equal(502)
      expect(upstream.requests()).to.equal(0)
    })

    it('is not reached under a name that its certificate does not have', async () => {
      await using upstream = await startTls(pki)
      await using gateway = await startGateway(pki, upstream.url.replace('localhost', '127.0.0.1'), files())

      expect((await ask(gateway.port, pki, PATIENT)).status).to.equal(502)
      expect(upstream.requests()).to.equal(0)
    })

    it('is not reached with a version that is older than 1.2', async () => {
      await using upstream = await startTls(pki, {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL:@SECLEVEL=0',
      })
      await using gateway = await startGateway(pki, upstream.url, files())

      expect((await ask(gateway.port, pki, PATIENT)).status).to.equal(502)
    })

    it('is not reached without TLS', async () => {
      await using upstream = await startBytes('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      const url = upstream.url.replace('http://127.0.0.1', 'https://localhost')
      await using gateway = await startGateway(pki, url, files())

      expect((await ask(gateway.port, pki, PATIENT)).status).to.equal(502)
    })
  })
})

/** An HTTPS server that asks for a certificate, and says whether it got one. */
async function startTls(pki: Pki, options: ServerOptions = {}) {
  let requests = 0
  const server = createHttpsServer(
    {
      cert: readFileSync(pki.path('server.pem')),
      key: readFileSync(pki.path('server.key')),
      ca: pki.caFiles.map((file) => readFileSync(file)),
      requestCert: true,
      rejectUnauthorized: true,
      ...options,
    },
    (request, response) => {
      requests += 1
      const { authorized, alpnProtocol } = request.socket as TLSSocket
      response.end(JSON.stringify({ authorized, protocol: alpnProtocol }))
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
