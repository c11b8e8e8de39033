/**
 * A whole adapter against 8,000 generated requests over HTTPS; the parsers alone get 24,000 more in
 * packages/adapter-sdk/test/protocol/fuzz.test.ts. Whatever arrives, no answer is a 5xx and nothing falls over.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { encryptCompact } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import fc from 'fast-check'
import { runs } from '../../packages/adapter-sdk/test/runs.ts'
import { answersIn, exchange } from './wire.ts'

const FORM = '/v2/complaint'
/** Of each kind. */
const REQUESTS = runs(2500)

describe('a fuzzed adapter', function () {
  this.timeout(180_000)
  let adapter: TestAdapter
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const seen = new Map<number, number>()
  before(async () => {
    const forms = { complaint: { path: FORM, handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }), {
      environment: {
        SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000',
        METRICS_AUTH_USERNAME: 'prometheus',
        METRICS_AUTH_PASSWORD: 'password',
        BODY_LIMIT_BYTES: '4096',
      },
    })
  })
  after(async () => {
    agent.destroy()
    await adapter.stop()
  })

  interface Input {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: Uint8Array
  }

  async function status({ method, path, headers, body }: Input): Promise<number> {
    const options = { host: '127.0.0.1', port: adapter.running.port, servername: 'localhost', agent, method, path }
    // Node's client sends the body of a HEAD without saying so: it would be taken for the next request.
    const own = { Host: 'a', 'Content-Length': String(body.byteLength) }
    const sending = request({ ...options, ca: adapter.certificate.cert, headers: { ...headers, ...own } })
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>
    sending.end(body)
    const [answer] = await answered
    const said = await text(answer)
    const code = answer.statusCode ?? 0
    seen.set(code, (seen.get(code) ?? 0) + 1)
    // A file that cannot be had now is the one thing that a sender is asked to come back for.
    return code === 503 && /"code":"ERR_ATTACHMENT_\w+"/.test(said) ? 200 : code
  }

  /** Requests go out 50 at a time; each run of the property is one such batch. */
  async function noneFails(inputs: fc.Arbitrary<Input>, count: number): Promise<void> {
    await fc.assert(
      fc.asyncProperty(fc.array(inputs, { minLength: BATCH, maxLength: BATCH }), async (batch) => {
        const statuses = await Promise.all(batch.map(status))
        expect(statuses.filter((each) => each < 200 || each >= 500)).to.deep.equal([])
      }),
      { numRuns: count / BATCH, endOnFailure: true },
    )
  }

  it('answers requests of any method, path, headers and body without a 5xx', async () => {
    await noneFails(fc.record({ method: methods, path: paths, headers, body: bodies }), REQUESTS)
  })

  it('answers tokens, genuine ones that were spoilt among them, without a 5xx', async () => {
    const genuine = await Promise.all(Array.from({ length: 5 }, async () => (await adapter.compose()).jwe))
    const spoilt = fc
      .tuple(fc.constantFrom(...genuine), fc.nat(), fc.constantFrom(...'AZaz09-_.=+/ \n\0\u00ff'), fc.nat(2))
      .map(([token, at, character, cut]) => {
        const index = at % token.length
        return token.slice(0, index) + character + token.slice(index + cut)
      })
    const body = fc.oneof(spoilt, segments).map((token) => Buffer.from(token, 'latin1'))

    await noneFails(body.map(submitted), REQUESTS)
  })

  it('answers genuine tokens of any plaintext without a 5xx', async () => {
    const sealed = fc.oneof(fc.uint8Array({ maxLength: 300 }), nearJson, nearSubmission)
    const plaintexts = fc.sample(sealed, { numRuns: REQUESTS })
    const tokens = await Promise.all(plaintexts.map((plaintext) => encryptCompact(plaintext, adapter.key)))
    let next = 0

    const inputs = fc.constant(undefined).map(() => submitted(Buffer.from(tokens[next++ % tokens.length] ?? '')))
    await noneFails(inputs, REQUESTS)

    expect(next).to.be.at.least(REQUESTS)
  })

  it('answers streams of bytes that are HTTP, or nearly, without a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(nearHttp, { minLength: BATCH, maxLength: BATCH }), async (batch) => {
        const received = await Promise.all(batch.map((bytes) => exchange(adapter, bytes, END)))
        const wrong = received.flatMap((each, i) => {
          const expected = /\nexpect:\s*100-continue/i.test(String(batch[i])) ? [100] : []
          return answersIn(each)
            .map(({ status }) => status)
            .filter((status) => !expected.includes(status) && (status < 200 || (status >= 500 && status !== 501)))
        })
        expect(wrong).to.deep.equal([])
      }),
      { numRuns: runs(500) / BATCH, endOnFailure: true },
    )
  })

  it('has come to every kind of answer, and still serves an honest sender', async () => {
    const answer = await adapter.send(FORM)

    expect(answer.status).to.equal(201)
    expect((await adapter.ended(answer.submissionId)).state).to.equal('delivered')
    expect([...seen.keys()]).to.include.members([200, 201, 401, 404, 405, 413, 415, 422])
    expect(adapter.events.filter(({ event }) => event === 'internal.failed')).to.deep.equal([])
  })
})

const BATCH = 50
// Ends whatever connection is still open after bytes that were a whole request.
const END = '\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

const submitted = (body: Uint8Array) => ({ method: 'POST', path: FORM, headers: {}, body })

const methods = fc.constantFrom('POST', 'POST', 'POST', 'GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
// What a client may write: visible ASCII without spaces.
const visible = (maxLength: number) => fc.string({ unit: fc.constantFrom(...letters(0x21, 0x7e)), maxLength })
const paths = fc.oneof(
  fc.constantFrom(FORM, FORM, FORM, `${FORM}/`, '/health', '/readiness', '/metrics', '/', '//', '/%', '/%00', '/..'),
  visible(40).map((rest) => `/${rest}`),
  visible(40).map((rest) => `/v1/attachments/${rest}`),
  fc.uuid().map((id) => `/v1/attachments/${id}`),
  visible(20).map((rest) => `${FORM}?${rest}`),
)
const values = fc.string({ unit: fc.constantFrom('\t', ...letters(0x20, 0x7e), ...letters(0xa0, 0xff)), maxLength: 40 })
const headers = fc.record(
  {
    'Content-Type': fc.oneof(fc.constantFrom('text/plain', 'application/jose', 'application/json', '; ;', '/'), values),
    'Content-Encoding': fc.oneof(fc.constantFrom('identity', 'gzip', 'br'), values),
    Accept: fc.oneof(fc.constantFrom('application/json', '*/*;q=2', ',,,'), values),
    Authorization: fc.oneof(
      values,
      fc.base64String().map((credentials) => `Basic ${credentials}`),
    ),
    'If-None-Match': values,
    Range: values,
    Cookie: values,
    traceparent: fc.oneof(values, fc.constant('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')),
    'X-Forwarded-For': values,
    'X-Forwarded-Proto': values,
    'Accept-Language': values,
  },
  { requiredKeys: [] },
)
const bodies = fc.oneof(
  { weight: 19, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(5000, 'a')) },
)

const base64url = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
const segments = fc
  .array(fc.oneof(fc.constantFrom('eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0', ''), base64url), { maxLength: 7 })
  .map((parts) => parts.join('.'))

/** The pieces of JSON, in any order. */
const nearJson = fc
  .array(
    fc.constantFrom(...'{}[]:,"\\', '"submissionId"', '"__proto__"', '\\ud800', 'null', '1e999', '{"challenge":'),
    {
      maxLength: 40,
    },
  )
  .map((pieces) => Buffer.from(pieces.join('')))

const odd = fc.constantFrom('\0', '\u009b', '\ud800', '\ufeff', '\u2028', '\u{1f600}', '%00', '../', "'", '\\')
const texts = fc.array(fc.oneof(fc.string({ maxLength: 10 }), odd), { maxLength: 3 }).map((parts) => parts.join(''))
const anything = fc.oneof(texts, fc.constant(null), fc.double(), fc.boolean(), fc.jsonValue({ maxDepth: 1 }))
const member = <T>(usual: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: usual }, anything)
const links = fc.array(
  fc.record(
    {
      url: member(fc.oneof(fc.webUrl(), fc.constantFrom('https://', 'file:///etc/passwd', 'https://169.254.169.254/'))),
      encryption_key: member(fc.base64String()),
      encryption_iv: member(fc.base64String()),
      filename: anything,
      mimetype: anything,
    },
    { requiredKeys: ['url', 'encryption_key', 'encryption_iv'] },
  ),
  { maxLength: 2 },
)
const nearSubmission = fc
  .record(
    {
      serviceSlug: member(fc.constant('test-form')),
      submissionId: member(fc.uuid()),
      submissionAnswers: member(fc.dictionary(texts, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })),
      attachments: member(links),
      challenge: anything,
    },
    { requiredKeys: ['serviceSlug', 'submissionId', 'submissionAnswers'] },
  )
  .map((value) => Buffer.from(JSON.stringify(value)))

/** The pieces of a request, in nearly the right order. */
const nearHttp = fc
  .tuple(
    fc.constantFrom('POST', 'GET', 'post', '', 'G\0T', 'OPTIONS'),
    fc.constantFrom(' ', '  ', '\t', ''),
    fc.oneof(fc.constantFrom(FORM, '*', '/', 'http://a/', '/\x80'), fc.string({ unit: 'binary-ascii', maxLength: 10 })),
    fc.constantFrom(' HTTP/1.1\r\n', ' HTTP/1.1\n', ' HTTP/9.9\r\n', '\r\n', ' HTTP/1.1\r'),
    fc.array(
      fc.oneof(
        fc.constantFrom('Host: a\r\n', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', ' folded\r\n'),
        fc.constantFrom(
          'Content-Length: -1\r\n',
          'Expect: 100-continue\r\n',
          'Connection: close\r\n',
          ':\r\n',
          'X: \x80\r\n',
        ),
        fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((line) => `${line}\r\n`),
      ),
      { maxLength: 5 },
    ),
    fc.constantFrom('\r\n', '\r\n3\r\nabc\r\n0\r\n\r\n', '\r\nabc', '\r\nffffffffffffffffff\r\n', ''),
  )
  .map((parts) => parts.flat().join(''))

function letters(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i))
}
