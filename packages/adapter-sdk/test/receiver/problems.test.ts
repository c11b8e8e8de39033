import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { createKey, encryptCompact } from '../../src/protocol/index.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const SUBMISSION = JSON.stringify({
  serviceSlug: 'complaints',
  submissionId: crypto.randomUUID(),
  submissionAnswers: {},
  attachments: [],
})

describe('problems', () => {
  let adapter: TestAdapter
  before(async () => {
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }))
  })
  after(() => adapter.stop())

  const post = async (body: string) =>
    await adapter.request('POST', '/v2/complaint', { headers: { 'Content-Type': 'text/plain' }, body })

  it('gives every refused token the same answer', async () => {
    const good = await encryptCompact(SUBMISSION, adapter.key)
    const [header, , iv, ciphertext, tag] = good.split('.') as [string, string, string, string, string]
    const stranger = createKey(Buffer.alloc(16, 7))
    const refused = [
      '',
      ' ',
      'not a token',
      SUBMISSION,
      `${good}\n`,
      `\uFEFF${good}`,
      `${good}.`,
      `${header}.AAAA.${iv}.${ciphertext}.${tag}`,
      `${header}..${iv}.${ciphertext}.${tag.slice(0, 11)}`,
      `${header}..${iv}.${flip(ciphertext)}.${tag}`,
      `${Buffer.from('{"alg":"A128KW","enc":"A128GCM"}').toString('base64url')}..${iv}.${ciphertext}.${tag}`,
      await encryptCompact(SUBMISSION, stranger),
    ]

    const answers = await Promise.all(refused.map((body) => post(body)))

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
    it(`answers ${status} to ${method} ${path}, without quoting the path`, async () => {
      const answer = await adapter.request(method, path)

      expect(answer.status).to.equal(status)
      expect(answer.body).to.include({ type: 'about:blank', status })
      expect(answer.text).not.to.include(path.slice(1) || 'nothing to echo')
    })
  }
})

function flip(text: string): string {
  return `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`
}
