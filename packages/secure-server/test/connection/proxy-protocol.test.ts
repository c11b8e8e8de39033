import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as elapsed } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { clientAddressOf } from '../../src/index.ts'
import { expectRejection, received, type TestOptions, TestServer, until } from '../harness.ts'
import { IPV6, tlv, v1, v2 } from '../proxy-headers.ts'

const BALANCER: TestOptions = {
  proxyProtocol: ['127.0.0.1'],
  listener: (request, response) => void response.end(clientAddressOf(request.socket)),
}
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
/** From an address that is no load balancer. */
const DIRECT = { localAddress: '127.0.0.2' }
const NOBODY = Buffer.alloc(0)

describe('a load balancer that sends a PROXY header', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    for (const [what, header, client] of [
      ['version 1', v1(), '192.0.2.7'],
      ['version 1 over IPv6', v1('TCP6 2001:db8::7 ::1 1 2'), '2001:db8::7'],
      ['version 1 with UNKNOWN', v1('UNKNOWN'), '127.0.0.1'],
      ['version 2', v2(), '192.0.2.7'],
      ['version 2 over IPv6', v2({ family: 0x21, addresses: IPV6 }), '2001:db8::7'],
      ['version 2 with TLVs', v2({ tlvs: tlv(0x04, Buffer.alloc(2000)) }), '192.0.2.7'],
      ['version 2 with LOCAL', v2({ command: 0x20, family: 0, addresses: NOBODY }), '127.0.0.1'],
      ['version 2 with an unknown family', v2({ family: 0, addresses: NOBODY }), '127.0.0.1'],
    ] as const)
      it(`has ${client} as the client of ${maxVersion} with ${what}`, async () => {
        await using server = await TestServer.start({ ...BALANCER, tls: { maxVersion } })

        expect(await answerTo(server, [header])).to.match(new RegExp(`\r\n\r\n${client}$`))
        expect(server.of('connection.refused')).to.deep.equal([])
      })

  it('may send it byte by byte', async () => {
    await using server = await TestServer.start(BALANCER)
    const bytes = [...v2({ tlvs: tlv(0x04, Buffer.alloc(5)) })].map((byte) => Buffer.from([byte]))

    expect(await answerTo(server, bytes)).to.match(/\r\n\r\n192\.0\.2\.7$/)
  })

  for (const [what, header] of [
    ['version 1', v1()],
    ['version 2', v2()],
  ] as const) {
    it(`may send it in one packet with the first bytes of TLS: ${what}`, async () => {
      await using server = await TestServer.start(BALANCER)

      expect(await answerTo(server, [], { before: header })).to.match(/\r\n\r\n192\.0\.2\.7$/)
    })

    it(`may send it in one packet with a part of the first bytes of TLS: ${what}`, async () => {
      await using server = await TestServer.start(BALANCER)

      expect(await answerTo(server, [], { before: header, cut: 20 })).to.match(/\r\n\r\n192\.0\.2\.7$/)
    })
  }

  it('keeps the client for every request of a connection', async () => {
    await using server = await TestServer.start(BALANCER)
    const stream = await throughBalancer(server, [v1()])
    const answers = received(stream)

    for (const path of ['/1', '/2']) stream.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    stream.write(GET)

    expect((await answers).match(/192\.0\.2\.7/g)).to.have.length(3)
  })

  it('has the client, not itself, in what is said of a refused request', async () => {
    await using server = await TestServer.start(BALANCER)

    await answerTo(server, [v1()], { request: 'GET / HTTP/1.1\r\n\r\n' })

    expect(server.of('request.refused').map(({ address }) => address)).to.deep.equal(['192.0.2.7'])
  })
})

describe('a connection is refused without an answer, and counted by its reason:', () => {
  const FROM_BALANCER = {}
  for (const [reason, what, from, bytes] of [
    ['proxy-missing', 'TLS without a header', FROM_BALANCER, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['proxy-missing', 'HTTP without a header', FROM_BALANCER, GET],
    ['proxy-missing', 'a byte that starts no header', FROM_BALANCER, 'X'],
    ['proxy-malformed', 'no addresses', FROM_BALANCER, v1('TCP4')],
    ['proxy-malformed', 'no line end where one must be', FROM_BALANCER, 'PROXY UNKNOWN\n'],
    ['proxy-malformed', 'a version that does not exist', FROM_BALANCER, v2({ command: 0x31 })],
    ['proxy-malformed', 'a wrong checksum', FROM_BALANCER, v2({ tlvs: tlv(0x03, Buffer.alloc(4)) })],
    ['proxy-oversized', 'a line without an end', FROM_BALANCER, `PROXY ${'x'.repeat(101)}`],
    ['proxy-oversized', 'a block that is announced as too long', FROM_BALANCER, v2({ length: 4097 })],
    ['proxy-untrusted', 'a header of version 1', DIRECT, v1()],
    ['proxy-untrusted', 'a header of version 2', DIRECT, v2()],
    ['proxy-untrusted', 'the start of a header', DIRECT, 'PROXY '],
    ['proxy-untrusted', 'a header that is malformed', DIRECT, v1('nonsense')],
  ] as const)
    it(`${reason} from ${from === DIRECT ? 'anybody else' : 'the balancer'}: ${what}`, async () => {
      await using server = await TestServer.start(BALANCER)
      const socket = await server.tcp(from)
      socket.write(bytes)

      expect(await received(socket)).to.equal('')
      expect(server.of('connection.refused')).to.deep.equal([
        { type: 'connection.refused', reason, address: from === DIRECT ? '127.0.0.2' : '127.0.0.1' },
      ])
      await until(() => server.running.load().connections === 0)
      expect(server.of('connection.probed')).to.deep.equal([])
    })

  for (const [reason, what, from, bytes] of [
    ['proxy-timeout', 'nothing', FROM_BALANCER, ''],
    ['proxy-timeout', 'half a line', FROM_BALANCER, 'PROXY TCP4 192'],
    ['proxy-timeout', 'half a block', FROM_BALANCER, v2().subarray(0, 20)],
    ['handshake', 'a whole header and no TLS', FROM_BALANCER, v1()],
    ['handshake', 'nothing', DIRECT, ''],
    ['handshake', 'what may become a header', DIRECT, 'PRO'],
  ] as const)
    it(`${reason} after handshakeSeconds from ${from === DIRECT ? 'anybody else' : 'the balancer'}: ${what}`, async () => {
      await using server = await TestServer.start({ ...BALANCER, limits: { handshakeSeconds: 0.2 } })
      const socket = await server.tcp(from)
      if (bytes !== '') socket.write(bytes)

      expect(await received(socket)).to.equal('')
      expect(server.of('connection.refused').map((event) => event.reason)).to.deep.equal([reason])
      await until(() => server.running.load().connections === 0)
    })

  it('proxy-timeout however steadily the bytes of a header arrive', async () => {
    await using server = await TestServer.start({ ...BALANCER, limits: { handshakeSeconds: 0.3 } })
    const socket = await server.tcp()
    const trickle = setInterval(() => socket.write('x'), 20)
    socket.write('PROXY ')

    expect(await received(socket)).to.equal('')
    clearInterval(trickle)

    expect(server.of('connection.refused').map((event) => event.reason)).to.deep.equal(['proxy-timeout'])
  })

  it('handshake of a client that sends plain HTTP after its header', async () => {
    await using server = await TestServer.start(BALANCER)
    const socket = await server.tcp()
    socket.write(Buffer.concat([v1(), Buffer.from(GET)]))

    expect(await received(socket)).to.equal('')
    expect(server.of('connection.refused')).to.deep.equal([
      { type: 'connection.refused', reason: 'handshake', address: '192.0.2.7', code: 'ERR_SSL_HTTP_REQUEST' },
    ])
  })

  it('handshake of a second header', async () => {
    await using server = await TestServer.start(BALANCER)
    const socket = await server.tcp()
    socket.write(Buffer.concat([v1(), v1('TCP4 203.0.113.9 198.51.100.1 1 2')]))

    await received(socket)
    expect(server.of('connection.refused').map(({ reason, address }) => [reason, address])).to.deep.equal([
      ['handshake', '192.0.2.7'],
    ])
  })
})

describe('beside a load balancer', () => {
  it('a client that connects directly is served under its own address', async () => {
    await using server = await TestServer.start(BALANCER)

    expect((await server.send('/', DIRECT)).body).to.equal('127.0.0.2')
  })

  it('a header is refused where none is configured', async () => {
    await using server = await TestServer.start()
    const socket = await server.tcp()
    socket.write(v1())

    await received(socket)
    expect(server.of('connection.refused').map(({ reason }) => reason)).to.deep.equal(['handshake'])
  })

  for (const [why, options] of [
    ['an entry is no network', { proxyProtocol: ['balancer'] }],
    ['there is no entry', { proxyProtocol: [] }],
    ['there is no TLS', { proxyProtocol: ['127.0.0.1'], trustProxy: ['127.0.0.1'] }],
  ] as const)
    it(`the server does not start if ${why}`, async () => {
      const error = await expectRejection(TestServer.start(options), 'ERR_OPTIONS_INVALID')

      expect(error.message).to.include('proxyProtocol')
    })
})

describe('limits per address behind a load balancer', () => {
  const ONE = { ...BALANCER, limits: { connectionsPerAddress: 1 } }

  it('count the client that the header names, not the balancer', async () => {
    await using server = await TestServer.start(ONE)

    const clients = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((one) => v1(`TCP4 ${one} 198.51.100.1 1 2`))
    for (const header of clients) await throughBalancer(server, [header])

    expect(server.running.load().connections).to.equal(3)
    expect(server.of('connection.refused')).to.deep.equal([])
  })

  it('close the older connection of a client that has too many', async () => {
    await using server = await TestServer.start(ONE)
    const first = await throughBalancer(server, [v1()])
    const other = await throughBalancer(server, [v1('TCP4 192.0.2.8 198.51.100.1 1 2')])

    const closed = new Promise((resolve) => first.once('close', resolve))
    await throughBalancer(server, [v2()])

    await closed
    expect([other.destroyed, server.running.load().connections]).to.deep.equal([false, 2])
    expect(server.of('connection.refused')).to.deep.equal([
      { type: 'connection.refused', reason: 'evicted', address: '192.0.2.7' },
    ])
  })

  it('refuse a client whose connections may not be closed', async () => {
    await using server = await TestServer.start({ ...ONE, listener: () => {} })
    const first = await throughBalancer(server, [v1()])
    first.write(GET)
    await until(() => server.running.load().requests === 1)
    const socket = await server.tcp()

    socket.write(v1())

    await received(socket)
    expect(server.of('connection.refused')).to.deep.equal([
      { type: 'connection.refused', reason: 'address', address: '192.0.2.7' },
    ])
    expect(first.destroyed).to.equal(false)
  })

  it('leave the balancer itself as many connections as there may be in total', async () => {
    await using server = await TestServer.start(ONE)
    const local = v2({ command: 0x20, family: 0, addresses: NOBODY })
    const waiting = [await server.tcp(), await server.tcp()]

    for (let i = 0; i < 3; i += 1) await throughBalancer(server, [local])

    expect([server.running.load().connections, waiting.some(({ destroyed }) => destroyed)]).to.deep.equal([5, false])
  })

  it('count the requests of each client', async () => {
    await using server = await TestServer.start({ ...BALANCER, limits: { requestsPerSecondPerAddress: 1 } })
    const asked = ['192.0.2.1', '192.0.2.2', '192.0.2.1'].map((one) => v1(`TCP4 ${one} 198.51.100.1 1 2`))
    const streams = await Promise.all(asked.map((header) => throughBalancer(server, [header])))

    const answers = streams.map(received)
    for (const stream of streams) stream.write(GET)

    const statuses = (await Promise.all(answers)).map((answer) => answer.slice(9, 12))
    expect(statuses.sort()).to.deep.equal(['200', '200', '429'])
  })
})

describe('a health probe', () => {
  const local = v2({ command: 0x20, family: 0, addresses: NOBODY })
  for (const [what, options, probe] of [
    ['opens TCP behind a balancer', BALANCER, (server) => server.tcp()],
    ['sends LOCAL', BALANCER, async (server) => written(await server.tcp(), local)],
    ['opens TLS behind a balancer', BALANCER, (server) => throughBalancer(server, [local])],
    ['opens TCP', {}, (server) => server.tcp()],
    ['opens TLS', {}, (server) => server.tls()],
    ['opens TCP for plain HTTP', { trustProxy: ['127.0.0.1'] }, (server) => server.tcp()],
  ] as readonly [string, TestOptions, (server: TestServer) => Promise<Socket>][])
    for (const [how, leave] of [
      ['closes', (socket: Socket) => void socket.end()],
      ['resets', (socket: Socket) => void (socket as TLSSocket).destroy()],
    ] as const)
      it(`that ${what} and ${how} is counted, and nothing else`, async () => {
        await using server = await TestServer.start(options)
        const socket = await probe(server)
        socket.on('error', () => {})

        leave(socket)

        await until(() => server.of('connection.probed').length === 1)
        await until(() => server.running.load().connections === 0)
        expect(server.of('connection.probed')[0]?.address).to.equal('127.0.0.1')
        expect(server.events.map(({ type }) => type).filter((type) => type.endsWith('refused'))).to.deep.equal([])
      })

  it('is not what a client does that asks for something', async () => {
    await using server = await TestServer.start()

    await server.send()
    await server.exchange('nonsense\r\n\r\n')
    await until(() => server.running.load().connections === 0)

    expect(server.of('connection.probed')).to.deep.equal([])
  })

  it('is not what the server closes', async () => {
    const server = await TestServer.start({ limits: { connections: 1 } })
    const first = (await server.tls()).on('error', () => {})
    const second = await server.tls()
    const closed = [first, second].map((socket) => received(socket))

    await server[Symbol.asyncDispose]()
    await Promise.all(closed)

    expect(server.of('connection.probed')).to.deep.equal([])
  })
})

describe('while a header is read', () => {
  it('a client that leaves gives its place back', async () => {
    await using server = await TestServer.start(BALANCER)
    const socket = await server.tcp()

    socket.end('PROXY TCP4')

    await received(socket)
    await until(() => server.running.load().connections === 0)
  })

  it('a client that closes its sending side with its first bytes of TLS gives its place back', async () => {
    await using server = await TestServer.start(BALANCER)
    const socket = await server.tcp()

    socket.end(Buffer.concat([v1(), Buffer.from('160301', 'hex')]))

    await received(socket)
    await until(() => server.running.load().connections === 0)
  })

  it('a stop does not wait for it', async () => {
    await using server = await TestServer.start(BALANCER)
    const socket = await server.tcp()
    socket.write('PROXY')
    await until(() => server.running.load().connections === 1)

    await server.running.stop({ graceSeconds: 30 })

    expect(server.of('stopped')).to.deep.equal([{ type: 'stopped', cutConnections: 0 }])
  })
})

/** What a client gets for a request through a balancer that writes these parts before TLS. */
async function answerTo(
  server: TestServer,
  parts: readonly Buffer[],
  options: Glued & { readonly request?: string } = {},
): Promise<string> {
  const stream = await throughBalancer(server, parts, options)
  const answer = received(stream)
  stream.write(options.request ?? GET)
  return answer
}

interface Glued {
  /** Written in one packet with the first bytes of TLS. */
  readonly before?: Buffer
  /** How many bytes of TLS are in that packet, if not all of the first. */
  readonly cut?: number
}

/** A TLS connection after its handshake, before which the balancer has written these parts one by one. */
async function throughBalancer(server: TestServer, parts: readonly Buffer[], glued: Glued = {}): Promise<TLSSocket> {
  const socket = await server.tcp()
  socket.setNoDelay(true)
  for (const part of parts) {
    socket.write(part)
    if (parts.length > 1) await elapsed(1)
  }
  const wire = glued.before === undefined ? socket : glue(socket, glued.before, glued.cut)
  const stream = connectTls({ socket: wire, servername: 'localhost', ca: server.authority.cert })
  await once(stream, 'secureConnect')
  // One that the server closes may be reset.
  stream.on('error', () => {})
  return stream
}

/** A stream like the socket that writes these bytes in one packet with the first that are written to it. */
function glue(socket: Socket, before: Buffer, cut?: number): Duplex {
  const [side, wire] = duplexPair()
  wire.once('data', (first: Buffer) => {
    socket.write(Buffer.concat([before, first.subarray(0, cut)]))
    // The server answers nothing before the rest has arrived.
    if (cut !== undefined) setTimeout(() => socket.write(first.subarray(cut)), 20)
    wire.on('data', (bytes: Buffer) => socket.write(bytes))
  })
  socket.on('data', (bytes: Buffer) => wire.write(bytes))
  socket.once('end', () => socket.end())
  socket.once('close', () => side.destroy())
  return side
}

function written(socket: Socket, bytes: Buffer): Socket {
  socket.write(bytes)
  return socket
}
