import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { encryptCompact } from '../../src/protocol/index.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const LIMIT = 4096

// The path exactly as the sender writes it takes the short way; another spelling of it, the router's.
for (const [way, path] of Object.entries({ 'by the short way': '/v2/complaint', 'through Koa': '/v2/complaint/' })) {
  describe(`the receiver, ${way}`, () => receives(path))
}

function receives(path: string): void {
  let adapter: TestAdapter
  let handled = 0

  before(async () => {
    const forms = {
      complaint: {
        path: '/v2/complaint',
        aliases: ['/v2/complaint.json'],
        services: ['complaints'],
        async handle() {
          handled += 1
        },
      },
    }
    adapter = await startTestAdapter(createAdapter({ forms }), { environment: { BODY_LIMIT_BYTES: String(LIMIT) } })
  })
  after(() => adapter.stop())

  const submission = (change: object = {}) => ({
    serviceSlug: 'complaints',
    submissionId: crypto.randomUUID(),
    submissionAnswers: {},
    attachments: [],
    ...change,
  })
  const encrypted = (payload: unknown) => encryptCompact(JSON.stringify(payload), adapter.key)
  const post = async (body: string, type?: string, headers: { [name: string]: string } = {}) =>
    await adapter.request('POST', path, {
      headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
      body,
    })

  for (const type of [
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=utf-8',
    'application/jose',
    'Text/Plain; charset=us-ascii',
    undefined,
  ]) {
    it(`accepts a bare token sent with ${type ?? 'no type'}`, async () => {
      expect((await post(await encrypted(submission()), type)).status).to.equal(201)
    })
  }

  for (const type of ['application/json', 'application/jwt', 'multipart/form-data; boundary=x', 'text/html', 'x']) {
    it(`refuses the type ${type} with 415`, async () => {
      const answer = await post(await encrypted(submission()), type)

      expect([answer.status, answer.body?.['code']]).to.deep.equal([415, 'ERR_MEDIA_TYPE_UNSUPPORTED'])
    })
  }

  for (const encoding of ['gzip', 'GZip', 'deflate', 'br', 'x, identity', 'aws-chunked, gzip']) {
    it(`refuses the content encoding ${encoding} with 415`, async () => {
      const answer = await post(await encrypted(submission()), 'text/plain', { 'Content-Encoding': encoding })

      expect(answer.status).to.equal(415)
    })
  }

  for (const encoding of ['identity', 'Identity', 'IDENTITY', '', 'identity, identity', 'aws-chunked']) {
    it(`accepts the content encoding ${encoding}, which means none`, async () => {
      const answer = await post(await encrypted(submission()), 'text/plain', { 'Content-Encoding': encoding })

      expect(answer.status).to.equal(201)
    })
  }

  it('names the form in the event of a refusal, even if the body was not read', async () => {
    const before = adapter.events.length

    await post('{}', 'application/json')

    expect(adapter.events.slice(before).filter(({ event }) => event === 'submission.refused')).to.deep.equal([
      { event: 'submission.refused', form: 'complaint', code: 'ERR_MEDIA_TYPE_UNSUPPORTED', status: 415 },
    ])
  })

  for (const other of ['/v2/complaint/', '/v2/complaint.json', '/v2/complaint.json/', '/v2/complaint?try=2']) {
    it(`accepts a submission at ${other}`, async () => {
      const answer = await adapter.request('POST', other, { body: await encrypted(submission()) })

      expect(answer.status).to.equal(201)
    })
  }

  const INVALID_SUBMISSIONS: readonly (readonly [string, unknown])[] = [
    ['an array', []],
    ['null', null],
    ['a string', 'text'],
    ['an empty object', {}],
    ['no answers', { serviceSlug: 'complaints', submissionId: 'x', attachments: [] }],
    ['answers that are an array', submission({ submissionAnswers: [] })],
    ['an id that is a number', submission({ submissionId: 7 })],
    ['an empty id', submission({ submissionId: '' })],
    ['a line break in the id', submission({ submissionId: 'a\nb' })],
    ['attachments that are a string', submission({ attachments: 'file' })],
    ['an attachment without a link', submission({ attachments: [{}] })],
    ['another service', submission({ serviceSlug: 'other' })],
  ]
  for (const [what, payload] of INVALID_SUBMISSIONS) {
    it(`answers 422, naming the field, when it decrypts to ${what}`, async () => {
      const answer = await post(await encrypted(payload), 'text/plain')

      expect([answer.status, answer.body?.['code']]).to.deep.equal([422, 'ERR_SUBMISSION_INVALID'])
      expect(answer.headers['content-type']).to.match(/^application\/problem\+json/)
    })
  }

  it('answers 413 for a body that is too large', async () => {
    const answer = await post('a'.repeat(LIMIT + 1), 'text/plain')

    expect(answer.status).to.equal(413)
  })

  it('sends the same security headers with every answer', async () => {
    const answers = [
      await post(await encrypted(submission()), 'text/plain'),
      await post('x', 'text/plain'),
      await post('x', 'application/json'),
      await adapter.request('GET', '/health'),
      await adapter.request('GET', '/nowhere'),
    ]

    for (const { headers } of answers) {
      expect(headers).to.include({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      expect(headers['strict-transport-security']).to.match(/^max-age=\d{8}/)
      expect(headers).not.to.have.any.keys('server', 'x-powered-by')
    }
  })

  it('answers healthy, and ready while it can store submissions', async () => {
    const [alive, ready] = [await adapter.request('GET', '/health'), await adapter.request('GET', '/readiness')]

    expect([alive.status, alive.text, ready.status, ready.text]).to.deep.equal([200, 'healthy', 200, 'ready'])
  })

  it('hands over every submission that it accepted, and none that it refused', async () => {
    const { delivered, waiting, running, dead } = await settled(adapter)

    expect({ delivered, waiting, running, dead }).to.deep.equal({ delivered: handled, waiting: 0, running: 0, dead: 0 })
    expect(handled).to.equal(adapter.events.filter(({ event }) => event === 'submission.accepted').length)
  })
}

describe('the two ways of the receiver', () => {
  let adapter: TestAdapter
  before(async () => {
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }), { environment: { BODY_LIMIT_BYTES: String(LIMIT) } })
  })
  after(() => adapter.stop())

  const submission = (submissionId: string) =>
    encryptCompact(
      JSON.stringify({ serviceSlug: 'complaints', submissionId, submissionAnswers: {}, attachments: [] }),
      adapter.key,
    )
  const id = crypto.randomUUID()
  const requests: Record<string, () => Promise<{ headers?: Record<string, string>; body: string }>> = {
    'a repeated submission': async () => ({ body: await submission(id) }),
    'no body': async () => ({ body: '' }),
    'a token of another key': async () => ({
      body: 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA',
    }),
    'a byte order mark': async () => ({ body: `\uFEFF${await submission(id)}` }),
    'what is no submission': async () => ({ body: await encryptCompact('[]', adapter.key) }),
    'another type': async () => ({ headers: { 'Content-Type': 'application/json' }, body: '{}' }),
    'a content encoding': async () => ({ headers: { 'Content-Encoding': 'gzip' }, body: 'x' }),
    'a body that is too large': async () => ({ body: 'a'.repeat(LIMIT + 1) }),
    'a body in chunks': async () => ({ headers: { 'Transfer-Encoding': 'chunked' }, body: await submission(id) }),
  }
  for (const [what, make] of Object.entries(requests)) {
    it(`give the same answer and the same events to ${what}`, async () => {
      await adapter.request('POST', '/v2/complaint', { body: await submission(id) })
      const seen: unknown[] = []
      for (const path of ['/v2/complaint', '/v2/complaint/']) {
        const before = adapter.events.length
        const { status, text, headers } = await adapter.request('POST', path, await make())
        const { date: _date, ...others } = headers
        const events = adapter.events.slice(before).filter(({ event }) => /duplicate|refused/.test(event))
        seen.push({ status, text, headers: others, events })
      }

      expect(seen[0]).to.deep.equal(seen[1])
    })
  }
})

async function settled(adapter: TestAdapter) {
  for (;;) {
    const counts = await adapter.running.ledger.counts()
    if (counts.waiting + counts.running === 0) return counts
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
