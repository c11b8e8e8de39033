/** Tests that every request has a record, in whatever way its handler answers or fails. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { AuditSink, FoundTrail } from '../../src/audit/trail.ts'
import { type FailureCode, ProviderError } from '../../src/failures.ts'
import type { Handler } from '../../src/server/handlers.ts'
import { until } from '../cases/case.ts'
import { exchange, open } from '../client.ts'
import { Pki } from '../pki.ts'
import { type PracticeOptions, startPractice } from '../practice.ts'
import { ask, goodRequest, PATIENT, targetOf } from '../requests.ts'

const READ_PATIENT = 'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1'

describe('answers of handlers', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  const unknown = 'NO_SUCH_CODE' as FailureCode
  // biome-ignore format: a table
  const FAILING: readonly (readonly [what: string, handler: Handler])[] = [
    ['throws an unknown code',             () => { throw new ProviderError(unknown) }],
    ['throws an unknown code with a text', () => { throw new ProviderError(unknown, 'the record of 9000000009') }],
    ['throws an inherited name',           () => { throw new ProviderError('toString' as FailureCode, 'x') }],
    ['throws null',                        () => { throw null }],
    ['ends the response',                  (_, ctx) => { ctx.res.end('9000000009'); return patient() }],
    ['writes to the response',             (_, ctx) => { ctx.res.write('9000000009'); return patient() }],
    ['writes the head',                    (_, ctx) => { ctx.res.writeHead(200, { 'X-Patient': '9000000009' }); return patient() }],
    ['flushes the headers',                (_, ctx) => { ctx.res.flushHeaders(); return patient() }],
    ['sends early hints',                  (_, ctx) => { ctx.res.writeEarlyHints({ link: '</9000000009>; rel=preload' }); return patient() }],
    ['pipes into the response',            (_, ctx) => new Promise((resolve) => {
      const source = Readable.from(['9000000009'])
      source.pipe(ctx.res)
      source.once('end', () => setImmediate(() => resolve(patient())))
    })],
    ['answers past Koa',                   (_, ctx) => { ctx.respond = false; return patient() }],
    ['returns a cycle',                    () => { const one: Record<string, unknown> = {}; one['one'] = one; return { resourceType: 'Patient', one } }],
    ['returns what JSON cannot hold',      () => ({ resourceType: 'Patient', id: 9000000009n })],
    ['answers with a list in a cycle',     () => { const all: unknown[] = []; all.push(all); return all as never }],
    ['answers with a stream that fails',   () => new Readable({ read() { this.destroy(new Error('9000000009')) } }) as never],
  ]

  for (const [what, handler] of FAILING) {
    it(`one that ${what} is answered with 500, recorded and reported`, async () => {
      await using practice = await startPractice(pki, withHandler(handler))

      const { status, headers, body } = await ask(practice.port, pki, PATIENT)

      expect([status, headers['content-type'], headers['cache-control']]).to.deep.equal([
        500,
        'application/fhir+json; charset=utf-8',
        'no-store',
      ])
      expect(body).to.include('INTERNAL_SERVER_ERROR').and.not.include('9000000009')
      expect(practice.records().map(({ status, errorCode }) => [status, errorCode])).to.deep.equal([
        [500, 'INTERNAL_SERVER_ERROR'],
      ])
      expect(practice.events.filter(({ type }) => type === 'transaction.failed')).to.have.length(1)
      expect(practice.log()).to.not.include('9000000009')
    })
  }

  it('answers a client that has closed its sending side, after the server has asked whether it still reads', async () => {
    await using practice = await startPractice(pki, {
      ...withHandler(async () => {
        await new Promise((resolve) => setTimeout(resolve, 400))
        return patient()
      }),
      server: { limits: { halfClosedSeconds: 0.1 } },
    })
    let text = ''
    const socket = open(targetOf(practice.port, pki), () => socket.end(goodRequest(PATIENT)))
    socket.on('data', (chunk) => {
      text += chunk
    })
    await once(socket, 'close')

    expect(text.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 102', 'HTTP/1.1 102', 'HTTP/1.1 200'])
  })

  it('leaves a request that the server refuses while its handler runs to the server', async () => {
    let refused = false
    await using practice = await startPractice(pki, {
      provider: {
        maxBodyBytes: 100,
        onEvent: (event) => {
          if (event.type === 'request.refused') refused = true
        },
        handlers: {
          async [READ_PATIENT]() {
            await until(() => refused)
            return patient()
          },
        },
      },
    })
    const body = `${(200).toString(16)}\r\n${'x'.repeat(200)}\r\n0\r\n\r\n`
    const request = goodRequest({ ...PATIENT, headers: { 'Transfer-Encoding': 'chunked' } })

    const reply = await exchange(targetOf(practice.port, pki), Buffer.concat([request, Buffer.from(body)]))

    expect(reply.status).to.equal(413)
    expect(practice.records().map(({ status }) => status)).to.deep.equal([413])
  })

  describe('without a body', () => {
    // biome-ignore format: a table
    const EMPTY: readonly (readonly [what: string, status: number, handler: Handler])[] = [
      ['undefined',             200, () => undefined],
      ['null',                  200, () => null],
      ['undefined with 201',    201, (_, ctx) => { ctx.status = 201; return undefined }],
      ['null with 201',         201, async (_, ctx) => { ctx.status = 201; return null }],
      ['undefined with 204',    204, (_, ctx) => { ctx.status = 204; return undefined }],
    ]

    for (const [what, expected, handler] of EMPTY) {
      for (const accept of ['application/fhir+json', 'application/fhir+xml']) {
        it(`${what} is answered with ${expected}, for ${accept}`, async () => {
          await using practice = await startPractice(pki, withHandler(handler))

          const { status, headers, body } = await ask(practice.port, pki, { ...PATIENT, headers: { Accept: accept } })

          expect([status, body, headers['content-type']]).to.deep.equal([expected, '', undefined])
          expect(practice.records()[0]).to.include({ outcome: 'served', status: expected, errorCode: null })
        })
      }
    }

    it('is what middleware answers that sets a status only', async () => {
      const provider = { handlers: {} }
      await using practice = await startPractice(pki, {
        provider,
        use: (ctx) => {
          ctx.status = 201
        },
      })

      const { status, body } = await ask(practice.port, pki, PATIENT)

      expect([status, body]).to.deep.equal([201, ''])
    })
  })

  // biome-ignore format: a table
  const PREFERENCES: readonly (readonly [header: Readonly<Record<string, string>>, prefers: string])[] = [
    [{},                                                   'representation'],
    [{ Prefer: 'return=minimal' },                         'minimal'],
    [{ Prefer: 'respond-async, Return="minimal"; a=b' },   'minimal'],
    [{ Prefer: 'return=representation, return=minimal' },  'representation'],
    [{ Prefer: 'handling=lenient' },                       'representation'],
    [{ Prefer: 'return=minimalist' },                      'representation'],
  ]

  for (const [headers, prefers] of PREFERENCES) {
    it(`a handler learns from ${JSON.stringify(headers)} that the consumer prefers ${prefers}`, async () => {
      await using practice = await startPractice(
        pki,
        withHandler((transaction) => ({ resourceType: 'Patient', id: transaction.prefers })),
      )

      const { body } = await ask(practice.port, pki, { ...PATIENT, headers })

      expect(JSON.parse(body)).to.deep.equal({ resourceType: 'Patient', id: prefers })
    })
  }

  it('sends a stream after its record', async () => {
    let recordsAtFirstByte = -1
    await using practice = await startPractice(
      pki,
      withHandler((_, ctx) => {
        ctx.type = 'application/octet-stream'
        return Readable.from(['a', 'b']) as never
      }),
    )

    const { status, body } = await ask(practice.port, pki, PATIENT)
    recordsAtFirstByte = practice.records().length

    expect([status, body, recordsAtFirstByte]).to.deep.equal([200, 'ab', 1])
  })

  it('sends nothing that a handler writes while the record of its failure is being stored', async () => {
    const sink = new SlowSink()
    await using practice = await startPractice(pki, {
      provider: {
        audit: sink,
        handlers: {
          [READ_PATIENT](_, ctx) {
            sink.duringAppend = () => ctx.res.end('9000000009')
            throw new ProviderError('NO_PATIENT_CONSENT')
          },
        },
      },
    })

    const { status, body, bytes } = await ask(practice.port, pki, PATIENT)

    expect([status, body.includes('NO_PATIENT_CONSENT')]).to.deep.equal([403, true])
    expect(bytes.toString()).to.not.include('9000000009')
  })

  it('reports an answer that ends before its last byte', async () => {
    await using practice = await startPractice(
      pki,
      withHandler((_, ctx) => {
        ctx.type = 'application/octet-stream'
        return Readable.from(failingAfterFirst()) as never
      }),
    )

    await ask(practice.port, pki, PATIENT)

    await until(() => practice.events.some(({ type }) => type === 'transaction.cut'))
    expect(practice.records().map(({ status }) => status)).to.deep.equal([200])
  })

  it('records a request whose listener for events throws', async () => {
    const onEvent = (): never => {
      throw new Error('the log is full')
    }
    await using practice = await startPractice(pki, { provider: { onEvent } })

    const statuses = [await ask(practice.port, pki, PATIENT), await ask(practice.port, pki, PATIENT)]

    expect(statuses.map(({ status }) => status)).to.deep.equal([200, 200])
    expect(practice.records()).to.have.length(2)
  })

  it('records a request whose handler has not ended when the provider stops', async () => {
    let started = false
    const practice = await startPractice(
      pki,
      withHandler(() => {
        started = true
        return new Promise(() => {})
      }),
    )
    const reply = ask(practice.port, pki, PATIENT)
    await until(() => started)

    await practice.provider.stop({ graceSeconds: 0.1 })

    expect((await reply).status).to.equal(undefined)
    expect(practice.records()).to.have.length(1)
    expect(practice.records()[0]).to.include({
      outcome: 'failed',
      status: null,
      errorCode: 'ANSWER_NOT_SENT',
      dataId: 'Patient/1',
    })
    await practice[Symbol.asyncDispose]()
  })
})

function withHandler(handler: Handler): PracticeOptions {
  return { provider: { handlers: { [READ_PATIENT]: handler } } }
}

function patient(): { resourceType: string } {
  return { resourceType: 'Patient' }
}

async function* failingAfterFirst(): AsyncGenerator<string> {
  yield 'a'
  throw new Error('9000000009')
}

/** A sink that lets a test act while a record is being stored. */
class SlowSink implements AuditSink {
  duringAppend: (() => void) | undefined

  async open(): Promise<FoundTrail> {
    return { end: undefined, torn: false }
  }

  async append(): Promise<void> {
    this.duringAppend?.()
    await new Promise(setImmediate)
  }

  async close(): Promise<void> {}
}
