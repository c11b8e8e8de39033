import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as elapsed } from 'node:timers/promises'
import { expect } from 'chai'
import { received, type TestOptions, TestServer, until } from '../harness.ts'

const PLAIN: TestOptions = { trustProxy: ['127.0.0.1'] }
/** No limit of time ends a test. */
const PATIENT = { headersSeconds: 100, requestSeconds: 100, handshakeSeconds: 100, stallSeconds: 100 }
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const PROXIED = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n\r\n'

for (const [protocol, options, request] of [
  ['plain HTTP', PLAIN, PROXIED],
  ['TLS 1.3', {}, GET],
  ['TLS 1.2', { tls: { maxVersion: 'TLSv1.2' } }, GET],
] as const) {
  describe(`a client that closes its sending side, over ${protocol}`, () => {
    it('after its request is answered, and the connection is then closed', async () => {
      await using server = await TestServer.start({ ...options, listener: slowly(300) })
      const socket = await server.connection()

      socket.end(request)

      expect(await received(socket)).to.match(/^HTTP\/1\.1 200 (.|\r\n)*\r\n\r\nslow$/)
      await until(() => server.running.load().connections === 0)
    })

    it('after two requests is answered twice', async () => {
      await using server = await TestServer.start({ ...options, listener: slowly(100) })
      const socket = await server.connection()

      socket.end(`${request}${request}`)

      expect((await received(socket)).match(/HTTP\/1\.1 200 /g)).to.have.length(2)
      await until(() => server.running.load().connections === 0)
    })

    it('after an answer has its connection closed', async () => {
      await using server = await TestServer.start({ ...options, limits: { idleSeconds: 600 } })
      const socket = await server.connection()
      socket.write(request)
      await once(socket, 'data')

      socket.end()

      await until(() => server.running.load().connections === 0)
    })

    it('in the middle of a request is refused', async () => {
      await using server = await TestServer.start({ ...options, listener: counting })
      const socket = await server.connection()

      socket.end(part(request))

      expect(await received(socket)).to.match(/^(HTTP\/1\.1 400 |$)/)
      await until(() => server.running.load().connections === 0)
    })

    it('in the middle of a later request is answered for the whole one, and refused for the part', async () => {
      const seen: string[] = []
      await using server = await TestServer.start({
        ...options,
        listener: (asked, response) => {
          if (asked.method === 'GET') void slowly(200)(asked, response)
          else asked.resume().once('error', () => seen.push('error'))
        },
      })
      const socket = await server.connection()

      socket.end(`${request}${part(request)}`)

      expect((await received(socket)).match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400'])
      await until(() => server.running.load().connections === 0)
      expect(server.running.load().requests).to.equal(0)
      expect(seen).to.deep.equal(['error'])
    })

    for (const [where, bytes] of [
      ['before a request', ''],
      ['in the request line', 'GET /'],
      ['in the headers', request.slice(0, -2)],
    ] as const)
      it(`${where} has its connection closed at once`, async () => {
        await using server = await TestServer.start({ ...options, limits: PATIENT })
        const socket = await server.connection()

        socket.end(bytes)

        expect(await received(socket)).to.match(/^(HTTP\/1\.1 400 |$)/)
        await until(() => server.running.load().connections === 0)
      })

    it('and is gone gives its place back, although its request is never answered', async () => {
      await using server = await TestServer.start({
        ...options,
        limits: { ...PATIENT, halfClosedSeconds: 0.2 },
        listener: () => {},
      })
      const socket = await server.connection()
      socket.write(request)
      await until(() => server.running.load().requests === 1)

      socket.destroy()

      await until(() => server.running.load().connections === 0)
      expect(server.running.load().requests).to.equal(0)
    })

    it('and still reads keeps its place, and is asked twice at most', async () => {
      const answers: ServerResponse[] = []
      await using server = await TestServer.start({
        ...options,
        limits: { ...PATIENT, halfClosedSeconds: 0.1 },
        listener: (_request, response) => void answers.push(response),
      })
      const socket = await server.connection()
      const answer = received(socket)
      socket.end(request)
      let bytes = ''
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.toString('latin1')
      })
      await until(() => bytes.split('102 Processing').length === 3)
      await elapsed(300)

      answers[0]?.end('late')

      expect((await answer).match(/HTTP\/1\.1 \d+|late/g)).to.deep.equal([
        ...['HTTP/1.1 102', 'HTTP/1.1 102'],
        ...['HTTP/1.1 200', 'late'],
      ])
    })

    it('and speaks HTTP/1.0 is sent nothing but its answer', async () => {
      await using server = await TestServer.start({
        ...options,
        limits: { halfClosedSeconds: 0.1 },
        listener: slowly(400),
      })
      const socket = await server.connection()

      socket.end(request.replace('HTTP/1.1', 'HTTP/1.0'))

      expect(await received(socket)).to.match(/^HTTP\/1\.1 200 /)
    })

    it('and is never answered has its connection closed after the longest pause', async () => {
      await using server = await TestServer.start({ ...options, limits: { stallSeconds: 1 }, listener: () => {} })
      const socket = await server.connection()

      socket.end(request)

      await until(() => server.running.load().connections === 0)
      expect(server.running.load().requests).to.equal(0)
    })

    it('does not hold up a stop longer than its request', async () => {
      await using server = await TestServer.start({ ...options, listener: slowly(300) })
      const socket = await server.connection()
      socket.end(request)
      const answer = received(socket)
      await until(() => server.running.load().requests === 1)

      await server.running.stop({ graceSeconds: 10 })

      expect(await answer).to.match(/^HTTP\/1\.1 200 /)
    })
  })
}

describe('a client that closes its sending side during the TLS handshake', () => {
  for (const [what, bytes] of [
    ['before its first byte', ''],
    ['in its first record', '1603010200'],
    ['with bytes that are not TLS', Buffer.from(GET).toString('hex')],
  ] as const)
    it(`${what} has its connection closed at once`, async () => {
      await using server = await TestServer.start({ limits: PATIENT })
      const socket = await server.tcp()

      socket.end(Buffer.from(bytes, 'hex'))

      await received(socket)
      await until(() => server.running.load().connections === 0)
    })
})

describe('a client that is gone', () => {
  it('has its connection closed when its answer is written', async () => {
    await using server = await TestServer.start({ ...PLAIN, listener: slowly(300) })
    const socket = connect(server.port, '127.0.0.1')
    socket.write(PROXIED)
    await until(() => server.running.load().requests === 1)

    socket.destroy()

    await until(() => server.running.load().connections === 0)
  })
})

/** A request whose body is not whole. */
function part(request: string): string {
  return request.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\nabc')
}

/** Reads the body to its end, then answers. */
function counting(request: IncomingMessage, response: ServerResponse): void {
  request.resume().once('end', () => response.end('all of it'))
}

function slowly(milliseconds: number) {
  return async (_request: unknown, response: ServerResponse) => {
    await elapsed(milliseconds)
    response.end('slow')
  }
}
