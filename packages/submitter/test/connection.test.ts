import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type TcpNetConnectOpts } from 'node:net'
import { encryptCompact, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { expect } from 'chai'
import { assertLoopback } from '../src/endpoint.ts'
import { submit } from '../src/index.ts'
import { post } from '../src/post.ts'
import { failure, outcome } from './outcome.ts'
import { json, Receiver } from './receiver.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
const SUBMISSION = { serviceSlug: 's', submissionId: ID, submissionAnswers: {}, attachments: [] }
const ACCEPTED = json(201, { submissionId: ID, status: 'accepted' })

describe('a connection to this machine', () => {
  for (const address of ['127.0.0.1', '127.200.0.9', '::1', '::ffff:127.0.0.1'])
    it(`may reach ${address}`, async () => {
      expect(await outcome(() => assertLoopback(address))).to.equal('done')
    })

  for (const address of [
    '192.0.2.7',
    '10.0.0.1',
    '0.0.0.0',
    '128.0.0.1',
    '::',
    'fe80::1',
    '::ffff:192.0.2.7',
    undefined,
  ])
    it(`may not reach ${address}`, async () => {
      expect(await outcome(() => assertLoopback(address))).to.equal('ERR_ENDPOINT_REFUSED')
    })

  for (const scheme of ['http', 'https'] as const)
    it(`sends no byte by ${scheme} when it has reached another machine`, async () => {
      await using receiver = await Receiver.start(ACCEPTED)
      let bytes = 0
      const elsewhere = (options: TcpNetConnectOpts) => {
        const socket = connect(options)
        Object.defineProperty(socket, 'remoteAddress', { value: '192.0.2.7' })
        socket.once('close', () => {
          bytes = socket.bytesWritten
        })
        return socket
      }
      const jwe = await encryptCompact('{}', parseKeyring(KEY).keys[0] as never)
      const endpoint = new URL(`${scheme}://127.0.0.1:${receiver.port}/v2/complaint`)

      const error = await failure(() => post(endpoint, jwe, { timeoutSeconds: 5, open: elsewhere }))

      expect([error.code, error.message]).to.deep.equal([
        'ERR_ENDPOINT_REFUSED',
        'the connection did not stay on this machine; nothing was sent',
      ])
      expect([bytes, receiver.received]).to.deep.equal([0, []])
    })

  it('is made by http to an address, as an ingress makes it that has ended TLS', async () => {
    const seen: (string | undefined)[][] = []
    await using server = createServer((request, response) => {
      const { headers } = request
      seen.push([request.method, request.url, headers['x-forwarded-proto'] as string, headers['content-type']])
      response
        .writeHead(201, { 'Content-Type': 'application/json' })
        .end(`{"submissionId":"${ID}","status":"accepted"}`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/complaint`

    const receipt = await submit({ endpoint, key: KEY, allowLocal: true, submission: SUBMISSION })

    expect(receipt).to.include({ outcome: 'accepted', status: 201 })
    expect(seen).to.deep.equal([['POST', '/v2/complaint', 'https', 'application/x-www-form-urlencoded']])
  })

  it('says nothing of an ingress by https', async () => {
    await using receiver = await Receiver.start(ACCEPTED)

    await submit({
      endpoint: receiver.url(),
      key: KEY,
      allowLocal: true,
      ca: receiver.certificate.cert,
      submission: SUBMISSION,
    })

    expect(new Map(receiver.received[0]?.headers).has('X-Forwarded-Proto')).to.equal(false)
  })
})
