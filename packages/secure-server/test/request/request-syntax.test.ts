import { expect } from 'chai'
import { expectRejection, firstBytes, parseAnswer, received, SECURITY, TestServer, until } from '../harness.ts'

/** Requests that two readers could understand differently, or that must not be served. */
const REFUSED: readonly [what: string, request: string, status: number][] = [
  [
    'Content-Length with Transfer-Encoding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'Transfer-Encoding with Content-Length',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['two equal Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx', 400],
  [
    'two different Content-Length',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
    400,
  ],
  ['a list in Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx', 400],
  ['a signed Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx', 400],
  ['a hexadecimal Content-Length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx', 400],
  [
    'an overflowing Content-Length',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nx',
    400,
  ],
  [
    'an unknown transfer coding',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    501,
  ],
  ['chunked not last', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n', 400],
  ['a disguised chunked', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', 501],
  [
    'two Transfer-Encoding',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['Transfer-Encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['a bad chunk size', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n', 400],
  [
    'a chunk longer than its size',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n',
    400,
  ],
  [
    'a chunk ended by a bare LF',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n',
    400,
  ],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n', 400],
  ['a folded Transfer-Encoding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n', 400],
  ['a bare CR in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n', 400],
  ['a header ended by a bare LF', 'GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n', 400],
  ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n', 400],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['a space before the first header', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['a header without a name', 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n', 400],
  ['no Host', 'GET / HTTP/1.1\r\nX-A: b\r\n\r\n', 400],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['a Host with credentials', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
  [
    'two Content-Type',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\ncontent-type: text/html\r\nContent-Length: 0\r\n\r\n',
    400,
  ],
  ['two Authorization', 'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAUTHORIZATION: b\r\n\r\n', 400],
  [
    'two Content-Encoding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n',
    400,
  ],
  ['an absolute target', 'GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an absolute target of another host', 'GET https://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an absolute target without TLS', 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an absolute target with credentials', 'GET https://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an absolute target with another port', 'GET https://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an absolute target with a fragment', 'GET https://a/#/../x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a star for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a fragment in its target', 'GET /health#/../x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a relative target', 'GET x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['PROPFIND', 'PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['an invented method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a lower-case method', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/0.9 by name', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0 by name', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', 400],
  ['an unknown expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: coffee\r\n\r\n', 417],
  ['bytes that are not HTTP', '\x16\x03\x01\x02\x00\x01', 400],
]

/** Bytes after a refused request. If they were read as a request, an attacker could smuggle one past a proxy. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

describe('HTTP hygiene', () => {
  let server: TestServer
  const served: string[] = []

  before(async () => {
    server = await TestServer.start({
      listener: (request, response) => {
        served.push(request.url ?? '')
        request.resume().on('end', () => response.end('served'))
      },
    })
  })
  beforeEach(() => void served.splice(0))
  after(() => server[Symbol.asyncDispose]())

  for (const [what, request, status] of REFUSED)
    it(`refuses ${what} with ${status}`, async () => {
      const socket = await server.connection()
      socket.write(request, 'latin1')

      const answer = parseAnswer(await firstBytes(socket))
      socket.destroy()

      expect(answer.status).to.equal(status)
      expect(answer.headers).to.include(SECURITY)
      expect(answer.headers).to.not.have.any.keys('server', 'x-powered-by', 'trailer')
    })

  for (const [what, request] of REFUSED.filter(([, , status]) => status !== 405))
    it(`serves nothing that follows ${what}`, async () => {
      const answers = await server.exchange(Buffer.from(`${request}${SMUGGLED}`, 'latin1'))

      expect(served).to.not.include('/smuggled')
      expect(answers.match(/HTTP\/1\.1 /g)).to.have.length(1)
    })

  it('passes the listener the same path and body that a proxy would see', async () => {
    const answers = await server.exchange(
      'POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'POST /two HTTP/1.1\r\nHost: a:8443\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc',
    )

    expect(served).to.deep.equal(['/one', '/two'])
    expect(answers.match(/HTTP\/1\.1 200 OK/g)).to.have.length(2)
  })

  it('serves an absolute target of its own host as a path', async () => {
    await server.exchange(
      'GET https://a/one?x=//y HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET HTTPS://A:8443 HTTP/1.1\r\nHost: a:8443\r\n\r\n',
      'GET https://a?two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )

    expect(served).to.deep.equal(['/one?x=//y', '/', '/?two'])
  })

  for (const [what, second] of [
    ['garbage', 'garbage\r\n\r\n'],
    ['an ambiguous request', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ] as const)
    it(`does not answer ${what} instead of the request before it`, async () => {
      const answers = await server.exchange(`GET /first HTTP/1.1\r\nHost: a\r\n\r\n${second}`, SMUGGLED)

      expect(answers)
        .to.match(/^HTTP\/1\.1 200 OK/)
        .and.match(/served$/)
      expect(answers.match(/HTTP\/1\.1 /g)).to.have.length(1)
      expect(served).to.deep.equal(['/first'])
    })

  it('finishes an answer when garbage follows its request, then closes', async () => {
    let end = (): void => {}
    await using streaming = await TestServer.start({
      listener: (_request, response) => {
        response.write('started')
        end = () => response.end(' and done')
      },
    })
    const socket = await streaming.connection()
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await firstBytes(socket)
    socket.write('garbage\r\n\r\n')
    await until(() => streaming.of('request.refused').length === 1)

    end()

    expect(await received(socket))
      .to.include(' and done')
      .and.not.include('HTTP/1.1')
  })

  it('ignores everything after the last request of a connection', async () => {
    const answers = await server.exchange(`GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${SMUGGLED}`)

    expect(served).to.deep.equal(['/last'])
    expect(answers.match(/HTTP\/1\.1 /g)).to.have.length(1)
  })

  it('lists the methods it serves in a 405, and serves them', async () => {
    const { status, headers } = await server.send('/', { method: 'PROPFIND' })

    expect(status).to.equal(405)
    expect(headers.allow).to.equal('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect((await server.send('/', { method })).status, method).to.equal(200)
  })

  it('serves OPTIONS * and HTTP/1.0 without a Host', async () => {
    expect(await server.exchange('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).to.match(
      /^HTTP\/1\.1 200 /,
    )
    expect(await server.exchange('GET /health HTTP/1.0\r\n\r\n')).to.match(/^HTTP\/1\.1 200 /)
  })

  it('serves a request with Upgrade as an ordinary request', async () => {
    const answer = await server.exchange(
      'GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )

    expect(answer).to.match(/^HTTP\/1\.1 200 OK/)
    expect(answer).to.not.include('101')
    expect(served).to.deep.equal(['/upgrade', '/next'])
  })

  it('repeats nothing from the request in a refusal', async () => {
    const marks = 'GET /mark-path?mark-query HTTP/1.1\r\nHost: mark-host:x\r\nX-Forwarded-Host: mark-forwarded\r\n\r\n'

    expect(await server.exchange(marks))
      .to.match(/^HTTP\/1\.1 400 /)
      .and.not.include('mark')
    expect(JSON.stringify(server.events)).to.not.include('mark')
  })

  it('refuses to start with TRACE or CONNECT', async () => {
    for (const method of ['TRACE', 'CONNECT'])
      await expectRejection(TestServer.start({ methods: ['GET', method] }), 'ERR_OPTIONS_INVALID')
  })
})
