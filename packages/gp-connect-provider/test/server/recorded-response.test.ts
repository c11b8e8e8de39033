/** Tests that a listener of any framework answers as it wants to, and that nothing of it is sent before its record. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import express from 'express'
import type { AuditSink, FoundTrail } from '../../src/audit/trail.ts'
import { ProviderError } from '../../src/failures.ts'
import { createProvider, type Provider } from '../../src/provider.ts'
import { until } from '../cases/case.ts'
import { exchange, open, parse } from '../client.ts'
import { Pki } from '../pki.ts'
import { type PracticeOptions, PUBLIC_URL, ROOTS, startPractice } from '../practice.ts'
import { ask, goodRequest, PATIENT, targetOf } from '../requests.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, provider: Provider) => unknown

const JSON_TYPE = { 'Content-Type': 'application/fhir+json' }
const OUTCOME = JSON.stringify({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code: 'not-found', details: { coding: [{ code: 'PATIENT_NOT_FOUND' }] } }],
})
const OUTCOME_XML =
  '<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><code value="not-found"/>' +
  '<details><coding><code value="NO_RECORD_FOUND"/></coding></details></issue></OperationOutcome>'

describe('a listener without Koa', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  const practiceOf = (answer: Answer, more: PracticeOptions = {}) =>
    startPractice(pki, { ...more, listener: (provider) => (request, response) => answer(request, response, provider) })

  // biome-ignore format: a table
  const ANSWERS: readonly (readonly [what: string, answer: Answer, status: number, body: string, code?: string | null])[] = [
    ['ends with a text',              (_, r) => r.end('hello'),                                             200, 'hello'],
    ['ends with nothing',             (_, r) => r.end(),                                                    200, ''],
    ['writes in parts',               (_, r) => { r.write('a'); r.write(Buffer.from('b')); r.end('c') },    200, 'abc'],
    ['writes in another encoding',    (_, r) => { r.write('YQ==', 'base64'); r.end('62', 'hex') },          200, 'ab'],
    ['ends in a callback of a write', (_, r) => r.write('a', () => r.end('b')),                             200, 'ab'],
    ['writes the head first',         (_, r) => r.writeHead(201, { 'X-A': 'b' }).end('x'),                  201, 'x'],
    ['writes the head as a list',     (_, r) => r.writeHead(201, 'Made', ['X-A', 'b'] as never).end('x'),   201, 'x'],
    ['sets its status',               (_, r) => { r.statusCode = 202; r.end('x') },                         202, 'x'],
    ['flushes its head',              (_, r) => { r.flushHeaders(); r.statusCode = 500; r.end('x') },       200, 'x'],
    ['sends early hints',             (_, r) => r.writeEarlyHints({ link: '</a>; rel=x' }, () => r.end('x')), 200, 'x'],
    ['counts its length wrong',       (_, r) => r.writeHead(200, { 'Content-Length': '2' }).end('hello'),   200, 'hello'],
    ['names chunks',                  (_, r) => r.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end('x'), 200, 'x'],
    ['has no content',                (_, r) => r.writeHead(204).end(),                                     204, ''],
    ['is unchanged',                  (_, r) => r.writeHead(304).end('x'),                                  304, ''],
    ['has an outcome',                (_, r) => r.writeHead(404, JSON_TYPE).end(OUTCOME),                   404, OUTCOME, 'PATIENT_NOT_FOUND'],
    ['has an outcome and succeeds',   (_, r) => r.writeHead(200, JSON_TYPE).end(OUTCOME),                   200, OUTCOME, 'PATIENT_NOT_FOUND'],
    ['has an outcome in parts',       (_, r) => { r.writeHead(404, JSON_TYPE); r.write(OUTCOME.slice(0, 9)); r.end(OUTCOME.slice(9)) }, 404, OUTCOME, 'PATIENT_NOT_FOUND'],
    ['has an outcome in XML',         (_, r) => r.writeHead(404, { 'Content-Type': 'application/fhir+xml' }).end(OUTCOME_XML), 404, OUTCOME_XML, 'NO_RECORD_FOUND'],
    ['has an outcome in gzip',        (_, r) => r.writeHead(404, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }).end(gzipSync(OUTCOME)), 404, OUTCOME, 'PATIENT_NOT_FOUND'],
    ['has an error without outcome',  (_, r) => r.writeHead(404, JSON_TYPE).end('{}'),                      404, '{}'],
    ['throws before its answer',      () => { throw new ProviderError('PATIENT_NOT_FOUND') },               404, 'PATIENT_NOT_FOUND', 'PATIENT_NOT_FOUND'],
    ['throws after its head',         (_, r) => { r.writeHead(200); throw new Error('9000000009') },        500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['throws after a part',           (_, r) => { r.write('9000000009'); throw new Error('9000000009') },   500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['throws after its end',          (_, r) => { r.end('x'); throw new Error('9000000009') },              200, 'x'],
    ['rejects',                       () => Promise.reject(new ProviderError('NO_RECORD_FOUND')),           404, 'NO_RECORD_FOUND', 'NO_RECORD_FOUND'],
    ['fails by itself, then writes',  async (_, r, p) => { await p.fail(r, new ProviderError('NO_RECORD_FOUND')); r.write('9000000009'); r.end('9000000009') }, 404, 'NO_RECORD_FOUND', 'NO_RECORD_FOUND'],
    ['writes while its failure waits', (_, r, p) => { void p.fail(r, new ProviderError('NO_RECORD_FOUND')); r.setHeader('X-A', '9000000009'); r.end('9000000009') }, 404, 'NO_RECORD_FOUND', 'NO_RECORD_FOUND'],
    ['ends twice',                    (_, r) => { r.end('x'); r.end('9000000009') },                        200, 'x'],
    ['writes after its end',          (_, r) => { r.end('x'); r.write('9000000009') },                      200, 'x'],
    ['sets a status that is none',    (_, r) => { r.statusCode = 42; r.end('x') },                          500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['sets an interim status',        (_, r) => { r.statusCode = 101; r.end('x') },                         500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['writes a status that is none',  (_, r) => r.writeHead(42),                                            500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['splits a header',               (_, r) => r.writeHead(200, { 'X-A': 'a\r\nSet-Cookie: b' }),           500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
    ['splits its reason',             (_, r) => r.writeHead(200, 'OK\r\nSet-Cookie: b').end('x'),           200, 'x'],
    ['sets a reason that splits',     (_, r) => { r.statusMessage = 'OK\r\nSet-Cookie: b'; r.end('x') },    200, 'x'],
    ['writes what is no text',        (_, r) => r.write(42 as never),                                       500, 'INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR'],
  ]

  for (const [what, answer, status, body, code = null] of ANSWERS) {
    it(`answers and has one record: one that ${what}`, async () => {
      await using practice = await practiceOf(answer)

      const reply = await ask(practice.port, pki, PATIENT)

      expect([reply.status, reply.headers['cache-control'], reply.headers['x-content-type-options']]).to.deep.equal([
        status,
        'no-store',
        'nosniff',
      ])
      if (code === null || body === OUTCOME || body === OUTCOME_XML) expect(reply.body).to.equal(body)
      else expect(reply.body).to.include(body)
      expect(reply.bytes.toString('latin1'))
        .to.not.include('9000000009')
        .and.not.match(/set-cookie/i)
      expect(practice.records().map((one) => [one.status, one.errorCode])).to.deep.equal([[status, code]])
      expect(practice.log()).to.not.include('9000000009')
    })
  }

  it('shows a framework what it has written, before anything is sent', async () => {
    const seen: unknown[] = []
    await using practice = await practiceOf((_, response) => {
      const note = () => seen.push([response.headersSent, response.writableEnded])
      note()
      response.write('a')
      note()
      response.end()
      note()
    })

    await ask(practice.port, pki, PATIENT)

    expect(seen).to.deep.equal([
      [false, false],
      [true, false],
      [true, true],
    ])
  })

  it('refuses a second head', async () => {
    let code: unknown
    await using practice = await practiceOf((_, response) => {
      response.write('a')
      try {
        response.writeHead(500)
      } catch (error) {
        code = (error as { code: unknown }).code
      }
      response.end()
    })

    expect((await ask(practice.port, pki, PATIENT)).status).to.equal(200)
    expect(code).to.equal('ERR_HTTP_HEADERS_SENT')
  })

  it('compresses a whole answer for a client that accepts it', async () => {
    const text = JSON.stringify({ resourceType: 'Patient', text: 'a'.repeat(1000) })
    await using practice = await practiceOf((_, response) => response.writeHead(200, JSON_TYPE).end(text))

    const reply = await ask(practice.port, pki, { ...PATIENT, headers: { 'Accept-Encoding': 'gzip' } })

    expect([reply.headers['content-encoding'], reply.headers['vary'], reply.body]).to.deep.equal([
      'gzip',
      'Accept-Encoding',
      text,
    ])
  })

  it('sends nothing before the record is stored, and nothing of the answer if it cannot be', async () => {
    const sink = new HeldSink()
    await using practice = await practiceOf(
      (_, response) => {
        response.writeHead(200, { 'X-Patient': '9000000009' })
        response.write('9000000009'.repeat(10_000))
        response.end('9000000009')
      },
      { provider: { audit: sink } },
    )
    const received: Buffer[] = []
    const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
    socket.on('data', (chunk) => received.push(chunk))
    await until(() => sink.waiting.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const before = received.length

    sink.waiting[0]?.(new Error('the disk is full'))
    await once(socket, 'close')

    expect(before).to.equal(0)
    expect(parse(Buffer.concat(received)).status).to.equal(500)
    expect(Buffer.concat(received).toString()).to.include('cannot be audited').and.not.include('9000000009')
  })

  it('sends the first part of a stream before its end, and the rest as it comes', async () => {
    let finish = (): void => {}
    await using practice = await practiceOf((_, response) => {
      response.write('first')
      finish = () => response.end('last')
    })
    let text = ''
    const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
    socket.on('data', (chunk) => {
      text += chunk
    })
    await until(() => text.includes('first'))
    expect(practice.records().map(({ status }) => status)).to.deep.equal([200])

    finish()
    await once(socket, 'close')

    expect(text).to.include('last')
  })

  it('streams more than it keeps, as fast as the client reads, with every callback', async () => {
    const MEGABYTES = 20
    let written = 0
    let called = 0
    await using practice = await practiceOf(async (_, response) => {
      const chunk = Buffer.alloc(65_536, 'x')
      const source = new Readable({
        read() {
          written += chunk.byteLength
          this.push(written > MEGABYTES * 1_048_576 ? null : chunk)
        },
      })
      response.write('start', () => {
        called += 1
      })
      await pipeline(source, response)
    })
    let received = 0
    const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
    await once(socket, 'readable')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const ahead = written
    socket.on('data', (chunk: Buffer) => {
      received += chunk.byteLength
    })
    await once(socket, 'close')

    expect(ahead).to.be.below((MEGABYTES * 1_048_576) / 2)
    expect(received).to.be.above(MEGABYTES * 1_048_576)
    expect(called).to.equal(1)
    expect(practice.records().map(({ status, errorCode }) => [status, errorCode])).to.deep.equal([[200, null]])
  })

  // biome-ignore format: a table
  const BROKEN: readonly (readonly [string, Answer])[] = [
    ['its source fails',  (_, response) => pipeline(broken(200_000), response)],
    ['it throws',         async (_, response) => { response.write('x'.repeat(200_000)); await once(response, 'drain'); throw new Error('9000000009') }],
    ['it throws at once', (_, response) => { response.write('x'.repeat(200_000)); throw new Error('9000000009') }],
    ['it is destroyed',   async (_, response) => { response.write('x'.repeat(200_000)); await once(response, 'drain'); response.destroy() }],
  ]

  for (const [how, answer] of BROKEN) {
    it(`cuts the connection of an answer that breaks off, and records it: ${how}`, async () => {
      await using practice = await practiceOf(answer)

      const reply = await exchange(targetOf(practice.port, pki), goodRequest(PATIENT))

      await until(() => practice.records().length === 2)
      expect(reply.bytes.toString('latin1')).to.not.match(/\r\n0\r\n\r\n$/)
      expect(practice.records().map(({ status, errorCode, outcome }) => [status, errorCode, outcome])).to.deep.equal([
        [200, null, 'served'],
        [null, 'ANSWER_CUT', 'failed'],
      ])
      expect(practice.events.filter(({ type }) => type === 'transaction.cut')).to.have.length(1)
    })
  }

  // biome-ignore format: a table
  const LEFT: readonly (readonly [string, Answer])[] = [
    ['nothing of its answer is written', () => {}],
    ['a part of its answer is kept',     (_, response) => response.writeHead(404).write('kept')],
  ]

  for (const [when, answer] of LEFT) {
    it(`records a request whose client leaves before its answer: ${when}`, async () => {
      let asked: ServerResponse | undefined
      await using practice = await practiceOf(
        (request, response, provider) => {
          asked = response
          answer(request, response, provider)
        },
        { server: { limits: { halfClosedSeconds: 0.1 } } },
      )
      const socket = open(targetOf(practice.port, pki), () => socket.write(goodRequest(PATIENT)))
      await until(() => asked !== undefined)
      socket.destroy()
      await until(() => practice.records().length === 1)
      asked?.end('too late')
      await practice.provider.stop()

      expect(practice.records().map(({ status, errorCode }) => [status, errorCode])).to.deep.equal([
        [null, 'ANSWER_NOT_SENT'],
      ])
    })
  }

  it('keeps the limits and the headers of the server with Express, which replaces the prototypes', async () => {
    await using practice = await startPractice(pki, {
      provider: { maxBodyBytes: 1000 },
      listener: () => {
        const app = express()
        app.use((request, response) => {
          // Of a GET the guard reads no body.
          request.resume()
          request.once('end', () => response.json({ resourceType: 'Patient' }))
        })
        return app
      },
    })

    const reply = await ask(practice.port, pki, PATIENT)
    const head = goodRequest({ ...PATIENT, headers: { 'Transfer-Encoding': 'chunked' } })
    const long = await exchange(
      targetOf(practice.port, pki),
      Buffer.concat([head, Buffer.from(`2000\r\n${'x'.repeat(0x2000)}\r\n0\r\n\r\n`)]),
    )

    expect([
      reply.status,
      reply.headers['strict-transport-security']?.startsWith('max-age'),
      reply.headers['x-powered-by'],
      reply.headers['x-content-type-options'],
    ]).to.deep.equal([200, true, undefined, 'nosniff'])
    expect(long.status).to.equal(413)
  })

  it('answers nothing that came through another server', async () => {
    const provider = createProvider({
      serviceRoots: { [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: 'v1.2' } },
      publicUrl: PUBLIC_URL,
      audit: new HeldSink(true),
    })
    let found: unknown
    const server = createServer(async (request, response) => {
      found = await provider.guard(request, response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
      socket.write(goodRequest(PATIENT)),
    )
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.byteLength
    })
    socket.on('error', () => {})
    await once(socket, 'close')
    await until(() => found !== undefined)
    server.close()

    expect([found, bytes]).to.deep.equal(['refused', 0])
  })

  it('refuses a listener that is no function', async () => {
    const started = startPractice(pki, { listener: () => 'app' as never })

    await started.then(
      () => expect.fail('it started'),
      (error: Error) => expect(error.message).to.equal('the listener is not a function'),
    )
  })
})

function broken(bytes: number): Readable {
  return Readable.from(
    (async function* () {
      yield 'x'.repeat(bytes)
      await new Promise((resolve) => setTimeout(resolve, 20))
      throw new Error('9000000009')
    })(),
  )
}

/** A trail whose records wait until the test settles them. */
class HeldSink implements AuditSink {
  readonly waiting: ((error?: Error) => void)[] = []
  readonly #stores: boolean

  constructor(stores = false) {
    this.#stores = stores
  }

  open(): Promise<FoundTrail> {
    return Promise.resolve({ end: undefined, torn: false })
  }

  append(): Promise<void> {
    if (this.#stores) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.waiting.push((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
