/** Tests what a gateway passes on in both directions, and what it never does. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { until } from '../cases/case.ts'
import { exchange, open } from '../client.ts'
import { Pki } from '../pki.ts'
import { type Practice, ROOTS } from '../practice.ts'
import { ask, type Difference, goodRequest, PATIENT, targetOf } from '../requests.ts'
import { SECRET, startBytes, startGateway, startRaw, startUpstream, type TestUpstream } from './upstream.ts'

const PATH = `${ROOTS['v1.2'].path}/Patient/1`
const STRUCTURED: Difference = {
  method: 'POST',
  path: '/Patient/$gpc.getstructuredrecord',
  interaction: 'urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1',
  scope: 'patient/*.read',
}
const OK = 'HTTP/1.1 200 OK\r\n'

describe('a gateway', () => {
  let pki: Pki
  let upstream: TestUpstream
  let gateway: Practice
  let answer: Parameters<typeof startUpstream>[0]
  let body: Buffer

  before(async () => {
    pki = await Pki.create()
    upstream = await startUpstream(async (request, response) => {
      body = await buffer(request)
      answer(request, response)
    })
    gateway = await startGateway(pki, upstream.url)
  })

  beforeEach(() => {
    answer = (_, response) => response.end('{}')
  })

  after(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
    await pki[Symbol.asyncDispose]()
  })

  const last = (): IncomingMessage => upstream.requests.at(-1) as IncomingMessage
  const lastRecord = () => gateway.records().at(-1)

  it('sends what the guard has found, signed, bound to the request, for a minute', async () => {
    const began = Date.now()
    await ask(gateway.port, pki, { ...PATIENT, path: '/Patient/1?_format=json' })

    const token = String(last().headers['gp-connect-claims'])
    const { payload } = await jwtVerify(token, new TextEncoder().encode(SECRET), { algorithms: ['HS256'] })
    expect(decodeProtectedHeader(token)).to.deep.equal({ alg: 'HS256', typ: 'JWT' })
    expect(payload).to.deep.include({
      iss: 'gp-connect-gateway',
      method: 'GET',
      target: `${PATH}?_format=json`,
      from: '200000000359',
      to: ROOTS['v1.2'].asid,
      interaction: PATIENT.interaction,
      root: { ...ROOTS['v1.2'], preset: 'v1.2', fhir: 'STU3' },
      id: '1',
      format: 'json',
      prefers: 'representation',
      traceId: last().headers['ssp-traceid'],
    })
    expect(payload['claims']).to.include({ reason_for_request: 'directcare', requested_scope: 'patient/*.read' })
    expect(Number(payload.exp) - Number(payload.iat)).to.equal(60)
    expect(Number(payload.iat)).to.be.within(Math.floor(began / 1000), Math.ceil(Date.now() / 1000))
    expect([last().method, last().url]).to.deep.equal(['GET', `${PATH}?_format=json`])
  })

  it('signs each request anew', async () => {
    const tokens = []
    for (let n = 0; n < 2; n++) {
      await ask(gateway.port, pki, PATIENT)
      tokens.push(last().headers['gp-connect-claims'])
    }

    expect(new Set(tokens).size).to.equal(2)
  })

  it('sends nothing that an upstream could take for its word, or for another request', async () => {
    const sent = [
      ...['GP-Connect-Claims', 'gp-connect-claims', 'GP_Connect_Claims', 'Gp-Connect_claims', 'GP-Connect-User'],
      ...[
        'Cookie',
        'Proxy-Authorization',
        'Forwarded',
        'X-Forwarded-For',
        'x_forwarded_for',
        'X-Forwarded-Client-Cert',
      ],
      ...['X-Real-IP', 'Client-Cert', 'X-SSL-Client-Verify', 'SSL-Client-Verify', 'X-Remote-User', 'Remote-User'],
      ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL'],
      ...['TE', 'Trailer', 'Keep-Alive', 'Upgrade', 'Proxy-Connection', 'X-Named', 'HTTP2-Settings', 'Max-Forwards'],
      ...['X.Dotted', 'Ssp_TraceID', "X'Quoted", 'X!', 'Content-Type', 'Content-Encoding'],
    ]
    const head = goodRequest({ ...PATIENT, headers: Object.fromEntries(sent.map((name) => [name, 'identity'])) })
    const bytes = Buffer.from(
      head.toString('latin1').replace('Connection: close', 'Connection: close, X-Named'),
      'latin1',
    )

    const { status } = await exchange(targetOf(gateway.port, pki), bytes)

    const names = last().rawHeaders.filter((_, at) => at % 2 === 0)
    expect(status).to.equal(200)
    expect(names.map((name) => name.toLowerCase()).toSorted()).to.deep.equal([
      'connection',
      'gp-connect-claims',
      'host',
      'ssp-from',
      'ssp-interactionid',
      'ssp-to',
      'ssp-traceid',
    ])
    expect(String(last().headers['gp-connect-claims'])).to.match(/^ey/)
    expect(last().headers.host).to.equal(new URL(upstream.url).host)
  })

  it('passes every other header on as it was sent, also repeated ones', async () => {
    const headers = {
      ...{ Accept: 'application/fhir+json', 'If-Match': 'W/"1"', Prefer: 'return=minimal', 'X-Custom': 'ä' },
      ...{ 'User-Agent': 'a', traceparent: '00-1', 'Accept-Language': 'en' },
    }
    const bytes = goodRequest({ ...PATIENT, headers })
      .toString('latin1')
      .replace('X-Custom: Ã¤', 'X-Twice: 1\r\nX-Twice: 2')

    await exchange(targetOf(gateway.port, pki), Buffer.from(bytes, 'latin1'))

    expect(last().headers).to.include({
      ...{ accept: 'application/fhir+json', 'if-match': 'W/"1"', prefer: 'return=minimal', 'x-twice': '1, 2' },
      ...{ 'user-agent': 'a', traceparent: '00-1', 'accept-language': 'en' },
    })
  })

  for (const [how, encode] of [
    ['as it was written', (text: string) => Buffer.from(text)],
    ['still compressed', (text: string) => gzipSync(text)],
  ] as const) {
    it(`passes a body on ${how}`, async () => {
      const sent = encode('{ "resourceType" : "Parameters",\n "parameter": [ ] }')
      const encoding = how === 'still compressed' ? { 'Content-Encoding': 'gzip' } : {}
      const head = goodRequest({ ...STRUCTURED, headers: { ...encoding, 'Content-Length': String(sent.byteLength) } })
      const typed = head.toString('latin1').replace('\r\n\r\n', '\r\nContent-Type: application/fhir+json\r\n\r\n')

      const { status } = await exchange(targetOf(gateway.port, pki), Buffer.concat([Buffer.from(typed), sent]))

      expect(status).to.equal(200)
      expect(body.equals(sent)).to.equal(true)
      expect(last().headers).to.include({
        'content-length': String(sent.byteLength),
        'content-type': 'application/fhir+json',
      })
      expect(last().headers['content-encoding']).to.equal(encoding['Content-Encoding'])
    })
  }

  it('passes a chunked body on whole, with its length and without its trailers', async () => {
    const text = '{"resourceType":"Parameters"}'
    const head = goodRequest({
      ...STRUCTURED,
      headers: { 'Transfer-Encoding': 'chunked', Trailer: 'X-A', 'Content-Type': 'application/fhir+json' },
    })
    const chunks = `5\r\n${text.slice(0, 5)}\r\n${(text.length - 5).toString(16)}\r\n${text.slice(5)}\r\n0\r\nX-A: b\r\n\r\n`

    await exchange(targetOf(gateway.port, pki), Buffer.concat([head, Buffer.from(chunks)]))

    expect(body.toString()).to.equal(text)
    expect(last().headers)
      .to.include({ 'content-length': String(text.length) })
      .and.not.have.property('transfer-encoding')
    expect(last().trailers).to.deep.equal({})
  })

  it('answers Expect: 100-continue itself, and passes only the request on', async () => {
    const text = '{"resourceType":"Parameters"}'
    const reply = await exchange(
      targetOf(gateway.port, pki),
      goodRequest({ ...STRUCTURED, body: text, headers: { Expect: '100-continue' } }),
    )

    expect(reply.bytes.toString()).to.match(/^HTTP\/1\.1 100 .*\r\n\r\nHTTP\/1\.1 200 /)
    expect(last().headers).to.not.have.property('expect')
  })

  it('sends no body of a GET, which the guard does not check', async () => {
    await ask(gateway.port, pki, { ...PATIENT, body: '{"a":1}' })

    expect(body.byteLength).to.equal(0)
    expect(last().headers).to.not.have.any.keys('content-length', 'transfer-encoding', 'content-type')
  })

  it('passes status, body and headers of an answer on, but for those of its own connection and those that are ours', async () => {
    answer = (_, response) => {
      response.writeHead(201, 'Surprise', {
        ...{ ETag: 'W/"1"', Location: '/Patient/1', 'Content-Type': 'application/fhir+json', 'X-Custom': ['1', '2'] },
        ...{ 'Set-Cookie': 'a=b', 'Cache-Control': 'public', Pragma: 'x', Expires: 'x', Age: '1', Server: 'Secret/1' },
        ...{ 'X-Powered-By': 'x', 'Alt-Svc': 'h3=":1"', 'Clear-Site-Data': '"*"', 'GP-Connect-Claims': 'x' },
        ...{ Connection: 'keep-alive, X-Named', 'X-Named': 'x', 'Keep-Alive': 'timeout=5', 'Proxy-Authenticate': 'x' },
        ...{ 'Strict-Transport-Security': 'max-age=0', 'X-Content-Type-Options': 'x', Date: 'yesterday' },
      })
      response.end('{"resourceType":"Patient"}')
    }

    const reply = await ask(gateway.port, pki, PATIENT)

    const { date, 'strict-transport-security': transport, ...headers } = reply.headers
    expect(reply.bytes.toString()).to.match(/^HTTP\/1\.1 201 Created\r\n/)
    expect(headers).to.deep.equal({
      'content-type': 'application/fhir+json',
      'content-length': '26',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
      etag: 'W/"1"',
      location: '/Patient/1',
      'x-custom': '1, 2',
    })
    expect([Number.isNaN(Date.parse(String(date))), transport]).to.deep.equal([
      false,
      'max-age=31536000; includeSubDomains',
    ])
    expect(reply.body).to.equal('{"resourceType":"Patient"}')
  })

  it('compresses an answer that the upstream has not compressed, if the client accepts that', async () => {
    answer = (_, response) =>
      response.setHeader('Content-Type', 'application/fhir+json').end('{"resourceType":"Patient"}')

    const reply = await ask(gateway.port, pki, { ...PATIENT, headers: { 'Accept-Encoding': 'gzip' } })

    expect([reply.headers['content-encoding'], reply.body]).to.deep.equal(['gzip', '{"resourceType":"Patient"}'])
  })

  const outcome = JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: 'forbidden', details: { coding: [{ code: 'NO_PATIENT_CONSENT' }] } }],
  })
  for (const [coding, encode] of [
    ['identity', (text: string) => Buffer.from(text)],
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const) {
    it(`records the code of an outcome, and passes it on: ${coding}`, async () => {
      const encoded = encode(outcome)
      answer = (_, response) => {
        response.writeHead(403, { 'Content-Type': 'application/fhir+json', 'Content-Encoding': coding })
        response.end(encoded)
      }

      const { status, bytes } = await ask(gateway.port, pki, PATIENT)

      expect([status, bytes.subarray(-encoded.byteLength).equals(encoded)]).to.deep.equal([403, true])
      expect([lastRecord()?.status, lastRecord()?.errorCode]).to.deep.equal([403, 'NO_PATIENT_CONSENT'])
    })
  }

  it('asks the upstream nothing about a request that the guard refuses', async () => {
    const before = upstream.requests.length
    const { status } = await ask(gateway.port, pki, { ...PATIENT, headers: { 'Ssp-To': 'x' } })

    expect([status, upstream.requests.length - before]).to.deep.equal([400, 0])
  })

  it('keeps names and tokens out of its log', () => {
    expect(gateway.log()).to.not.match(/eyJ|identifier=|Patient\/1|AssurancePractitioner/)
  })

  // biome-ignore format: a table
  const BROKEN: readonly (readonly [what: string, bytes: string, then: 'close' | 'reset' | 'stay', status: number, code: string])[] = [
    ['closes without an answer',            '',                                                                       'close', 502, 'UPSTREAM_UNAVAILABLE'],
    ['closes in the head',                  'HTTP/1.1 200 OK\r\nContent-',                                            'close', 502, 'UPSTREAM_UNAVAILABLE'],
    ['resets in the head',                  'HTTP/1.1 200 OK\r\nContent-',                                            'reset', 502, 'UPSTREAM_UNAVAILABLE'],
    ['closes in the body',                  `${OK}Content-Length: 10\r\n\r\n12345`,                                   'close', 502, 'UPSTREAM_UNAVAILABLE'],
    ['resets in the body',                  `${OK}Content-Length: 10\r\n\r\n12345`,                                   'reset', 502, 'UPSTREAM_UNAVAILABLE'],
    ['closes between chunks',               `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n`,                  'close', 502, 'UPSTREAM_UNAVAILABLE'],
    ['is silent',                           '',                                                                       'stay',  504, 'UPSTREAM_TIMEOUT'],
    ['is silent after its status',          'HTTP/1.1 200 OK\r\n',                                                    'stay',  504, 'UPSTREAM_TIMEOUT'],
    ['only ever continues',                 'HTTP/1.1 102 Processing\r\n\r\n',                                        'stay',  504, 'UPSTREAM_TIMEOUT'],
    ['does not speak HTTP',                 'SSH-2.0-OpenSSH\r\n',                                                    'stay',  502, 'UPSTREAM_INVALID'],
    ['speaks HTTP/2',                       '\0\0\x12\x04\0\0\0\0\0',                                                 'stay',  502, 'UPSTREAM_INVALID'],
    ['has a status that is none',           'HTTP/1.1 700 X\r\nContent-Length: 0\r\n\r\n',                            'stay',  502, 'UPSTREAM_INVALID'],
    ['switches protocols',                  'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',            'stay',  502, 'UPSTREAM_INVALID'],
    ['continues what does not wait',        'HTTP/1.1 100 Continue\r\n\r\n',                                          'stay',  502, 'UPSTREAM_INVALID'],
    ['has a length and chunks',             `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,  'stay',  502, 'UPSTREAM_INVALID'],
    ['has two lengths',                     `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456`,              'stay',  502, 'UPSTREAM_INVALID'],
    ['has a length that is none',           `${OK}Content-Length: 5x\r\n\r\n12345`,                                   'stay',  502, 'UPSTREAM_INVALID'],
    ['has chunks that are none',            `${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,                         'stay',  502, 'UPSTREAM_INVALID'],
    ['folds a header',                      `${OK}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`,                         'stay',  502, 'UPSTREAM_INVALID'],
    ['has a header with a bare CR',         `${OK}X-A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n`,                'stay',  502, 'UPSTREAM_INVALID'],
    ['has a header with a NUL',             `${OK}X-A: b\0c\r\nContent-Length: 0\r\n\r\n`,                            'stay',  502, 'UPSTREAM_INVALID'],
    ['has a space before a colon',          `${OK}X-A : b\r\nContent-Length: 0\r\n\r\n`,                              'stay',  502, 'UPSTREAM_INVALID'],
    ['has huge headers',                    `${OK}X-A: ${'a'.repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`,           'stay',  502, 'UPSTREAM_INVALID'],
  ]

  for (const [what, bytes, then, status, code] of BROKEN) {
    it(`answers ${status} once, and records ${code}, where the upstream ${what}`, async () => {
      await using broken = await startBytes(bytes, then)
      await using practice = await startGateway(pki, broken.url, { headersSeconds: 0.3 })

      const reply = await ask(practice.port, pki, PATIENT)

      expect([reply.status, reply.headers['content-type']]).to.deep.equal([
        status,
        'application/fhir+json; charset=utf-8',
      ])
      expect(JSON.parse(reply.body).issue[0].details.coding[0].code).to.equal('INTERNAL_SERVER_ERROR')
      expect(reply.bytes.toString('latin1')).to.not.match(/set-cookie|12345/i)
      expect(practice.records().map((one) => [one.status, one.errorCode])).to.deep.equal([[status, code]])
      expect(practice.events.find(({ type }) => type === 'transaction.failed')).to.include({ status, code })
      // Nothing is sent twice: the upstream may have acted already.
      expect(broken.connections.opened).to.equal(1)
      await until(() => broken.connections.open === 0)
    })
  }

  it('answers 502 where nothing listens', async () => {
    const gone = await startBytes('')
    await gone[Symbol.asyncDispose]()
    await using practice = await startGateway(pki, gone.url)

    const { status } = await ask(practice.port, pki, PATIENT)

    expect(status).to.equal(502)
    expect(practice.events.find(({ type }) => type === 'transaction.failed')).to.include({
      code: 'UPSTREAM_UNAVAILABLE',
      error: 'Error ECONNREFUSED',
    })
  })

  // biome-ignore format: a table
  const HALF: readonly (readonly [how: string, head: string, then: 'close' | 'reset' | 'stay'])[] = [
    ['closes before its length is reached', `${OK}Content-Length: 300000\r\n\r\n`,       'close'],
    ['resets before its length is reached', `${OK}Content-Length: 300000\r\n\r\n`,       'reset'],
    ['closes before its last chunk',        `${OK}Transfer-Encoding: chunked\r\n\r\n40000\r\n`, 'close'],
    ['falls silent',                        `${OK}Content-Length: 300000\r\n\r\n`,       'stay'],
  ]

  for (const [how, head, then] of HALF) {
    it(`cuts the answer of an upstream that ${how}, and records that`, async () => {
      await using broken = await startBytes(`${head}${'x'.repeat(200_000)}`, then)
      await using practice = await startGateway(pki, broken.url, { idleSeconds: 1 })

      const reply = await ask(practice.port, pki, PATIENT)

      const text = reply.bytes.toString('latin1')
      expect(text.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 200'])
      expect(text.length < 300_000 && !text.endsWith('\r\n0\r\n\r\n')).to.equal(true)
      await until(() => practice.records().length === 2)
      expect(practice.records().map((one) => [one.status, one.errorCode])).to.deep.equal([
        [200, null],
        [null, 'ANSWER_CUT'],
      ])
      expect(broken.connections.opened).to.equal(1)
    })
  }

  // biome-ignore format: a table
  const UNUSUAL: readonly (readonly [what: string, bytes: string, status: number, body: string])[] = [
    ['interim answers first',   `HTTP/1.1 102 X\r\n\r\nHTTP/1.1 103 X\r\nLink: </9>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`, 200, 'ok'],
    ['trailers',                `${OK}Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nok\r\n0\r\nX-A: b\r\nSet-Cookie: c\r\n\r\n`, 200, 'ok'],
    ['no length',               `${OK}\r\nok`,                                                       200, 'ok'],
    ['the version 1.0',         'HTTP/1.0 200 OK\r\n\r\nok',                                         200, 'ok'],
    ['bytes after its end',     `${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nmore`,       200, 'ok'],
    ['a status without body',   'HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n',                       304, ''],
    ['no reason',               'HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno',                       404, 'no'],
  ]

  for (const [what, bytes, status, text] of UNUSUAL) {
    it(`passes on an answer that has ${what}`, async () => {
      await using unusual = await startBytes(bytes, 'close')
      await using practice = await startGateway(pki, unusual.url)

      const reply = await ask(practice.port, pki, PATIENT)

      expect([reply.status, reply.body]).to.deep.equal([status, text])
      expect(reply.bytes.toString()).to.not.match(/link|trailer|set-cookie|more/i)
      expect(practice.records().map((one) => one.status)).to.deep.equal([status])
    })
  }

  it('passes on an answer that comes before the whole request is read', async () => {
    await using early = await startRaw((socket) => {
      socket.once('readable', () => {
        socket.read(1)
        socket.write('HTTP/1.1 403 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
      })
    })
    await using practice = await startGateway(pki, early.url)

    const { status, body } = await ask(practice.port, pki, {
      ...STRUCTURED,
      body: JSON.stringify({ resourceType: 'Parameters', filler: 'x'.repeat(200_000) }),
    })

    expect([status, body]).to.deep.equal([403, 'no'])
  })

  it('goes on with a new connection after the upstream has closed an idle one', async () => {
    await using closing = await startUpstream((request, response) => {
      response.end('{}', () => request.socket.end())
    })
    await using practice = await startGateway(pki, closing.url)

    const statuses = []
    for (let n = 0; n < 3; n++) {
      statuses.push((await ask(practice.port, pki, PATIENT)).status)
      await until(() => closing.connections.open === 0)
    }

    expect(statuses).to.deep.equal([200, 200, 200])
  })

  for (const [when, first] of [
    ['before the answer', ''],
    ['during the answer', 'x'.repeat(100_000)],
  ] as const) {
    it(`stops the upstream when the client leaves ${when}, and records that`, async () => {
      let begun = false
      let stopped = false
      await using slow = await startUpstream((_, response) => {
        if (first !== '') response.write(first)
        begun = true
        response.once('close', () => {
          stopped = true
        })
      })
      await using practice = await startGateway(pki, slow.url, {}, { server: { limits: { halfClosedSeconds: 0.1 } } })
      const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
      socket.on('error', () => {})
      if (first !== '') await once(socket, 'data')
      await until(() => begun)

      socket.destroy()

      await until(() => stopped && practice.records().some(({ outcome }) => outcome === 'failed'))
      expect(practice.records().map((one) => [one.status, one.errorCode])).to.deep.equal(
        first === ''
          ? [[null, 'ANSWER_NOT_SENT']]
          : [
              [200, null],
              [null, 'ANSWER_CUT'],
            ],
      )
    })
  }

  it('asks the upstream nothing for a client that has left during its checks, and records that', async () => {
    let isChecking = false
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    await using asked = await startUpstream((_, response) => response.end('{}'))
    await using practice = await startGateway(
      pki,
      asked.url,
      {},
      {
        server: { limits: { halfClosedSeconds: 0.1 } },
        provider: {
          async switches() {
            isChecking = true
            await held
            return true
          },
        },
      },
    )
    const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
    await until(() => isChecking)
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 500))
    goOn()
    await until(() => practice.records().some(({ outcome }) => outcome === 'failed'))

    const failed = practice.records().filter(({ outcome }) => outcome === 'failed')
    expect(failed.map(({ status, errorCode }) => [status, errorCode])).to.deep.equal([[null, 'ANSWER_NOT_SENT']])
    expect(asked.requests).to.have.length(0)
  })

  it('sends nothing of an answer whose record cannot be stored, and nothing more to the upstream', async () => {
    let stopped = 0
    await using full = await startUpstream((_, response) => {
      response.write('9000000009'.repeat(10_000))
      response.once('close', () => {
        stopped += 1
      })
    })
    await using practice = await startGateway(pki, full.url, {}, { provider: { audit: { file: '/dev/full' } } })

    const reply = await ask(practice.port, pki, PATIENT)

    expect(reply.status).to.equal(500)
    expect(reply.bytes.toString('latin1')).to.include('cannot be audited').and.not.include('9000000009')
    await until(() => stopped === full.requests.length)
  })

  it('streams an answer as it comes, as fast as the client reads', async () => {
    const MEGABYTES = 20
    let written = 0
    let first = (): void => {}
    await using streaming = await startUpstream(async (_, response) => {
      response.write('first')
      await new Promise<void>((resolve) => {
        first = resolve
      })
      for (; written < MEGABYTES * 1_048_576; written += 65_536)
        if (!response.write(Buffer.alloc(65_536, 'x'))) await once(response, 'drain')
      response.end()
    })
    await using practice = await startGateway(pki, streaming.url)
    let received = 0
    const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
    const [chunk] = await once(socket, 'data')
    socket.pause()
    first()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const ahead = written
    socket.on('data', (more: Buffer) => {
      received += more.byteLength
    })
    socket.resume()
    await once(socket, 'close')

    expect(String(chunk)).to.match(/^HTTP\/1\.1 200 /)
    expect(ahead).to.be.below((MEGABYTES * 1_048_576) / 2)
    expect(received).to.be.above(MEGABYTES * 1_048_576)
  })

  it('lets running requests finish when it stops', async () => {
    await using slow = await startUpstream((_, response) => void setTimeout(() => response.end('{}'), 200))
    await using practice = await startGateway(pki, slow.url)
    const asked = ask(practice.port, pki, PATIENT)
    await until(() => slow.requests.length === 1)

    await practice.provider.stop({ graceSeconds: 5 })

    expect((await asked).status).to.equal(200)
    await until(() => slow.connections.open === 0)
  })
})
