import { STATUS_CODES } from 'node:http'
import { expect } from 'chai'
import Koa from 'koa'
import type { Listener } from '../../src/index.ts'
import { firstBytes, parseAnswer, received, SECURITY, TestServer } from '../harness.ts'

/** Listeners that set, remove or override headers in every way that Node allows. */
const ANSWERED: readonly [what: string, listener: Listener][] = [
  ['an answer without headers', (_request, response) => void response.end('x')],
  [
    'a handler that allows caching',
    (_request, response) => void response.setHeader('Cache-Control', 'public').end('x'),
  ],
  ['other letter case', (_request, response) => void response.setHeader('cache-CONTROL', 'public').end('x')],
  [
    'several values',
    (_request, response) => void response.setHeader('Cache-Control', ['public', 'max-age=9']).end('x'),
  ],
  [
    'writeHead with headers',
    (_request, response) => void response.writeHead(200, { 'cache-control': 'public', Server: 'x' }).end(),
  ],
  [
    'writeHead with a phrase',
    (_request, response) => void response.writeHead(200, 'Fine', { 'Cache-Control': 'public' }).end(),
  ],
  [
    'writeHead with a flat list',
    (_request, response) => void response.writeHead(200, ['Cache-Control', 'public', 'A', 'b']).end(),
  ],
  [
    'writeHead with a list of pairs',
    (_request, response) => void response.writeHead(200, [['Cache-Control', 'public']] as never).end(),
  ],
  ['setHeaders', (_request, response) => void response.setHeaders(new Headers({ 'cache-control': 'public' })).end()],
  [
    'flushed headers',
    (_request, response) => {
      response.setHeader('Cache-Control', 'public').flushHeaders()
      response.end('x')
    },
  ],
  ['a banner', (_request, response) => void response.setHeader('Server', 'x').setHeader('X-Powered-By', 'y').end()],
  ['204', (_request, response) => void response.writeHead(204).end()],
  ['304', (_request, response) => void response.writeHead(304, { 'Cache-Control': 'public' }).end()],
  [
    'a listener that throws',
    () => {
      throw new Error('defect')
    },
  ],
  ['a listener that rejects', (() => Promise.reject(new Error('defect'))) as unknown as Listener],
]

/** Requests that Node or the server refuses before the listener is called. */
const REFUSED: readonly [status: number, request: string][] = [
  [400, 'not HTTP\r\n\r\n'],
  [400, 'GET / HTTP/1.1\r\n\r\n'],
  [405, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n'],
  [405, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  [408, 'GET / HTTP/1.1\r\nHost: a\r\n'],
  [413, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n'],
  [413, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n`],
  [413, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`],
  [417, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n'],
  [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  [431, `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(200)}\r\n`],
  [501, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
]

describe('security headers', () => {
  for (const [what, listener] of ANSWERED)
    it(`are sent with ${what}`, async () => {
      await using server = await TestServer.start({ listener })
      const socket = await server.connection()
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

      const { headers } = parseAnswer(await received(socket))

      expect(headers).to.include(SECURITY)
      expect(headers).to.not.have.any.keys('server', 'x-powered-by')
    })

  for (const [what, headers] of [
    ['an object', { 'Content-Type': 'text/x', 'X-List': ['a', 'b'] }],
    ['a flat list', ['Content-Type', 'text/x', 'X-List', 'a', 'X-List', 'b']],
    [
      'a list of pairs',
      [
        ['Content-Type', 'text/x'],
        ['X-List', ['a', 'b']],
      ],
    ],
  ] as const)
    it(`do not replace other headers passed to writeHead as ${what}`, async () => {
      await using server = await TestServer.start({
        listener: (_request, response) =>
          void response
            .setHeader('Content-Type', 'text/old')
            .writeHead(201, 'Made', headers as never)
            .end(),
      })

      const answer = await server.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

      expect(answer).to.match(/^HTTP\/1\.1 201 Made\r\n/)
      expect(answer).to.include('Content-Type: text/x\r\n').and.not.include('text/old')
      expect(answer.match(/X-List: [ab](, b)?/g)?.join()).to.be.oneOf(['X-List: a,X-List: b', 'X-List: a, b'])
    })

  for (const [status, request] of REFUSED)
    it(`are on a ${status} ${STATUS_CODES[status]} to ${JSON.stringify(request.slice(0, 60))}`, async () => {
      await using server = await TestServer.start({
        limits: { headersSeconds: 0.2, bodyBytes: 1000 },
        listener: (request, response) =>
          void request
            .on('error', () => {})
            .resume()
            .on('end', () => response.end()),
      })
      const socket = await server.connection()
      socket.write(request)

      const { status: answered, headers } = parseAnswer(await firstBytes(socket))
      socket.destroy()

      expect(answered).to.equal(status)
      expect(headers).to.include(SECURITY)
      expect(headers['content-type']).to.equal('application/problem+json')
      expect(server.of('request.refused').map((event) => event.status)).to.deep.equal([status])
    })

  describe('with Koa', () => {
    let server: TestServer
    before(async () => {
      const app = new Koa()
      app.silent = true
      app.use((context) => {
        context.set({ 'Cache-Control': 'public', Server: 'koa' })
        if (context.path === '/throw') throw new Error('defect')
        if (context.path === '/teapot') context.throw(418, 'no', { headers: { 'cache-control': 'max-age=60' } })
        if (context.path === '/ok') context.body = 'fine'
      })
      server = await TestServer.start({ listener: app.callback() })
    })
    after(() => server[Symbol.asyncDispose]())

    for (const [path, status] of [
      ['/ok', 200],
      ['/none', 404],
      ['/throw', 500],
      ['/teapot', 418],
    ] as const)
      it(`are on its ${status}`, async () => {
        const answer = await server.send(path)

        expect(answer.status).to.equal(status)
        expect(answer.headers).to.include(SECURITY)
        expect(answer.headers).to.not.have.any.keys('server', 'x-powered-by')
      })

    it('do not change the rest of an answer', async () => {
      const { body, headers } = await server.send('/ok')

      expect(body).to.equal('fine')
      expect(headers['content-type']).to.equal('text/plain; charset=utf-8')
      expect(headers['content-length']).to.equal('4')
    })
  })

  it('are on refusals from a renderer, which cannot override them', async () => {
    await using server = await TestServer.start({
      renderRefusal: ({ status, reason }) => ({
        headers: {
          'content-type': 'text/x-own',
          'cache-control': 'public',
          server: 'x',
          'content-length': '1',
          connection: 'keep-alive',
        },
        body: `${status} ${reason}`,
      }),
    })

    for (const request of ['GET / HTTP/1.1\r\n\r\n', 'no HTTP\r\n\r\n']) {
      const bytes = await server.exchange(request)
      const { headers } = parseAnswer(bytes)
      expect(headers).to.include({ ...SECURITY, 'content-type': 'text/x-own', connection: 'close' })
      expect(headers).to.not.have.property('server')
      expect(bytes.slice(-8)).to.be.oneOf(['400 host', 'alformed'])
    }
  })

  for (const [what, rendered] of [
    [
      'throws',
      () => {
        throw new Error('defect')
      },
    ],
    ['returns a header that would split the answer', () => ({ headers: { A: 'b\r\nSet-Cookie: c' }, body: '' })],
  ] as const)
    it(`are on the default problem document when a renderer ${what}`, async () => {
      await using server = await TestServer.start({ renderRefusal: rendered })

      for (const request of ['GET / HTTP/1.1\r\n\r\n', 'no HTTP\r\n\r\n']) {
        const bytes = await server.exchange(request)
        expect(parseAnswer(bytes).headers).to.include({ ...SECURITY, 'content-type': 'application/problem+json' })
        expect(bytes).to.match(/\{"type":"about:blank","title":"Bad Request","status":400\}$/)
      }
    })

  it('are on an answer to HEAD, without a body', async () => {
    await using server = await TestServer.start({ limits: { requestsPerSecondPerAddress: 1 } })
    await server.send('/')

    const bytes = await server.exchange('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')

    expect(bytes)
      .to.match(/^HTTP\/1\.1 429 /)
      .and.match(/\r\n\r\n$/)
  })
})
