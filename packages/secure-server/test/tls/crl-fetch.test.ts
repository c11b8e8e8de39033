import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { ClientCertificatePolicy, CrlFetchOptions, ServerEvent } from '../../src/index.ts'
import { expectRejection, received, TestServer, until } from '../harness.ts'
import { Authority, type Credentials, hours, PemFolder, type Revocations } from '../pki.ts'

/** An issuing distribution point, in DER: `onlyContainsCACerts`. */
const FOR_AUTHORITIES = new Uint8Array([0x30, 3, 0x82, 1, 0xff])
/** The integer 1 in DER. */
const ONE = new Uint8Array([2, 1, 1])

describe('CRLs from distribution points', () => {
  it('are fetched at the start, in PEM or DER, and decide about clients', async () => {
    await using pki = await FetchedPki.create()
    const revoked = await pki.sub.issue({})
    await pki.publish({ revoked: [revoked] })
    await using server = await pki.start()

    expect([await pki.ask(server), await pki.ask(server, revoked)]).to.deep.equal(['200', ''])
    expect(server.of('client.refused').map(({ code }) => code)).to.deep.equal(['CERT_REVOKED'])
    expect(server.of('crl.fetched').map(({ host }) => host)).to.deep.equal([pki.host, pki.host])
  })

  it('are fetched again on a schedule, and close the connections of what is revoked', async () => {
    await using pki = await FetchedPki.create()
    await using server = await pki.start({ everyMinutes: 0.01 })
    const socket = await server.tls({ ...pki.good })
    expect(await pki.ask(server)).to.equal('200')

    await pki.publish({ revoked: [pki.good] })

    await received(socket)
    expect(server.of('client.refused').map(({ code }) => code)).to.deep.equal(['CERT_REVOKED'])
  })

  it('are kept in a file that only its owner can read, and used when a later start reaches nobody', async () => {
    await using pki = await FetchedPki.create()
    await pki.publish({ revoked: [pki.good] })
    await (await pki.start())[Symbol.asyncDispose]()
    expect((await stat(pki.file)).mode & 0o777).to.equal(0o600)
    await chmod(pki.file, 0o644)
    pki.answer = undefined

    await using server = await pki.start()

    expect(await pki.ask(server)).to.equal('')
    expect(server.of('crl.refused').map(({ reason }) => reason)).to.deep.equal(['unreachable', 'unreachable'])
    expect((await stat(pki.file)).mode & 0o777).to.equal(0o600)
  })

  it('replace a file that is damaged, or half written by a process that died', async () => {
    await using pki = await FetchedPki.create()
    await (await pki.start())[Symbol.asyncDispose]()
    const whole = await readFile(pki.file)
    for (const rest of [whole.subarray(0, 300), Buffer.from('nonsense'), Buffer.alloc(0)]) {
      await writeFile(pki.file, rest)
      await writeFile(`${pki.file}.new`, rest)

      await using server = await pki.start()

      expect(await pki.ask(server)).to.equal('200')
      expect(await readFile(pki.file)).to.deep.equal(whole)
    }
  })

  it('are not written again while they are the same', async () => {
    await using pki = await FetchedPki.create()
    await using server = await pki.start({ everyMinutes: 0.01 })
    const { ino } = await stat(pki.file)

    await until(() => server.of('crl.fetched').length >= 4)

    expect((await stat(pki.file)).ino).to.equal(ino)
    expect(server.of('trust.loaded')).to.have.length(1)
  })

  it('have their age and their end in crls()', async () => {
    await using pki = await FetchedPki.create()
    await pki.publish({ thisUpdate: hours(-2), nextUpdate: hours(60) })
    await using server = await pki.start()

    const found = server.running.crls()

    expect(found.map(({ issuer }) => issuer)).to.deep.equal(['CN=Client Root', 'CN=Client Sub'])
    for (const crl of found) {
      expect(crl.ageSeconds).to.be.within(7200, 7300)
      expect(crl.daysLeft).to.equal(2)
      expect(crl.nextUpdate.getTime() - crl.thisUpdate.getTime()).to.be.within(
        62 * 3_600_000 - 2000,
        62 * 3_600_000 + 2000,
      )
    }
  })

  it('are announced before they end', async () => {
    await using pki = await FetchedPki.create()
    await pki.publish({ nextUpdate: hours(40) })
    await using server = await pki.start()

    await until(() => server.of('crl.expiring').length === 2)
  })

  for (const [reason, what, answer, options] of [
    [
      'status',
      'is a redirect',
      (_request, response) => void response.writeHead(302, { Location: '/root.crl' }).end(),
      {},
    ],
    ['status', 'is an error', (_request, response) => void response.writeHead(503).end(), {}],
    [
      'encoding',
      'is compressed',
      (_request, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x'),
      {},
    ],
    [
      'size',
      'says that it is too long',
      (_request, response) => void response.writeHead(200, { 'Content-Length': 1025 }).flushHeaders(),
      { maxBytes: 1024 },
    ],
    ['size', 'is too long', (_request, response) => void response.write('x'.repeat(2000)), { maxBytes: 1024 }],
    ['timeout', 'never comes', () => {}, { timeoutSeconds: 0.2 }],
    ['timeout', 'never ends', (_request, response) => void response.write('x'), { timeoutSeconds: 0.2 }],
    [
      'unreachable',
      'is cut',
      (request, response) => {
        response.writeHead(200, { 'Content-Length': 100 })
        response.write('x', () => request.socket.destroy())
      },
      {},
    ],
    ['form', 'is something else', (_request, response) => void response.end('<html></html>'), {}],
    ['form', 'is empty', (_request, response) => void response.end(), {}],
  ] as readonly [string, string, RequestListener, Partial<CrlFetchOptions>][])
    it(`are refused with ${reason} where the answer ${what}`, async () => {
      await using pki = await FetchedPki.create()
      pki.answer = answer

      const events = await pki.startInVain(options)

      expect(reasons(events)).to.deep.equal([reason, reason])
    })

  for (const [reason, what, make] of [
    ['form', 'are two in one', async (pki) => (await pki.root.crl()) + (await pki.sub.crl())],
    ['issuer', 'are of a stranger', async () => (await Authority.root('Stranger')).crl()],
    ['issuer', 'are of a stranger of the same name', async () => (await Authority.root('Client Root')).crl()],
    ['issuer', 'have another name and the right signature', (pki) => pki.root.crl({ issuer: 'CN=Other' })],
    ['early', 'are of the future', (pki) => pki.root.crl({ thisUpdate: hours(1) })],
    ['extension', 'list only what has changed', (pki) => pki.root.crl({ extension: ['2.5.29.27', ONE] })],
    [
      'extension',
      'have a critical extension that nobody knows',
      (pki) => pki.root.crl({ extension: ['1.2.3.4', ONE] }),
    ],
  ] as readonly [string, string, (pki: FetchedPki) => Promise<string>][])
    it(`are refused with ${reason} if they ${what}`, async () => {
      await using pki = await FetchedPki.create()
      const crl = await make(pki)
      pki.answer = (_request, response) => void response.end(crl)

      expect(reasons(await pki.startInVain())).to.deep.equal([reason, reason])
    })

  it('are refused with older if a newer one is kept, and the newer one stays in use', async () => {
    await using pki = await FetchedPki.create()
    await pki.publish({ revoked: [pki.good], thisUpdate: hours(-1) })
    await (await pki.start())[Symbol.asyncDispose]()
    await pki.publish({ thisUpdate: hours(-2) })

    await using server = await pki.start()

    expect(server.of('crl.refused').map(({ reason }) => reason)).to.deep.equal(['older', 'older'])
    expect(await pki.ask(server)).to.equal('')
  })

  for (const [what, urls, options] of [
    ['a private address', (port: number) => `http://127.0.0.1:${port}/`, {}],
    ['a private address in IPv6', (port: number) => `http://[::ffff:127.0.0.1]:${port}/`, {}],
    ['a name of a private address', (port: number) => `http://localhost:${port}/`, {}],
    [
      'a private address beside the allowed ones',
      (port: number) => `http://127.0.0.1:${port}/`,
      { privateAddresses: ['10.0.0.0/8'] },
    ],
  ] as const)
    it(`are not asked for at ${what}, unless it is allowed`, async () => {
      await using pki = await FetchedPki.create()
      let asked = 0
      pki.answer = () => {
        asked += 1
      }

      const events = await pki.startInVain({ privateAddresses: [], urls: [urls(pki.port)], ...options })

      expect([reasons(events), asked]).to.deep.equal([['address'], 0])
    })

  it('are asked for at a name whose private addresses are allowed', async () => {
    await using pki = await FetchedPki.create()
    const urls = ['root', 'sub'].map((name) => `http://localhost:${pki.port}/${name}.crl`)
    await using server = await pki.start({ urls, privateAddresses: ['127.0.0.0/8', '::1'] })

    expect(await pki.ask(server)).to.equal('200')
  })

  it('are added to those of files', async () => {
    await using pki = await FetchedPki.create()
    const crlFiles = [await pki.folder.write('root.pem', await pki.root.crl())]
    await using server = await pki.start({ urls: [`http://${pki.host}/sub.crl`] }, { crlFiles })

    expect(await pki.ask(server)).to.equal('200')
  })

  it('of which one is missing refuse the clients of its authority, until it is there', async () => {
    await using pki = await FetchedPki.create()
    const all = pki.answer
    pki.answer = (request, response) =>
      request.url === '/sub.crl' ? void response.writeHead(404).end() : all?.(request, response)
    await using server = await pki.start({ everyMinutes: 0.01 })
    const before = await pki.ask(server)

    pki.answer = all

    await until(async () => (await pki.ask(server)) === '200')
    expect(before).to.equal('')
    expect(server.of('client.refused')[0]?.code).to.equal('UNABLE_TO_GET_CRL')
    expect(server.of('crl.missing').map(({ issuer }) => issuer)).to.deep.equal(['CN=Client Sub'])
  })

  it('cannot be kept where there is no folder, which is an event', async () => {
    await using pki = await FetchedPki.create()

    const events = await pki.startInVain({ file: `${pki.folder.path}/none/crls.pem` })

    const refused = events.filter((event) => event.type === 'crl.refused')
    expect(refused).to.deep.equal([{ type: 'crl.refused', reason: 'file', code: 'ENOENT' }])
  })

  it('do not hold up a stop', async () => {
    await using pki = await FetchedPki.create()
    const server = await pki.start({ everyMinutes: 0.01 })
    let asked = 0
    pki.answer = () => {
      asked += 1
    }
    await until(() => asked === 2)

    await server[Symbol.asyncDispose]()

    expect(server.of('crl.refused')).to.deep.equal([])
  })

  for (const [what, options] of [
    ['no URL', { urls: [] }],
    ['a URL of a file', { urls: ['file:///etc/passwd'] }],
    ['a URL of LDAP', { urls: ['ldap://directory.example/cn=crl'] }],
    ['a URL with a password', { urls: ['http://a:b@crl.example/'] }],
    ['no file', { file: '' }],
    ['a private address that is none', { privateAddresses: ['intranet'] }],
    ['no time', { timeoutSeconds: 0 }],
    ['no pause', { everyMinutes: 0 }],
    ['a pause longer than timers can be', { everyMinutes: 50_000 }],
    ['no bytes', { maxBytes: 0 }],
  ] as readonly [string, Partial<CrlFetchOptions>][])
    it(`are not fetched with ${what}`, async () => {
      await using pki = await FetchedPki.create()

      const error = await expectRejection(pki.start(options), 'ERR_OPTIONS_INVALID')

      expect(error.message).to.match(/^crlFetch\./)
    })
})

describe('a CRL past its nextUpdate', () => {
  const STALE = { thisUpdate: hours(-30), nextUpdate: hours(-2) }

  for (const [what, staleCrl, crl, status, code] of [
    ['refuses its clients if nothing is said', undefined, STALE, '', 'CRL_HAS_EXPIRED'],
    ['refuses its clients with hard-fail', 'hard-fail', STALE, '', 'CRL_HAS_EXPIRED'],
    ['accepts its clients within the hours that are given', { acceptHours: 3 }, STALE, '200', undefined],
    ['refuses its clients after the hours that are given', { acceptHours: 1 }, STALE, '', 'CRL_HAS_EXPIRED'],
    ['refuses its clients with no hours', { acceptHours: 0 }, STALE, '', 'CRL_HAS_EXPIRED'],
    ['accepts nobody early', { acceptHours: 3 }, { thisUpdate: hours(1) }, '', 'CRL_HAS_EXPIRED'],
  ] as readonly [string, ClientCertificatePolicy['staleCrl'], Revocations, string, string | undefined][])
    it(what, async () => {
      await using pki = await FetchedPki.create()
      await using server = await pki.startWithFile(crl, staleCrl === undefined ? {} : { staleCrl })

      expect(await pki.ask(server)).to.equal(status)
      expect(server.of('client.refused')[0]?.code).to.equal(code)
    })

  for (const [what, make, code] of [
    ['a client that it lists', (pki) => pki.good, 'CERT_REVOKED'],
    ['a stranger', async () => (await Authority.root('Stranger')).issue({}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a certificate that has expired', (pki) => pki.sub.issue({ notAfter: hours(-0.5) }), 'CERT_HAS_EXPIRED'],
    ['a certificate for another purpose', (pki) => pki.sub.issue({ usages: ['serverAuth'] }), 'INVALID_PURPOSE'],
    ['nobody', () => undefined, 'CERT_MISSING'],
  ] as readonly [string, (pki: FetchedPki) => Promise<Credentials> | Credentials | undefined, string][])
    it(`refuses ${what} all the same where it is accepted`, async () => {
      await using pki = await FetchedPki.create()
      await using server = await pki.startWithFile({ ...STALE, revoked: [pki.good] }, { staleCrl: { acceptHours: 3 } })

      expect(await pki.ask(server, (await make(pki)) ?? null)).to.equal('')
      expect(server.of('client.refused')[0]?.code).to.equal(code)
    })

  it('is the event crl.stale in both cases', async () => {
    await using pki = await FetchedPki.create()
    await using server = await pki.startWithFile(STALE, { staleCrl: { acceptHours: 3 } })

    await until(() => server.of('crl.stale').length === 2)
  })

  it('cannot be accepted if it has a critical extension, which only OpenSSL knows', async () => {
    await using pki = await FetchedPki.create()
    const scoped = await pki.root.crl({ extension: ['2.5.29.28', FOR_AUTHORITIES] })
    const crlFiles = [await pki.folder.write('scoped.pem', scoped, await pki.sub.crl())]

    await using server = await pki.startWith({ crlFiles })
    expect(await pki.ask(server)).to.equal('200')
    await expectRejection(pki.startWith({ crlFiles, staleCrl: { acceptHours: 1 } }), 'ERR_TRUST_INVALID')
  })

  for (const staleCrl of ['soft-fail', { acceptHours: -1 }, { acceptHours: 169 }, { acceptHours: '3' }, {}, null])
    it(`is no choice with ${JSON.stringify(staleCrl)}`, async () => {
      await using pki = await FetchedPki.create()

      const error = await expectRejection(pki.start({}, { staleCrl: staleCrl as 'hard-fail' }), 'ERR_OPTIONS_INVALID')

      expect(error.message).to.match(/^clientCertificates\.staleCrl is /)
    })
})

/** Two authorities, a client, and an HTTP server that publishes their CRLs. */
class FetchedPki implements AsyncDisposable {
  readonly folder: PemFolder
  readonly root: Authority
  readonly sub: Authority
  readonly good: Credentials
  readonly #publisher: Server
  /** Undefined: closes every connection. */
  answer: RequestListener | undefined

  static async create(): Promise<FetchedPki> {
    const root = await Authority.root('Client Root')
    const sub = await root.subordinate('Client Sub')
    const pki = new FetchedPki(await PemFolder.create(), root, sub, await sub.issue({}))
    await pki.folder.write('ca.pem', root.cert, sub.cert)
    await pki.publish()
    await new Promise<void>((resolve) => pki.#publisher.listen(0, '127.0.0.1', resolve))
    return pki
  }

  private constructor(folder: PemFolder, root: Authority, sub: Authority, good: Credentials) {
    this.folder = folder
    this.root = root
    this.sub = sub
    this.good = good
    this.#publisher = createServer((request, response) => {
      if (this.answer === undefined) request.socket.destroy()
      else this.answer(request, response)
    })
  }

  get port(): number {
    return (this.#publisher.address() as AddressInfo).port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get file(): string {
    return `${this.folder.path}/fetched.pem`
  }

  /** Publishes the root's CRL in PEM, and the subordinate's in DER. */
  async publish(revocations: Revocations = {}): Promise<void> {
    const { revoked: _, ...dates } = revocations
    const published = new Map<string | undefined, string | Buffer>([
      ['/root.crl', await this.root.crl(dates)],
      ['/sub.crl', Buffer.from((await this.sub.crl(revocations)).replace(/-----[^-]+-----/g, ''), 'base64')],
    ])
    this.answer = (request, response) => void response.end(published.get(request.url))
  }

  /** Starts a server that fetches. */
  start(options: Partial<CrlFetchOptions> = {}, policy: Partial<ClientCertificatePolicy> = {}): Promise<TestServer> {
    return this.startWith({ crlFetch: this.#options(options), ...policy })
  }

  /** Starts a server with these CRLs of both authorities in a file. */
  async startWithFile(revocations: Revocations, policy: Partial<ClientCertificatePolicy>): Promise<TestServer> {
    const { revoked: _, ...dates } = revocations
    const crls = [await this.root.crl(dates), await this.sub.crl(revocations)]
    return this.startWith({ crlFiles: [await this.folder.write('crls.pem', ...crls)], ...policy })
  }

  startWith(policy: Partial<ClientCertificatePolicy>, onEvent?: (event: ServerEvent) => void): Promise<TestServer> {
    const clientCertificates = { caFiles: [`${this.folder.path}/ca.pem`], mode: 'strict' as const, ...policy }
    return TestServer.start({ tls: { clientCertificates }, ...(onEvent && { onEvent }) })
  }

  /** The events of a server that does not start because there is no CRL. */
  async startInVain(options: Partial<CrlFetchOptions> = {}): Promise<ServerEvent[]> {
    const events: ServerEvent[] = []
    const started = this.startWith({ crlFetch: this.#options(options) }, (event) => void events.push(event))
    await expectRejection(started, 'ERR_TRUST_INVALID')
    return events
  }

  /** The status that a client gets; empty if its connection is closed. */
  async ask(server: TestServer, credentials: Credentials | null = this.good): Promise<string> {
    const socket = await server.tls({ ...credentials })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    return (await received(socket)).slice(9, 12)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#publisher.closeAllConnections()
    this.#publisher.close()
    await rm(this.folder.path, { recursive: true, force: true })
  }

  #options(options: Partial<CrlFetchOptions>): CrlFetchOptions {
    const urls = ['root', 'sub'].map((name) => `http://${this.host}/${name}.crl`)
    return { urls, file: this.file, privateAddresses: ['127.0.0.1'], ...options }
  }
}

function reasons(events: readonly ServerEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'crl.refused' ? [event.reason] : []))
}
