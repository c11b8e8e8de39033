import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const CREDENTIALS = { METRICS_AUTH_USERNAME: 'dhh', METRICS_AUTH_PASSWORD: 'secret' }
const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

describe('GET /metrics', () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
      { environment: CREDENTIALS },
    )
  })
  after(() => adapter.stop())

  for (const [name, headers] of [
    ['no credentials', {}],
    ['a wrong password', basic('dhh:wrong')],
    ['a wrong user name', basic('a:secret')],
    ['a longer password', basic('dhh:secret2')],
    ['credentials that are not Base64', { Authorization: 'Basic %%%' }],
    ['another scheme', { Authorization: 'Bearer dhh:secret' }],
  ] as const) {
    it(`answers ${name} with 401, as the live deployment does`, async () => {
      const answer = await adapter.request('GET', '/metrics', { headers })

      expect(answer).to.include({ status: 401, text: 'HTTP Basic: Access denied.\n' })
      expect(answer.headers['www-authenticate']).to.equal('Basic realm="Application"')
      expect(answer.headers['content-type']).to.equal('text/html; charset=utf-8')
    })
  }

  it('answers 404 if the settings name no credentials', async () => {
    await using open = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
    )

    const answer = await open.request('GET', '/metrics', { headers: basic('dhh:secret') })

    expect(answer.status).to.equal(404)
  })
})
