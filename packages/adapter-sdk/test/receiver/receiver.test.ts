import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { createKey, encryptCompact } from '../../src/protocol/index.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const LIMIT = 4096

describe('the receiver', () => {
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
    await adapter.request('POST', '/v2/complaint', {
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
    it(`reads the bare token whatever its type says: ${type ?? 'no type'}`, async () => {
      expect((await post(await encrypted(submission()), type)).status).to.equal(201)
    })
  }

  for (const type of ['application/json', 'application/jwt', 'multipart/form-data; boundary=x', 'text/html', 'x']) {
    it(`refuses the type ${type} with 415`, async () => {
      const answer = await post(await encrypted(submission()), type)

      expect([answer.status, answer.body?.['code']]).to.deep.equal([415, 'ERR_MEDIA_TYPE_UNSUPPORTED'])
    })
  }

  for (const encoding of ['gzip', 'deflate', 'br', 'x, identity']) {
    it(`refuses the content encoding ${encoding} with 415`, async () => {
      const answer = await post(await encrypted(submission()), 'text/plain', { 'Content-Encoding': encoding })

      expect(answer.status).to.equal(415)
    })
  }

  for (const encoding of ['identity', 'Identity', 'IDENTITY']) {
    it(`takes a body that says ${encoding}, which is no encoding`, async () => {
      const answer = await post(await encrypted(submission()), 'text/plain', { 'Content-Encoding': encoding })

      expect(answer.status).to.equal(201)
    })
  }

  it('says of which form a submission was refused, also before it was read', async () => {
    const before = adapter.events.length

    await post('{}', 'application/json')

    expect(adapter.events.slice(before).filter(({ event }) => event === 'submission.refused')).to.deep.equal([
      { event: 'submission.refused', form: 'complaint', code: 'ERR_MEDIA_TYPE_UNSUPPORTED', status: 415 },
    ])
  })

  for (const path of ['/v2/complaint/', '/v2/complaint.json']) {
    it(`takes a submission at ${path}`, async () => {
      const answer = await adapter.request('POST', path, { body: await encrypted(submission()) })

      expect(answer.status).to.equal(201)
    })
  }

  it('gives one answer for every reason why a token is refused', async () => {
    const good = await encrypted(submission())
    const [header, , iv, ciphertext, tag] = good.split('.') as [string, string, string, string, string]
    const stranger = createKey(Buffer.alloc(16, 7))
    const refused = [
      '',
      ' ',
      'not a token',
      JSON.stringify(submission()),
      `${good}\n`,
      `\uFEFF${good}`,
      `${good}.`,
      `${header}.AAAA.${iv}.${ciphertext}.${tag}`,
      `${header}..${iv}.${ciphertext}.${tag.slice(0, 11)}`,
      `${header}..${iv}.${flip(ciphertext)}.${tag}`,
      `${Buffer.from('{"alg":"A128KW","enc":"A128GCM"}').toString('base64url')}..${iv}.${ciphertext}.${tag}`,
      await encryptCompact(JSON.stringify(submission()), stranger),
    ]

    const answers = await Promise.all(refused.map((body) => post(body, 'text/plain')))

    const [first] = answers.map(({ status, text, headers }) => ({
      status,
      text,
      names: Object.keys(headers).toSorted(),
    }))
    expect(first).to.include({ status: 401, text: '{"type":"about:blank","title":"Unauthorized","status":401}' })
    for (const { status, text, headers } of answers) {
      expect({ status, text, names: Object.keys(headers).toSorted() }).to.deep.equal(first)
    }
  })

  const NO_SUBMISSIONS: readonly (readonly [string, unknown])[] = [
    ['an array', []],
    ['null', null],
    ['a string', 'text'],
    ['an empty object', {}],
    ['no answers', { serviceSlug: 'complaints', submissionId: 'x', attachments: [] }],
    ['answers that are a list', submission({ submissionAnswers: [] })],
    ['a number where the id belongs', submission({ submissionId: 7 })],
    ['an empty id', submission({ submissionId: '' })],
    ['a line break in the id', submission({ submissionId: 'a\nb' })],
    ['attachments that are a string', submission({ attachments: 'file' })],
    ['an attachment without a link', submission({ attachments: [{}] })],
    ['another service', submission({ serviceSlug: 'other' })],
  ]
  for (const [what, payload] of NO_SUBMISSIONS) {
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

  for (const [method, path, status] of [
    ['GET', '/v2/complaint', 405],
    ['PUT', '/v2/complaint', 405],
    ['DELETE', '/v2/complaint', 405],
    ['POST', '/health', 405],
    ['GET', '/', 404],
    ['POST', '/v1/complaint', 404],
    ['POST', '/v2/complaint/more', 404],
    ['GET', '/v1/attachments/abc', 404],
    ['GET', `/v1/attachments/${crypto.randomUUID()}`, 404],
    ['POST', `/v1/attachments/${crypto.randomUUID()}`, 405],
    ['DELETE', `/v1/attachments/${crypto.randomUUID()}`, 405],
    ['GET', '/v2/complaint%2f', 404],
  ] as const) {
    it(`answers ${status} to ${method} ${path}, and echoes nothing`, async () => {
      const answer = await adapter.request(method, path)

      expect(answer.status).to.equal(status)
      expect(answer.body).to.include({ type: 'about:blank', status })
      expect(answer.text).not.to.include(path.slice(1) || 'nothing to echo')
    })
  }

  it('puts the same safe headers on every answer, good or bad', async () => {
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

  it('is alive, and ready while it can store', async () => {
    const [alive, ready] = [await adapter.request('GET', '/health'), await adapter.request('GET', '/readiness')]

    expect([alive.status, alive.text, ready.status, ready.text]).to.deep.equal([200, 'healthy', 200, 'ready'])
  })

  it('has handed over what it took in, and nothing of what it refused', async () => {
    const { delivered, waiting, running, dead } = await settled(adapter)

    expect({ delivered, waiting, running, dead }).to.deep.equal({ delivered: handled, waiting: 0, running: 0, dead: 0 })
    expect(handled).to.equal(adapter.events.filter(({ event }) => event === 'submission.accepted').length)
  })
})

function flip(text: string): string {
  return `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`
}

async function settled(adapter: TestAdapter) {
  for (;;) {
    const counts = await adapter.running.ledger.counts()
    if (counts.waiting + counts.running === 0) return counts
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
