import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type ServerEvent, startServer } from '@formbuilder/secure-server'
import { expect } from 'chai'
import { readBody } from '../../src/checks/read-body.ts'
import { until } from '../cases/case.ts'

describe('bodies in gzip', () => {
  it('whose end is withheld count as what they decompress to, and give way beyond the limit', async () => {
    const events: ServerEvent[] = []
    const codes: string[] = []
    await using server = await startServer(
      (request) => void readBody(request, 'gzip', 100_000).catch(({ code }) => codes.push(code)),
      {
        ...{ port: 0, host: '127.0.0.1', trustProxy: ['127.0.0.1'] },
        limits: { bodyBytes: 100_000, heldBodyBytes: 500_000 },
        onEvent: (event) => void events.push(event),
      },
    )
    const body = gzipSync(Buffer.alloc(100_000))
    const sockets: Socket[] = []

    for (let i = 0; i < 12; i++) {
      const socket = connect(server.port, '127.0.0.1').resume()
      await once(socket, 'connect')
      sockets.push(socket)
      socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body.subarray(0, -1))
    }
    await until(() => events.filter(({ type }) => type === 'request.refused').length >= 7)

    expect(server.load().bodyBytes).to.be.within(1, 500_000)
    expect(new Set(events.flatMap((event) => (event.type === 'request.refused' ? event.reason : [])))).to.deep.equal(
      new Set(['bodies']),
    )
    await until(() => codes.length >= 7)
    for (const socket of sockets) socket.destroy()
  })
})
