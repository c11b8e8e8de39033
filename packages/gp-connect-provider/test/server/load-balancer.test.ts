/** Tests the provider behind a load balancer that passes TLS through. */
import { connect } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { v1, v2 } from '../../../secure-server/test/proxy-headers.ts'
import { until } from '../cases/case.ts'
import { open, parse } from '../client.ts'
import { type ClientName, Pki } from '../pki.ts'
import { type PracticeOptions, startPractice } from '../practice.ts'
import { ask, type Difference, goodRequest, PATIENT, targetOf } from '../requests.ts'

const BALANCER: PracticeOptions = { server: { proxyProtocol: ['127.0.0.1/32'] } }
const LOCAL = v2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })

describe('behind a load balancer', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  for (const [what, header, address] of [
    ['version 1 is recorded', v1(), '192.0.2.7'],
    ['version 1 over IPv6 is recorded', v1('TCP6 2001:db8::7 ::1 1 2'), '2001:db8::7'],
    ['version 2 is recorded', v2(), '192.0.2.7'],
    ['UNKNOWN leaves the balancer', v1('UNKNOWN'), '127.0.0.1'],
    ['LOCAL leaves the balancer', LOCAL, '127.0.0.1'],
  ] as const)
    it(`the client of a PROXY header of ${what} in the audit trail`, async () => {
      await using practice = await startPractice(pki, BALANCER)

      const reply = await through(practice.port, header)

      expect([reply.status, practice.records().map((record) => record.address)]).to.deep.equal([200, [address]])
    })

  it('the audit trail names the client of each refusal', async () => {
    await using practice = await startPractice(pki, { ...BALANCER, mode: 'respond' })

    const unknownPath = await through(practice.port, v1(), { path: '/Nothing' })
    const unparsed = await through(practice.port, v1(), Buffer.from('GET / HTTP/1.1\r\nBad Header\r\n\r\n'))
    const certificate = await through(practice.port, v1(), PATIENT, 'ssp-revoked')
    const silent = await securely(practice.port, v1(), 'ssp-expired')

    await until(() => practice.records().length === 4)
    silent.destroy()
    expect([unknownPath, unparsed, certificate].map(({ status }) => status)).to.deep.equal([400, 400, 495])
    expect(practice.records().map(({ address, status }) => [address, status])).to.deep.equal([
      ['192.0.2.7', 400],
      ['192.0.2.7', 400],
      ['192.0.2.7', 495],
      ['192.0.2.7', null],
    ])
  })

  it('the audit trail names the client of a refused certificate in strict mode', async () => {
    await using practice = await startPractice(pki, BALANCER)

    await through(practice.port, v1(), PATIENT, 'ssp-revoked')

    await until(() => practice.records().length === 1)
    expect(practice.records()[0]).to.include({ address: '192.0.2.7', errorCode: 'CERT_REVOKED' })
  })

  it('a connection that breaks the protocol is counted by its reason, and no request of it is served', async () => {
    await using practice = await startPractice(pki, BALANCER)

    const missing = await ask(practice.port, pki)

    await until(() => practice.events.some(({ type }) => type === 'connection.refused'))
    expect([missing.handshaken, practice.records()]).to.deep.equal([false, []])
    expect(practice.events.filter(({ type }) => type === 'connection.refused')).to.deep.equal([
      { type: 'connection.refused', reason: 'proxy-missing', address: '127.0.0.1' },
    ])
  })

  for (const mode of ['strict', 'respond'] as const)
    it(`health probes that open TCP or TLS and leave are counted, and none is recorded (${mode})`, async () => {
      await using practice = await startPractice(pki, { ...BALANCER, mode })

      for (let i = 0; i < 3; i += 1) {
        const socket = connect(practice.port, '127.0.0.1', () => socket.end())
        const stream = await securely(practice.port, LOCAL, 'none')
        stream.end()
      }

      await until(() => practice.events.filter(({ type }) => type === 'connection.probed').length === 6)
      await through(practice.port, v1())
      expect(practice.records().map(({ status }) => status)).to.deep.equal([200])
    })

  it('a client without a certificate that stays is recorded', async () => {
    await using practice = await startPractice(pki)
    const socket = open(targetOf(practice.port, pki, 'none'), () => {})

    await until(() => practice.records().length === 1)

    socket.destroy()
    expect(practice.records()[0]).to.include({ errorCode: 'CERT_MISSING', address: '127.0.0.1' })
  })

  it('limits per address do not count the proxy, whose one address every consumer comes from', async () => {
    await using practice = await startPractice(pki, { server: { limits: { connectionsPerAddress: 2 } } })
    const accepted: TLSSocket[] = []
    for (let i = 0; i < 4; i += 1) accepted.push(await admitted(practice.port))
    const strangers = Array.from({ length: 8 }, () => connect(practice.port, '127.0.0.1').on('error', () => {}))
    await until(() => strangers.filter(({ destroyed }) => destroyed).length === 6)

    const replies = []
    for (let i = 0; i < 4; i += 1) replies.push(await ask(practice.port, pki))

    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200])
    expect(accepted.some(({ destroyed }) => destroyed)).to.equal(false)
    for (const socket of [...accepted, ...strangers]) socket.destroy()
  })

  it('the proxy as a whole has a limit of requests only if there is one in the settings', async () => {
    const many = goodRequest({ connection: 'keep-alive' })
    const limits = { requestsPerSecondPerAddress: 1 }
    await using limited = await startPractice(pki, { server: { limits } })
    await using unlimited = await startPractice(pki)

    for (const [{ port, records }, expected] of [
      [limited, [429]],
      [unlimited, []],
    ] as const) {
      const socket = open(targetOf(port, pki), () => socket.write(Buffer.concat([many, many, many, many])))
      await until(() => records().length === 4)
      socket.destroy()
      const refused = records().filter(({ status }) => status !== 200)
      expect([...new Set(refused.map(({ status }) => status))]).to.deep.equal(expected)
    }
  })

  it('does not start with load balancers that are no list', async () => {
    const wrong = { server: { proxyProtocol: '127.0.0.1' as unknown as string[] } }

    const error = await startPractice(pki, wrong).catch((reason: unknown) => reason)

    expect(error).to.have.property('message', 'proxyProtocol is not a list of texts')
  })

  /** Sends a request behind a header, and reads its answer. */
  async function through(
    port: number,
    header: Buffer,
    request: Difference | Buffer = {},
    name: ClientName | 'none' = 'ssp-valid',
  ): Promise<ReturnType<typeof parse>> {
    const stream = await securely(port, header, name)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.write(Buffer.isBuffer(request) ? request : goodRequest(request))
    await until(() => stream.closed)
    return parse(Buffer.concat(chunks))
  }

  /** A direct connection whose certificate is accepted, as an answer on it shows. */
  async function admitted(port: number): Promise<TLSSocket> {
    const socket = open(targetOf(port, pki), () => socket.write(goodRequest({ connection: 'keep-alive' })))
    await new Promise((resolve) => socket.once('data', resolve))
    return socket
  }

  /** A TLS connection behind a header, after its handshake. */
  async function securely(port: number, header: Buffer, name: ClientName | 'none'): Promise<TLSSocket> {
    const { ca, credentials, tls } = targetOf(port, pki, name)
    const socket = connect(port, '127.0.0.1')
    socket.write(header)
    const stream = connectTls({ socket, servername: 'localhost', ca, ...credentials, ...tls })
    stream.on('error', () => {})
    let isSecure = false
    stream.once('secureConnect', () => {
      isSecure = true
    })
    // In strict mode the server may close before the client has seen the end of its handshake.
    await until(() => isSecure || stream.closed)
    return stream
  }
})
