import type { ServerResponse } from 'node:http'
import { Agent } from 'node:https'
import { expect } from 'chai'
import { firstBytes, received, TestServer, until } from '../harness.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('stopping', () => {
  it('answers every request of clients that keep sending, the last with Connection: close', async () => {
    await using server = await TestServer.start({
      listener: (_request, response) => void setImmediate(() => response.end('hello')),
    })
    const failed: string[] = []
    const last: (string | undefined)[] = []
    let answered = 0
    const clients = Array.from({ length: 10 }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: server.authority.cert })
      for (;;) {
        const answer = await server.send('/', { agent }).catch((error: NodeJS.ErrnoException) => error)
        if (answer instanceof Error) {
          // The port is closed. A client must not see any other error.
          if (answer.code !== 'ECONNREFUSED') failed.push(String(answer.code))
          break
        }
        answered += 1
        last.push(answer.headers.connection)
        if (answer.headers.connection === 'close') break
      }
      agent.destroy()
    })
    await until(() => answered > 100)

    await server.running.stop({ graceSeconds: 10 })
    await Promise.all(clients)

    expect(failed).to.deep.equal([])
    expect(last.filter((connection) => connection === 'close')).to.have.length(10)
    expect(server.of('stopped')).to.deep.equal([{ type: 'stopped', cutConnections: 0 }])
  })

  it('waits for a running request, then closes its connection', async () => {
    const responses: ServerResponse[] = []
    await using server = await TestServer.start({ listener: (_request, response) => void responses.push(response) })
    const socket = await server.connection()
    socket.write(GET)
    await until(() => responses.length === 1)

    const stopped = server.running.stop()
    await until(() => server.of('stopping').length === 1)
    responses[0]?.end('done')

    expect(await received(socket))
      .to.include('Connection: close')
      .and.include('done')
    await stopped
    await until(() => server.running.load().connections === 0)
  })

  it('finishes an answer whose headers are already sent, then closes its connection', async () => {
    let response: ServerResponse | undefined
    await using server = await TestServer.start({
      listener: (_request, given) => {
        response = given
        given.write('started')
      },
    })
    const socket = await server.connection()
    socket.write(GET)
    await firstBytes(socket)

    const stopped = server.running.stop({ graceSeconds: 10 })
    response?.end(' and done')

    expect(await received(socket)).to.include(' and done')
    await stopped
    expect(server.of('stopped')[0]?.cutConnections).to.equal(0)
  })

  it('closes and counts connections whose request is still running after graceSeconds', async () => {
    await using server = await TestServer.start({ listener: () => {} })
    const socket = await server.connection()
    socket.write(GET)
    await until(() => server.running.load().requests === 1)

    await server.running.stop({ graceSeconds: 0.2 })

    expect(await received(socket)).to.equal('')
    expect(server.of('stopped')).to.deep.equal([{ type: 'stopped', cutConnections: 1 }])
  })

  it('does not wait for clients that send nothing, during or after the handshake', async () => {
    await using server = await TestServer.start({
      limits: { handshakeSeconds: 60, headersSeconds: 60, requestSeconds: 60 },
    })
    const sockets = [await server.tcp(), await server.tls(), await server.connection()]
    sockets[2]?.write(GET)
    const closed = sockets.map(received)

    // If it waited for them, the test would time out.
    await server.running.stop({ graceSeconds: 600 })
    await Promise.all(closed)

    expect(server.of('stopped')).to.deep.equal([{ type: 'stopped', cutConnections: 0 }])
  })

  it('accepts no new connection', async () => {
    await using server = await TestServer.start()

    await server.running.stop()

    expect(await server.send('/').catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ECONNREFUSED')
  })

  it('happens once, even if stop is called again', async () => {
    const server = await TestServer.start()

    await Promise.all([server.running.stop(), server.running.stop()])
    await server[Symbol.asyncDispose]()

    expect(server.of('stopping')).to.have.length(1)
    expect(server.of('stopped')).to.have.length(1)
  })

  it('reports its port, and rejects if the port is in use', async () => {
    await using first = await TestServer.start({ host: '127.0.0.1' })

    expect(first.of('listening')).to.deep.equal([{ type: 'listening', port: first.port, tls: true }])
    const taken = await TestServer.start({ host: '127.0.0.1', port: first.port }).catch(
      (error: NodeJS.ErrnoException) => error.code,
    )
    expect(taken).to.equal('EADDRINUSE')
  })
})
