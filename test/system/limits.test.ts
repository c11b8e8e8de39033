import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { expect } from 'chai'
import { LIMITS, type Limits, type Listener } from '../../packages/secure-server/src/index.ts'
import { resolveLimits } from '../../packages/secure-server/src/limits.ts'
import {
  expectRejection,
  firstBytes,
  parseAnswer,
  received,
  TestServer,
  until,
} from '../../packages/secure-server/test/harness.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n'

/** Reads the body to its end, then answers with its length. */
const counting: Listener = (request, response) => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
  })
  request.on('end', () => response.end(String(bytes)))
  request.on('error', () => {})
}

describe('limits', () => {
  describe('of time', () => {
    it('closes a connection that does not complete the handshake', async () => {
      await using server = await TestServer.start({ limits: { handshakeSeconds: 0.2 } })

      expect(await received(await server.tcp())).to.equal('')
      expect(server.of('connection.refused').map(({ code }) => code)).to.deep.equal(['ERR_TLS_HANDSHAKE_TIMEOUT'])
    })

    for (const [what, bytes] of [
      ['sends nothing', ''],
      ['does not end its headers', 'GET / HTTP/1.1\r\nHost: a\r\nX: '],
      ['does not end its request line', 'GET /'],
    ] as const)
      it(`answers 408 to a client that ${what}, even if it keeps sending bytes`, async () => {
        await using server = await TestServer.start({ limits: { headersSeconds: 0.3 } })
        const socket = await server.connection()
        socket.write(bytes)
        const drip = setInterval(() => socket.writable && bytes !== '' && socket.write('x'), 20)

        const answer = await received(socket)
        clearInterval(drip)

        expect(parseAnswer(answer).status).to.equal(408)
        expect(server.of('request.refused')).to.deep.equal([
          { type: 'request.refused', status: 408, reason: 'timeout', address: '127.0.0.1' },
        ])
      })

    for (const [what, head, drop] of [
      ['of known length', 'Content-Length: 1000\r\n\r\n', 'x'],
      ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
    ] as const)
      it(`answers 408 to a body ${what} that arrives too slowly`, async () => {
        await using server = await TestServer.start({
          limits: { headersSeconds: 0.2, requestSeconds: 0.3 },
          listener: counting,
        })
        const socket = await server.connection()
        socket.write(`${POST}${head}`)
        const drip = setInterval(() => socket.writable && socket.write(drop), 20)

        const answer = await received(socket)
        clearInterval(drip)

        expect(parseAnswer(answer).status).to.equal(408)
        await until(() => server.running.load().requests === 0)
      })

    it('closes a kept-alive connection that stays idle', async () => {
      await using server = await TestServer.start({ limits: { idleSeconds: 0.1 } })
      const socket = await server.connection()
      socket.write(GET)

      expect(await received(socket)).to.match(/^HTTP\/1\.1 200 /)
      expect(server.of('connection.refused')).to.deep.equal([])
    })

    it('keeps a connection idle for longer than a proxy does by default, which is 60 s, and says so', async () => {
      await using server = await TestServer.start()

      const socket = await server.connection()
      socket.write(GET)

      expect(parseAnswer(await firstBytes(socket)).headers['keep-alive']).to.equal('timeout=75')
      socket.destroy()
    })

    it('serves a connection that is used again within the idle time, as often as it is', async () => {
      await using server = await TestServer.start({ limits: { idleSeconds: 0.8 } })
      const socket = await server.connection()

      for (const _ of [1, 2, 3, 4]) {
        socket.write(GET)
        expect(parseAnswer(await firstBytes(socket)).status).to.equal(200)
        await new Promise((resolve) => setTimeout(resolve, 400))
      }

      expect(server.running.load().connections).to.equal(1)
      socket.destroy()
    })

    it('closes a connection whose request is never answered', async () => {
      await using server = await TestServer.start({ limits: { stallSeconds: 1 }, listener: () => {} })
      const socket = await server.connection()
      socket.write(GET)

      expect(await received(socket)).to.equal('')
      expect(server.of('connection.refused').map(({ reason }) => reason)).to.deep.equal(['stalled'])
    })

    it('closes a connection whose answer is not read', async () => {
      await using server = await TestServer.start({
        limits: { stallSeconds: 1 },
        listener: (_request, response) => void response.end(Buffer.alloc(2 ** 26)),
      })
      const socket = await server.connection()
      socket.pause()
      socket.write(GET)

      await until(() => server.of('connection.refused').length === 1)
      await until(() => server.running.load().connections === 0)
      socket.destroy()
    })

    it('closes an old connection after its next answer', async () => {
      const responses: ServerResponse[] = []
      await using server = await TestServer.start({
        limits: { connectionSeconds: 2 },
        listener: (_request, response) => void responses.push(response),
      })
      const opened = Date.now()
      const socket = await server.connection()
      socket.write(GET)
      await until(() => responses.length === 1)
      await until(() => Date.now() - opened > 2100)

      socket.write(GET)
      await until(() => responses.length === 2)
      for (const response of responses) response.end('hello')

      expect((await received(socket)).match(/Connection: .*/g)).to.deep.equal([
        'Connection: keep-alive',
        'Connection: close',
      ])
    })
  })

  describe('of size', () => {
    for (const [what, request] of [
      ['one large header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(5000)}\r\n\r\n`],
      ['a long path', `GET /${'x'.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['many headers', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20)}\r\n`],
      ['headers without end', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(10_000)}`],
      ['trailers without end', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n${'X: y\r\n'.repeat(10_000)}`],
    ] as const)
      it(`answers 431 to ${what}`, async () => {
        await using server = await TestServer.start({
          limits: { headerBytes: 4096, headerCount: 20 },
          listener: counting,
        })

        expect(parseAnswer(await server.exchange(request)).status).to.equal(431)
      })

    it('accepts headers up to the limits', async () => {
      await using server = await TestServer.start({ limits: { headerBytes: 4096, headerCount: 20 } })
      const request = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'X: y\r\n'.repeat(17)}X: ${'x'.repeat(3800)}\r\n\r\n`

      expect(parseAnswer(await server.exchange(request)).status).to.equal(200)
    })

    for (const [what, request, status] of [
      [
        'exactly as long as allowed',
        `${POST}Connection: close\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`,
        200,
      ],
      [
        'exactly as long, in chunks',
        `${POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n0\r\n\r\n`,
        200,
      ],
      ['one byte longer', `${POST}Content-Length: 1001\r\n\r\n${'x'.repeat(1001)}`, 413],
      [
        'one byte longer, in chunks',
        `${POST}Transfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`,
        413,
      ],
      [
        'longer in the last of its chunks',
        `${POST}Transfer-Encoding: chunked\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n1\r\nx\r\n0\r\n\r\n`,
        413,
      ],
      ['announced as too long and not sent', `${POST}Content-Length: 1001\r\n\r\n`, 413],
    ] as const)
      it(`answers ${status} to a body ${what}`, async () => {
        await using server = await TestServer.start({ limits: { bodyBytes: 1000 }, listener: counting })

        const answer = await server.exchange(request)

        expect(parseAnswer(answer).status).to.equal(status)
        if (status === 200) expect(answer).to.match(/1000$/)
      })

    it('passes the listener no byte beyond the limit, and cuts off an endless body', async () => {
      let bytes = 0
      let kept: IncomingMessage | undefined
      await using server = await TestServer.start({
        limits: { bodyBytes: 100_000 },
        listener: (request) => {
          kept = request
          request.on('error', () => {})
          request.on('data', (chunk: Buffer) => {
            bytes += chunk.byteLength
          })
        },
      })
      const socket = await server.connection()
      socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`)
      const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
      const pump = (): void => {
        while (socket.writable && socket.write(chunk));
      }
      socket.on('drain', pump)
      pump()

      expect(parseAnswer(await received(socket)).status).to.equal(413)
      expect(bytes).to.be.within(1, 100_000)
      expect(kept?.readableLength).to.equal(0)
      await until(() => server.running.load().connections === 0)
    })

    it('emits aborted and an error, but no end, to the reader of a body that is cut off', async () => {
      const seen: string[] = []
      await using server = await TestServer.start({
        limits: { bodyBytes: 1000 },
        listener: (request, response) => {
          request.resume()
          for (const name of ['end', 'aborted', 'error', 'close'] as const)
            request.on(name, () => {
              seen.push(name)
              // A handler that ignores the error still answers.
              response.end('late')
            })
        },
      })

      const answer = await server.exchange(
        `${POST}Transfer-Encoding: chunked\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n`,
        `1\r\nx\r\n0\r\n\r\n`,
      )

      expect(answer)
        .to.match(/^HTTP\/1\.1 413 /)
        .and.not.include('late')
      expect(seen).to.deep.equal(['aborted', 'error', 'close'])
    })

    for (const [status, head, rest] of [
      [413, `${POST}Content-Length: 8000000\r\n\r\n`, Buffer.alloc(8_000_000)],
      [
        413,
        `${POST}Transfer-Encoding: chunked\r\n\r\n7a1200\r\n`,
        Buffer.concat([Buffer.alloc(8_000_000), Buffer.from('\r\n0\r\n\r\n')]),
      ],
      [431, 'GET / HTTP/1.1\r\nHost: a\r\nX: ', Buffer.alloc(8_000_000, 'x')],
    ] as const)
      it(`delivers the ${status} to a client that sends everything before it reads`, async () => {
        await using server = await TestServer.start({ limits: { bodyBytes: 1000 }, listener: counting })
        const socket = await server.connection()
        socket.pause()
        socket.write(head)

        await new Promise<void>((resolve, reject) => {
          socket.on('error', reject)
          socket.write(rest, (error) => (error ? reject(error) : resolve()))
        })

        expect(parseAnswer(await received(socket)).status).to.equal(status)
      })

    it('delivers the 413 to an honest client that sends everything first', async () => {
      await using server = await TestServer.start({ limits: { bodyBytes: 1000 }, listener: counting })

      const answer = await server.send('/', { method: 'POST', body: Buffer.alloc(8_000_000) })

      expect(answer.status).to.equal(413)
    })

    it('answers Expect with 100 Continue, unless the body is too long', async () => {
      await using server = await TestServer.start({ limits: { bodyBytes: 1000 }, listener: counting })
      const [short, long] = [await server.connection(), await server.connection()]

      short.write(`${POST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`)
      long.write(`${POST}Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n`)

      expect(await firstBytes(short)).to.equal('HTTP/1.1 100 Continue\r\n\r\n')
      short.write('abc')
      expect(await firstBytes(short))
        .to.match(/^HTTP\/1\.1 200 /)
        .and.match(/3$/)
      expect(await firstBytes(long)).to.match(/^HTTP\/1\.1 413 /)
      for (const socket of [short, long]) socket.destroy()
    })
  })

  describe('of the bytes of all bodies', () => {
    const PATIENT = { headersSeconds: 100, requestSeconds: 100 }
    const LIMIT = { ...PATIENT, bodyBytes: 10_000, heldBodyBytes: 100_000 }
    const NO_END = `${POST}Content-Length: 10000\r\n\r\n${'x'.repeat(9999)}`

    it('refuses the oldest of many bodies whose end is withheld, and serves others as before', async () => {
      await using server = await TestServer.start({ limits: LIMIT, listener: counting })
      const honest = await server.tls({ host: '127.0.0.1', localAddress: '127.0.0.1' } as never)
      honest.write(`${POST}Content-Length: 10000\r\n\r\n${'x'.repeat(5000)}`)
      await until(() => server.running.load().bodyBytes === 5000)
      const withheld: Promise<string>[] = []
      for (let i = 0; i < 30; i++) {
        const socket = await server.tls({ host: '127.0.0.1', localAddress: '127.0.0.2' } as never)
        socket.write(NO_END)
        withheld.push(received(socket))
        await until(() => server.running.load().bodyBytes === 5000 + 9999 * Math.min(i + 1, 9))
      }
      await until(() => server.of('request.refused').length === 21)

      honest.end('x'.repeat(5000))

      expect(await received(honest)).to.match(/^HTTP\/1\.1 200 (.|\r\n)*10000$/)
      const refused = (await Promise.all(withheld.slice(0, 21))).map(parseAnswer)
      for (const { status, headers } of refused) expect([status, headers['retry-after']]).to.deep.equal([503, '1'])
      expect(new Set(server.of('request.refused').map(({ reason }) => reason))).to.deep.equal(new Set(['bodies']))
      expect((await server.send('/', { method: 'POST', body: Buffer.alloc(10_000) })).status).to.equal(200)
    })

    it('counts the clients that the proxy names, of which the one with most bytes gives way', async () => {
      await using server = await TestServer.start({ limits: LIMIT, trustProxy: ['127.0.0.1'], listener: counting })
      const from = (client: string, text: string) =>
        text.replace('Host: a\r\n', `Host: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: ${client}\r\n`)
      const honest = await server.connection()
      honest.write(from('192.0.2.1', NO_END))
      await until(() => server.running.load().bodyBytes === 9999)
      for (let i = 0; i < 20; i++) (await connectAndSend(server, from('192.0.2.2', NO_END))).resume()
      await until(() => server.of('request.refused').length === 11)

      honest.end('x')

      expect(await received(honest)).to.match(/^HTTP\/1\.1 200 /)
    })

    it('drops no whole body, refuses what does not fit beside them, and serves again once they are answered', async () => {
      const responses: ServerResponse[] = []
      await using server = await TestServer.start({
        limits: LIMIT,
        listener: (request, response) => void request.resume().once('end', () => responses.push(response)),
      })
      const whole = Array.from({ length: 10 }, () => server.exchange(`${NO_END}x`))
      await until(() => responses.length === 10)

      const eleventh = parseAnswer(await server.exchange(`${NO_END}x`))

      expect([eleventh.status, eleventh.headers['retry-after']]).to.deep.equal([503, '1'])
      expect(server.running.load().bodyBytes).to.equal(100_000)
      for (const response of responses) response.setHeader('Connection', 'close').end('kept')
      for (const answer of await Promise.all(whole)) expect(answer).to.match(/^HTTP\/1\.1 200 (.|\r\n)*kept$/)
      expect(server.running.load().bodyBytes).to.equal(0)
      const again = server.send('/', { method: 'POST', body: Buffer.alloc(10_000) })
      await until(() => responses.length === 11)
      responses[10]?.end()
      expect((await again).status).to.equal(200)
    })

    it('counts no byte of a request that is answered, reset or refused', async () => {
      await using server = await TestServer.start({
        limits: LIMIT,
        listener: (request, response) => (request.url === '/early' ? void response.end('early') : undefined),
      })
      const early = await connectAndSend(server, NO_END.replace('POST /', 'POST /early'))
      await firstBytes(early)
      early.write('x')
      const reset = await connectAndSend(server, NO_END)
      await until(() => server.running.load().bodyBytes === 9999)
      reset.destroy()

      await until(() => server.running.load().bodyBytes === 0)

      const tooLong = await server.exchange(`${POST}Transfer-Encoding: chunked\r\n\r\n2af8\r\n${'x'.repeat(11_000)}`)
      expect(parseAnswer(tooLong).status).to.equal(413)
      await until(() => server.running.load().bodyBytes === 0)
      early.destroy()
    })

    it('has room for the largest body, unless it is set to less, which is refused', async () => {
      expect(resolveLimits({ bodyBytes: 2 ** 30 }).heldBodyBytes).to.equal(2 ** 30)
      expect(resolveLimits().heldBodyBytes).to.equal(25_165_824)
      await expectRejection(
        TestServer.start({ limits: { bodyBytes: 5000, heldBodyBytes: 4000 } }),
        'ERR_OPTIONS_INVALID',
      )
    })
  })

  describe('of rate', () => {
    it('answers 429 to an address over its limit in a second, but not to other addresses', async () => {
      await using server = await TestServer.start({ limits: { requestsPerSecondPerAddress: 3 } })
      const [first, second] = [{ localAddress: '127.0.0.2' }, { localAddress: '127.0.0.3' }]
      const socket = await server.tls({ host: '127.0.0.1', ...first } as never)

      // All at once, so that they arrive within one second on any machine.
      socket.write(`${GET.repeat(4)}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      const answers = await received(socket)

      expect(answers.match(/(?<=HTTP\/1\.1 )\d+/g)).to.deep.equal(['200', '200', '200', '429', '429'])
      expect(answers.match(/Retry-After: 1\r/g)).to.have.length(2)
      expect((await server.send('/', { host: '127.0.0.1', ...second })).status).to.equal(200)
      await until(async () => (await server.send('/', { host: '127.0.0.1', ...first })).status === 200)
    })

    it('counts the requests of an address over all its connections, and keeps an honest connection open', async () => {
      await using server = await TestServer.start({ limits: { requestsPerSecondPerAddress: 2 } })
      const sockets = [await server.connection(), await server.connection(), await server.connection()]

      for (const socket of sockets) socket.write(GET)
      const answers = await Promise.all(sockets.map(firstBytes))

      expect(answers.map((answer) => parseAnswer(answer).status).sort()).to.deep.equal([200, 200, 429])
      for (const answer of answers) expect(answer).to.include('Connection: keep-alive')
      for (const socket of sockets) socket.destroy()
    })

    it('closes a connection after its maximum number of requests', async () => {
      await using server = await TestServer.start({ limits: { requestsPerConnection: 3 } })

      const answers = await server.exchange(GET, GET, GET, GET)

      expect(answers.match(/HTTP\/1\.1 200 /g)).to.have.length(3)
      expect(answers).to.include('Connection: close')
    })

    it('serves no more than this maximum to a client that pipelines', async () => {
      const responses: ServerResponse[] = []
      await using server = await TestServer.start({
        limits: { requestsPerConnection: 3 },
        listener: (_request, response) => void responses.push(response),
      })
      const answers = server.exchange(GET.repeat(5))
      await until(() => responses.length >= 3)

      for (const response of responses) response.end('hello')

      expect((await answers).match(/HTTP\/1\.1 \d+|Connection: close/g)).to.deep.equal([
        'HTTP/1.1 200',
        'HTTP/1.1 200',
        'HTTP/1.1 200',
        'Connection: close',
      ])
      expect(responses).to.have.length(3)
    })
  })

  describe('of work', () => {
    for (const [what, request] of [
      ['requests that are being answered', GET],
      ['requests whose body is still arriving', `${POST}Content-Length: 10\r\n\r\nx`],
    ] as const)
      it(`answers 503 beyond the number of ${what}, and 200 again afterwards`, async () => {
        const held: Socket[] = []
        const running: ServerResponse[] = []
        await using server = await TestServer.start({
          limits: { concurrentRequests: 2 },
          listener: (request, response) => {
            if (request.url === '/quick') response.end()
            else running.push(response)
          },
        })
        for (const _ of [1, 2]) {
          const socket = await server.connection()
          socket.write(request)
          held.push(socket)
        }
        await until(() => running.length === 2)

        const { status, headers } = await server.send('/quick')

        expect([status, headers['retry-after']]).to.deep.equal([503, '1'])
        // A client that has closed its sending side may still read, so its place is free when it is answered.
        for (const socket of held) socket.destroy()
        for (const response of running) response.end()
        await until(async () => (await server.send('/quick')).status === 200)
      })

    it('answers 503 to too many pipelined requests of one connection, in their order', async () => {
      const responses: ServerResponse[] = []
      await using server = await TestServer.start({
        limits: { pipelinedRequests: 2 },
        listener: (_request, response) => void responses.push(response),
      })
      const socket = await server.connection()
      socket.write(GET.repeat(4))
      await until(() => server.of('request.refused').length === 2)
      const answers = received(socket)

      for (const response of responses) response.setHeader('Connection', 'keep-alive').end('hello')
      await until(() => server.running.load().requests === 0)
      socket.end()

      expect((await answers).match(/HTTP\/1\.1 \d+/g)).to.deep.equal([
        'HTTP/1.1 200',
        'HTTP/1.1 200',
        'HTTP/1.1 503',
        'HTTP/1.1 503',
      ])
    })
  })

  describe('of connections, under a flood', () => {
    const patient = { idleSeconds: 60, headersSeconds: 60, requestSeconds: 60, handshakeSeconds: 60 }
    for (const [bound, limits] of [
      ['in total', { ...patient, connections: 20, connectionsPerAddress: 1000 }],
      ['of an address', { ...patient, connections: 1000, connectionsPerAddress: 20 }],
    ] as const)
      for (const [what, open] of [
        ['that never complete the handshake', (server: TestServer) => server.tcp()],
        ['that complete the handshake and send nothing', (server: TestServer) => server.tls()],
        [
          'that start sending headers',
          (server: TestServer) => connectAndSend(server, 'GET / HTTP/1.1\r\nHost: a\r\nX: '),
        ],
        [
          'that start sending a body',
          (server: TestServer) => connectAndSend(server, `${POST}Content-Length: 100\r\n\r\nx`),
        ],
        ['that have been answered', (server: TestServer) => connectAndSend(server, GET)],
      ] as const)
        it(`serves an honest client at the limit ${bound} on connections ${what}`, async () => {
          await using server = await TestServer.start({ limits, listener: counting })
          const flood: Socket[] = []
          const closed: Promise<string>[] = []

          for (let i = 0; i < 60; i++) {
            const socket = await open(server)
            flood.push(socket)
            closed.push(received(socket))
            if (i % 20 === 19) expect((await server.send('/')).status).to.equal(200)
          }

          expect(server.running.load().connections).to.be.at.most(20)
          expect(server.of('connection.refused').length).to.be.within(40, 63)
          expect(new Set(server.of('connection.refused').map(({ reason }) => reason))).to.deep.equal(
            new Set(['evicted']),
          )
          for (const socket of flood) socket.destroy()
          await Promise.all(closed)
        })

    it('does not close connections of other addresses for one address', async () => {
      await using server = await TestServer.start({
        limits: { connections: 20, connectionsPerAddress: 5 },
        listener: (request, response) => {
          if (request.url === '/quick') response.end()
        },
      })
      const flood: Socket[] = []
      for (let i = 0; i < 5; i++) {
        const socket = await server.tls({ host: '127.0.0.1', localAddress: '127.0.0.2' } as never)
        socket.write(GET)
        flood.push(socket)
      }
      await until(() => server.running.load().requests === 5)

      const sixth = await server.tcp({ localAddress: '127.0.0.2' })

      expect(await received(sixth)).to.equal('')
      expect(server.of('connection.refused')).to.deep.equal([
        { type: 'connection.refused', reason: 'address', address: '127.0.0.2' },
      ])
      expect((await server.send('/quick', { localAddress: '127.0.0.1', host: '127.0.0.1' })).status).to.equal(200)
      for (const socket of flood) socket.destroy()
    })

    it('refuses a new connection when every open one is having a request answered', async () => {
      await using server = await TestServer.start({ limits: { connections: 3 }, listener: () => {} })
      const working = await Promise.all([1, 2, 3].map(() => connectAndSend(server, GET)))
      await until(() => server.running.load().requests === 3)

      expect(await received(await server.tcp())).to.equal('')
      expect(server.of('connection.refused').map(({ reason }) => reason)).to.deep.equal(['total'])
      expect(working.every((socket) => !socket.closed)).to.equal(true)
      for (const socket of working) socket.destroy()
    })

    it('survives connections that are reset at every stage, and an onEvent that throws', async () => {
      await using server = await TestServer.start({
        listener: counting,
        onEvent: () => {
          throw new Error('defect')
        },
      })
      const open = [
        () => server.tcp(),
        () => connectAndSend(server, 'GET / HTTP/1.1\r\n'),
        () => connectAndSend(server, `${POST}Content-Length: 100\r\n\r\nx`),
        () => connectAndSend(server, GET + GET + GET),
      ]
      for (let i = 0; i < 80; i++) {
        const half = await server.tcp()
        half.write(Buffer.from('1603010200', 'hex'))
        half.resetAndDestroy()
        const socket = await open[i % open.length]?.()
        socket?.on('error', () => {})
        socket?.destroy()
      }

      expect((await server.send('/')).status).to.equal(200)
      await until(() => server.running.load().connections === 0)
      expect(server.running.load()).to.deep.equal({ connections: 0, requests: 0, bodyBytes: 0 })
    })
  })

  it('refuses invalid limits, naming each', async () => {
    const wrong = {
      bodyBytes: -1,
      headerCount: 1.5,
      idleSeconds: Number.NaN,
      connections: 0,
      noSuch: 1,
    } as Partial<Limits>

    const { message } = await expectRejection(TestServer.start({ limits: wrong }), 'ERR_OPTIONS_INVALID')

    for (const name of Object.keys(wrong)) expect(message).to.include(`limits.${name}`)
    await expectRejection(TestServer.start({ limits: { headersSeconds: 40 } }), 'ERR_OPTIONS_INVALID')
  })

  it('has defaults within their ranges, and accepts both ends of each range', () => {
    expect(() => resolveLimits()).to.not.throw()
    for (const [name, { value, min, max }] of Object.entries(LIMITS)) {
      expect(value, name).to.be.within(min, max)
      for (const end of [min, max])
        expect(() => resolveLimits({ headersSeconds: 0.1, requestSeconds: 3600, [name]: end }), name).to.not.throw(
          /is not between/,
        )
    }
  })
})

/** A connection that has sent these bytes. */
async function connectAndSend(server: TestServer, bytes: string): Promise<Socket> {
  const socket = await server.connection()
  socket.write(bytes)
  return socket
}
