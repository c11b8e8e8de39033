import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { type ServerOptions, startServer } from '../src/index.ts'
import { Authority, PemFolder } from './pki.ts'

describe('startServer', () => {
  it('serves over TLS', async () => {
    await using folder = await PemFolder.create()
    const authority = await Authority.root('Test CA')
    const { cert, key } = await authority.issue({ names: ['localhost'] })
    await using server = await startServer((_request, response) => response.end('hello'), {
      port: 0,
      tls: { certFile: await folder.write('cert.pem', cert), keyFile: await folder.write('key.pem', key) },
    })

    const sent = request({ port: server.port, host: 'localhost', ca: authority.cert, agent: false }).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]

    expect(answer.statusCode).to.equal(200)
    expect(await text(answer)).to.equal('hello')
    expect(answer.headers['cache-control']).to.equal('no-store')
  })

  it('has option types that reject mistakes at compile time', () => {
    const tls = { certFile: 'cert.pem', keyFile: 'key.pem' }
    const mistakes: ServerOptions[] = [
      // @ts-expect-error a port is required
      { tls },
      // @ts-expect-error TLS 1.1 is not available
      { port: 0, tls: { ...tls, minVersion: 'TLSv1.1' } },
      // @ts-expect-error the name of a limit ends with its unit
      { port: 0, tls, limits: { idle: 10 } },
      // @ts-expect-error there are two modes
      { port: 0, tls: { ...tls, clientCertificates: { caFiles: ['ca.pem'], mode: 'optional' } } },
      // @ts-expect-error there are no default authorities
      { port: 0, tls: { ...tls, clientCertificates: { mode: 'strict' } } },
    ]
    expect(mistakes).to.have.length(5)
  })
})
