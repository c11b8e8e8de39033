import { request } from 'node:http'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { alertRules } from './alerts.ts'
import { find, renderChart } from './chart.ts'

const PASSWORD = 'correct horse battery'
const HTTPS = { 'X-Forwarded-Proto': 'https' }

describe('a drill of what keeps submissions out: each alert rises, and falls once the cause is gone', () => {
  let adapter: TestAdapter
  let firing: Awaited<ReturnType<typeof alertRules>>
  let passed = 0

  beforeEach(async () => {
    firing = await alertRules()
    passed = 0
    adapter = await startTestAdapter(
      createAdapter({
        forms: { complaint: { path: '/v2/complaint', handle: async () => ({ reference: 'CASE-1' }) } },
      }),
      {
        environment: {
          // Behind an ingress, which ends TLS.
          TLS_CERT_FILE: '',
          TLS_KEY_FILE: '',
          TRUST_PROXY: '127.0.0.1',
          METRICS_AUTH_USERNAME: 'metrics',
          METRICS_AUTH_PASSWORD: PASSWORD,
        },
      },
    )
  })
  afterEach(() => adapter.stop())

  interface Asked {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly from?: string
  }
  const ask = (path: string, { method = 'POST', headers = {}, body, from = '127.0.0.1' }: Asked) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { port } = adapter.running
      const options = { host: '127.0.0.1', port, method, path, headers, localAddress: from, agent: false }
      const sending = request(options, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sending.on('error', reject)
      sending.end(body)
    })
  /** One submission, as often as its sender repeats it in the first minutes. */
  const submit = async (path: string, asked: Asked, times: number): Promise<number[]> => {
    const { jwe } = await adapter.compose()
    const statuses: number[] = []
    for (let i = 0; i < times; i += 1) statuses.push((await ask(path, { ...asked, body: jwe })).status)
    return statuses
  }
  const alerts = async () => {
    const Authorization = `Basic ${Buffer.from(`metrics:${PASSWORD}`).toString('base64')}`
    const { text } = await ask('/metrics', { method: 'GET', headers: { Authorization } })
    return firing(text, Date.now() + passed)
  }
  const pass = async (minutes: number) => {
    passed += minutes * 60_000
    await adapter.advance({ minutes })
  }
  /** Until what was counted is out of the range of the rules, with a scrape in between as Prometheus makes them. */
  const calm = async () => {
    await pass(14)
    await alerts()
    await pass(2)
    return await alerts()
  }

  for (const [what, asked] of [
    ['an ingress without X-Forwarded-Proto', {}],
    ['an ingress that sends X-Forwarded-Proto: http', { headers: { 'X-Forwarded-Proto': 'http' } }],
    ['an ingress that TRUST_PROXY does not name', { headers: HTTPS, from: '127.0.0.2' }],
  ] as const)
    it(`AdapterProxyRefusals: ${what}, and one submission`, async () => {
      expect(await submit('/v2/complaint', { headers: HTTPS }, 1)).to.deep.equal([201])
      expect(await alerts()).to.deep.equal([])

      const refused = await submit('/v2/complaint', asked, 4)
      const risen = await alerts()
      await pass(10)
      const still = await alerts()
      const fallen = await calm()

      expect(refused).to.deep.equal([421, 421, 421, 421])
      expect([risen, still]).to.deep.equal([['AdapterProxyRefusals'], ['AdapterProxyRefusals']])
      expect(fallen).to.deep.equal([])
    })

  it('AdapterUnmatched: an endpoint with the path of no form', async () => {
    expect(await alerts()).to.deep.equal([])

    const refused = await submit('/v2/complaints', { headers: HTTPS }, 6)
    const risen = await alerts()
    const fallen = await calm()

    expect(new Set(refused)).to.deep.equal(new Set([404]))
    expect(risen).to.deep.equal(['AdapterUnmatched'])
    expect(fallen).to.deep.equal([])
  })

  it('AdapterSilence: nothing is accepted for five days, then something is', async () => {
    const fresh = await alerts()
    await submit('/v2/complaint', { headers: HTTPS }, 1)
    await pass(119 * 60)
    const early = await alerts()
    await pass(2 * 60)
    const risen = await alerts()
    // What is refused, or repeated, does not end the silence; nor does forgetting the last one.
    await submit('/v2/complaint', {}, 1)
    await pass(200 * 24 * 60)
    await pass(24 * 60)
    const later = await alerts()
    await submit('/v2/complaint', { headers: HTTPS }, 1)
    const fallen = await alerts()

    expect([fresh, early]).to.deep.equal([[], []])
    expect([risen, later]).to.deep.equal([['AdapterSilence'], ['AdapterSilence']])
    expect(fallen).to.deep.equal([])
  })

  it('AdapterSilence: the hours are a value of the chart, and 0 leaves the rule out', async () => {
    const silence = async (...rendering: Parameters<typeof renderChart>) => {
      const manifest = find(await renderChart(...rendering), 'PrometheusRule', 'hmcts-complaints-formbuilder-adapter')
      const { groups } = manifest.spec as { groups: [{ rules: { alert: string; expr: string }[] }] }
      return groups[0].rules.find(({ alert }) => alert === 'AdapterSilence')?.expr
    }

    expect(await silence('production', ['monitoring.silenceHours=2'])).to.match(/ > 7200$/)
    expect(await silence('production', ['monitoring.silenceHours=0'])).to.equal(undefined)
    expect(await silence('staging')).to.equal(undefined)
  })
})
