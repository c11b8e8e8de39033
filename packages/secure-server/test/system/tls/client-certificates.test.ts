import { once } from 'node:events'
import { Agent } from 'node:https'
import { expect } from 'chai'
import { atOnce } from '../../../../../test/faults/at-once.ts'
import type { ClientCertificatePolicy } from '../../../src/index.ts'
import { expectRejection, received, type TestOptions, TestServer, until } from '../../harness.ts'
import { Authority, type Credentials, hours, PemFolder } from '../../pki.ts'

const FQDN = 'proxy.client.example'

/** A root and a subordinate authority, their CRLs as files, and one valid client certificate. */
class ClientPki implements AsyncDisposable {
  readonly folder: PemFolder
  readonly root: Authority
  readonly sub: Authority
  readonly good: Credentials

  static async create(): Promise<ClientPki> {
    const root = await Authority.root('Client Root')
    const sub = await root.subordinate('Client Sub')
    const pki = new ClientPki(await PemFolder.create(), root, sub, await sub.issue({ names: [FQDN] }))
    await pki.folder.write('ca.pem', root.cert, sub.cert)
    await pki.revoke()
    return pki
  }

  private constructor(folder: PemFolder, root: Authority, sub: Authority, good: Credentials) {
    this.folder = folder
    this.root = root
    this.sub = sub
    this.good = good
  }

  /** Writes both CRLs into one file. The subordinate's CRL revokes the given certificates. */
  async revoke(...revoked: readonly Credentials[]): Promise<void> {
    await this.folder.write('crl.pem', await this.sub.crl({ revoked }), await this.root.crl())
  }

  policy(policy: Partial<ClientCertificatePolicy> = {}): ClientCertificatePolicy {
    const { path } = this.folder
    return { caFiles: [`${path}/ca.pem`], crlFiles: [`${path}/crl.pem`], fqdns: [FQDN], mode: 'strict', ...policy }
  }

  start(policy: Partial<ClientCertificatePolicy> = {}, options: TestOptions = {}): Promise<TestServer> {
    return TestServer.start({ ...options, tls: { clientCertificates: this.policy(policy), ...options.tls } })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.folder[Symbol.asyncDispose]()
  }
}

/** Every reason to refuse a certificate. */
const REFUSED: readonly [what: string, make: (pki: ClientPki) => Promise<Credentials | undefined>, code: string][] = [
  ['no certificate', async () => undefined, 'CERT_MISSING'],
  ['an expired one', ({ sub }) => sub.issue({ names: [FQDN], notAfter: hours(-0.5) }), 'CERT_HAS_EXPIRED'],
  ['one not yet valid', ({ sub }) => sub.issue({ names: [FQDN], notBefore: hours(1) }), 'CERT_NOT_YET_VALID'],
  ['another name', ({ sub }) => sub.issue({ names: ['other.example'] }), 'FQDN_MISMATCH'],
  ['a name below it', ({ sub }) => sub.issue({ names: [`x.${FQDN}`] }), 'FQDN_MISMATCH'],
  ['a wildcard', ({ sub }) => sub.issue({ names: ['*.client.example'] }), 'FQDN_MISMATCH'],
  ['no name', ({ sub }) => sub.issue({}), 'FQDN_MISMATCH'],
  [
    'the name as CN beside another SAN',
    ({ sub }) => sub.issue({ commonName: FQDN, names: ['other.example'] }),
    'FQDN_MISMATCH',
  ],
  [
    'the name as CN beside a SAN without names',
    ({ sub }) => sub.issue({ commonName: FQDN, names: [], emails: ['a@b.example'] }),
    'FQDN_MISMATCH',
  ],
  ['a wildcard CN', ({ sub }) => sub.issue({ commonName: '*.client.example' }), 'FQDN_MISMATCH'],
  ['server authentication only', ({ sub }) => sub.issue({ names: [FQDN], usages: ['serverAuth'] }), 'INVALID_PURPOSE'],
  [
    'an unknown authority',
    async () => (await Authority.root('Stranger')).issue({ names: [FQDN] }),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ],
  [
    'an authority of the same name',
    async () => (await Authority.root('Client Sub')).issue({ names: [FQDN] }),
    'CERT_SIGNATURE_FAILURE',
  ],
  // OpenSSL reports the last problem, and this certificate has no CRL either.
  ['a self-signed one', () => Authority.selfSigned({ names: [FQDN] }), 'UNABLE_TO_GET_CRL'],
  [
    'a revoked one',
    async (pki) => {
      const it = await pki.sub.issue({ names: [FQDN] })
      await pki.revoke(it)
      return it
    },
    'CERT_REVOKED',
  ],
]

describe('client certificates', () => {
  for (const [what, make, code] of REFUSED) {
    it(`closes the connection of ${what} before any byte of HTTP (strict)`, async () => {
      await using pki = await ClientPki.create()
      const credentials = await make(pki)
      await using server = await pki.start()

      const socket = await server.tls({ ...credentials })
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

      expect(await received(socket)).to.equal('')
      expect(server.of('client.refused').map((event) => event.code)).to.deep.equal([code])
    })

    it(`refuses ${what} on every path (respond)`, async () => {
      await using pki = await ClientPki.create()
      const credentials = await make(pki)
      await using server = await pki.start({ mode: 'respond' })

      for (const request of [
        'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
        'OPTIONS * HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nBad Header\r\n\r\n',
        'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
      ]) {
        const socket = await server.tls({ ...credentials })
        socket.write(request)
        const answer = await received(socket)
        expect(answer, request).to.match(credentials === undefined ? /^HTTP\/1\.1 496 / : /^HTTP\/1\.1 495 /)
        expect(answer).to.include('no-store').and.not.include('hello')
      }
      expect(new Set(server.of('client.refused').map((event) => event.code))).to.deep.equal(new Set([code]))
    })
  }

  for (const mode of ['strict', 'respond'] as const)
    for (const [what, subject] of [
      ['a SAN', { names: [FQDN] }],
      ['a SAN in different case', { names: ['Proxy.client.EXAMPLE'] }],
      ['one of several SANs', { names: ['a.example', FQDN] }],
      ['a CN and no SAN', { commonName: FQDN }],
      ['no extended key usage', { names: [FQDN], usages: [] }],
    ] as const)
      it(`accepts ${what} (${mode})`, async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start({ mode })

        expect((await server.send('/', { ...(await pki.sub.issue(subject)) })).body).to.equal('hello')
      })

  it('refuses a path through a subordinate that only the client sends', async () => {
    await using pki = await ClientPki.create()
    const caFiles = [await pki.folder.write('root.pem', pki.root.cert)]
    await using server = await TestServer.start({ tls: { clientCertificates: { caFiles, mode: 'strict' } } })
    const { cert, key } = pki.good

    expect(await received(await server.tls({ cert: `${cert}\n${pki.sub.cert}`, key }))).to.equal('')
    expect(server.of('client.refused')[0]?.code).to.equal('UNABLE_TO_GET_ISSUER_CERT')
  })

  it('names the refused certificate in the event, without control characters', async () => {
    await using pki = await ClientPki.create()
    await using server = await pki.start()
    const credentials = await pki.sub.issue({ commonName: 'evil\u001b[31m\u2028é' })

    await received(await server.tls({ ...credentials }))

    const [event] = server.of('client.refused')
    expect(event?.certificate).to.include({ subject: 'CN=evil\\1B[31m??', issuer: 'CN=Client Sub' })
    expect(event?.certificate?.serialNumber).to.equal(credentials.serialNumber.toUpperCase())
    expect(event?.address).to.equal('127.0.0.1')
  })

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`resumes no session (${maxVersion})`, async () => {
      await using pki = await ClientPki.create()
      await using server = await pki.start({ mode: 'respond' })
      const first = await server.tls({ ...pki.good, maxVersion })
      let session = first.getSession()
      first.on('session', (newer) => {
        session = newer
      })
      first.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      expect(await received(first)).to.include('hello')

      const second = await server.tls({ maxVersion, ...(session && { session }) })

      expect(second.isSessionReused()).to.equal(false)
      second.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      expect(await received(second)).to.match(/^HTTP\/1\.1 496 /)
    })

  describe('changes while connections are open', () => {
    for (const mode of ['strict', 'respond'] as const)
      it(
        `closes connections of a revoked certificate, and no others (${mode})`,
        atOnce(async () => {
          await using pki = await ClientPki.create()
          await using server = await pki.start({ mode })
          const revoked = await pki.sub.issue({ names: [FQDN] })
          const [cut, kept] = [await server.tls({ ...revoked }), await server.tls({ ...pki.good })]

          await pki.revoke(revoked)

          expect(await received(cut)).to.equal('')
          kept.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
          expect(await received(kept)).to.include('hello')
          expect(server.of('client.refused').map(({ code }) => code)).to.deep.equal(['CERT_REVOKED'])
        }),
      )

    it(
      'closes every connection of a revoked certificate, also two from one port to two addresses of the server',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start()
        const revoked = await pki.sub.issue({ names: [FQDN] })
        const first = await server.tls({ ...revoked, host: '127.0.0.1', localAddress: '127.0.0.1' } as never)
        const same = { localAddress: '127.0.0.1', localPort: first.localPort }
        const second = await server.tls({ ...revoked, host: '127.0.0.2', ...same } as never)
        const closed = [received(first), received(second)]

        await pki.revoke(revoked)

        await Promise.all(closed)
        await until(() => server.running.load().connections === 0)
        expect(server.of('client.refused').map(({ code }) => code)).to.deep.equal(['CERT_REVOKED', 'CERT_REVOKED'])
      }),
    )

    it(
      'closes the connection of a revoked certificate during a request',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        let running = false
        await using server = await pki.start(
          {},
          {
            listener: () => {
              running = true
            },
          },
        )
        const socket = await server.tls({ ...pki.good })
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        await until(() => running)

        await pki.revoke(pki.good)

        expect(await received(socket)).to.equal('')
      }),
    )

    it(
      'uses a CRL that is replaced by rename',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start()
        const socket = await server.tls({ ...pki.good })

        await pki.folder.replace('crl.pem', await pki.sub.crl({ revoked: [pki.good] }), await pki.root.crl())

        expect(await received(socket)).to.equal('')
      }),
    )

    it(
      'closes connections of an authority that is no longer trusted, and accepts those of a new one',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await using other = await ClientPki.create()
        await using server = await pki.start({ crlFiles: undefined as never })
        const socket = await server.tls({ ...pki.good })

        await pki.folder.write('ca.pem', other.root.cert, other.sub.cert)

        expect(await received(socket)).to.equal('')
        expect((await server.send('/', { ...other.good })).body).to.equal('hello')
      }),
    )

    it(
      'refuses every client and closes open connections once a CRL is past its nextUpdate, and warns before',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await pki.folder.write(
          'crl.pem',
          await pki.sub.crl({ nextUpdate: new Date(Date.now() + 5000) }),
          await pki.root.crl(),
        )
        await using server = await pki.start({ mode: 'respond' })
        const open = await server.tls({ ...pki.good })
        expect(server.of('crl.expiring')).to.have.length(2)

        expect(await received(open)).to.equal('')
        expect((await server.send('/', { ...pki.good })).status).to.equal(495)
        expect(server.of('client.refused')[0]?.code).to.equal('CRL_HAS_EXPIRED')
        await until(() => server.of('crl.stale').length === 1)
      }),
    )

    it(
      'accepts clients again when a current CRL replaces a stale one',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await pki.folder.write('crl.pem', await pki.sub.crl({ nextUpdate: hours(-0.1) }), await pki.root.crl())
        await using server = await pki.start({ mode: 'respond' })
        expect((await server.send('/', { ...pki.good })).status).to.equal(495)

        await pki.revoke()

        await until(async () => (await server.send('/', { ...pki.good })).status === 200)
      }),
    )

    it(
      'closes the connection of a certificate that expires',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start()
        const socket = await server.tls({
          ...(await pki.sub.issue({ names: [FQDN], notAfter: new Date(Date.now() + 5000) })),
        })

        expect(await received(socket)).to.equal('')
        expect(server.of('client.refused')[0]?.code).to.equal('CERT_HAS_EXPIRED')
      }),
    )

    it(
      'keeps a connection open when a change does not affect it',
      atOnce(async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start()
        const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: server.authority.cert, ...pki.good })
        await server.send('/', { agent })

        await pki.revoke(await pki.sub.issue({ names: [FQDN] }))
        await until(() => server.of('trust.loaded').length === 2)

        expect((await server.send('/', { agent })).headers.connection).to.equal('keep-alive')
        expect(server.running.load().connections).to.equal(1)
        agent.destroy()
      }),
    )
  })

  it('refuses every client when a CRL of the path is missing, and names its issuer', async () => {
    await using pki = await ClientPki.create()
    await pki.folder.write('crl.pem', await pki.sub.crl())
    await using server = await pki.start({ mode: 'respond' })

    expect((await server.send('/', { ...pki.good })).status).to.equal(495)
    expect(server.of('client.refused')[0]?.code).to.equal('UNABLE_TO_GET_CRL')
    expect(server.of('crl.missing')).to.deep.equal([{ type: 'crl.missing', issuer: 'CN=Client Root' }])
  })

  for (const [what, write] of [
    ['garbage', (pki) => pki.folder.write('crl.pem', 'garbage')],
    ['an empty file', (pki) => pki.folder.write('crl.pem', '')],
    ['half a CRL', async (pki) => pki.folder.write('crl.pem', (await pki.sub.crl()).slice(0, 200))],
    [
      'a CRL of a stranger',
      async (pki) => pki.folder.write('crl.pem', await (await Authority.root('Client Sub')).crl()),
    ],
    ['a CA file that is not a certificate', (pki) => pki.folder.write('ca.pem', 'garbage')],
  ] as readonly [string, (pki: ClientPki) => Promise<string>][])
    it(`reports and refuses ${what}, and keeps the old files`, async () => {
      await using pki = await ClientPki.create()
      const revoked = await pki.sub.issue({ names: [FQDN] })
      await pki.revoke(revoked)
      await using server = await pki.start({ mode: 'respond' })

      const path = await write(pki)
      await until(() => server.of('trust.refused').length === 1)

      expect(server.of('trust.refused')[0]?.reason).to.include(path)
      expect((await server.send('/', { ...pki.good })).status).to.equal(200)
      expect((await server.send('/', { ...revoked })).status).to.equal(495)
      await expectRejection(server.running.reload(), 'ERR_TRUST_INVALID')
      await expectRejection(pki.start(), 'ERR_TRUST_INVALID')
    })

  describe('the option check', () => {
    it('delays the connection, and the request on it, until it resolves', async () => {
      await using pki = await ClientPki.create()
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const seen: string[] = []
      await using server = await pki.start(
        {
          check: ({ serialNumber }) => {
            seen.push(serialNumber)
            return promise
          },
        },
        {
          listener: (_request, response) => {
            seen.push('served')
            response.end('hello')
          },
        },
      )
      const socket = await server.tls({ ...pki.good })
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      await until(() => seen.length > 0)
      await new Promise(setImmediate)
      expect(seen).to.deep.equal([pki.good.serialNumber.toUpperCase()])

      resolve(undefined)

      expect(await received(socket)).to.include('hello')
    })

    for (const [what, check, code] of [
      ['resolves to a code', async () => 'OCSP_REVOKED', 'OCSP_REVOKED'],
      ['rejects', () => Promise.reject(new Error('no answer')), 'CHECK_FAILED'],
      [
        'throws',
        () => {
          throw new Error('defect')
        },
        'CHECK_FAILED',
      ],
      ['never resolves', () => new Promise<undefined>(() => {}), 'CHECK_TIMEOUT'],
    ] as readonly [string, () => Promise<string | undefined>, string][])
      it(`refuses the client when it ${what}`, async () => {
        await using pki = await ClientPki.create()
        await using server = await pki.start({ check }, { limits: { clientCheckSeconds: 0.2 } })
        const socket = await server.tls({ ...pki.good })
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')

        expect(await received(socket)).to.equal('')
        expect(server.of('client.refused')[0]?.code).to.equal(code)
      })

    it('is not called for a certificate that is refused anyway', async () => {
      await using pki = await ClientPki.create()
      let asked = 0
      await using server = await pki.start({
        check: async () => {
          asked += 1
          return undefined
        },
      })

      await received(await server.tls({ ...(await pki.sub.issue({ names: ['other.example'] })) }))

      expect(asked).to.equal(0)
    })
  })

  for (const [areOne, open] of [
    [false, 1],
    [true, 3],
  ] as const)
    it(`${areOne ? 'leaves accepted clients out of' : 'counts accepted clients in'} connectionsPerAddress`, async () => {
      await using pki = await ClientPki.create()
      await using server = await pki.start({ areOne }, { limits: { connectionsPerAddress: 1 } })

      for (let i = 0; i < 3; i += 1) {
        const socket = await server.tls({ ...pki.good })
        socket.on('error', () => {})
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        await once(socket, 'data')
      }

      expect(server.running.load().connections).to.equal(open)
    })

  it('does not let strangers displace accepted clients of the same address', async () => {
    await using pki = await ClientPki.create()
    await using server = await pki.start({ areOne: true }, { limits: { connectionsPerAddress: 2 } })
    const accepted = [await server.tls({ ...pki.good }), await server.tls({ ...pki.good })]
    for (const socket of accepted) {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'data')
    }

    const strangers = await Promise.all(Array.from({ length: 6 }, () => server.tcp()))
    await until(() => server.of('connection.refused').length === 4)

    expect(accepted.map(({ destroyed }) => destroyed)).to.deep.equal([false, false])
    for (const socket of strangers) socket.destroy()
  })

  for (const [what, policy] of [
    ['without an authority', { caFiles: [] }],
    ['with no name', { fqdns: [] }],
    ['with a wildcard name', { fqdns: ['*.client.example'] }],
    ['with a name that starts with a dot', { fqdns: ['.example'] }],
    ['with negative warning days', { crlWarningDays: -1 }],
  ] as readonly [string, Partial<ClientCertificatePolicy>][])
    it(`does not start ${what}`, async () => {
      await using pki = await ClientPki.create()

      await expectRejection(pki.start(policy), 'ERR_OPTIONS_INVALID')
    })
})
