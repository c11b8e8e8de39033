import { expect } from 'chai'
import { isLoopback } from '../../src/stand-in/control.ts'
import { type OpticsStandIn, startOpticsStandIn } from '../../src/stand-in/index.ts'
import { KEYS } from '../optics-client.ts'
import { createCase, http, tokenFrom } from './calls.ts'

describe('the control routes of the stand-in', () => {
  let standIn: OpticsStandIn
  beforeEach(async () => {
    standIn = await startOpticsStandIn(KEYS)
  })
  afterEach(() => standIn.stop())

  const create = (fields: object) => createCase(standIn, fields)
  const control = (method: string, path: string, data?: unknown) =>
    http.request({ method, url: `${standIn.url}/__stand-in/${path}`, data })

  it('add a failure, list the cases and remove them', async () => {
    await control('post', 'fail', { kind: 'case-then-status', status: 502, times: 1, route: 'createcase' })
    expect((await create({ Details: 'x' })).status).to.equal(502)
    await create({ Details: 'x' })

    const shown = JSON.parse((await control('get', 'cases')).data)
    expect(shown.cases.map(({ caseId }: { caseId: string }) => caseId)).to.deep.equal(['492233', '492234'])
    expect(shown.duplicates).to.deep.equal([['492233', '492234']])
    expect(JSON.parse((await control('get', 'requests')).data).requests).to.have.length(4)
    await control('delete', 'cases')
    expect(standIn.cases()).to.deep.equal([])
  })

  it('set an answer, part by part', async () => {
    const answer = { kind: 'answer', status: 201, body: '<r/>', type: 'text/xml', headers: { 'X-Proxy': 'a proxy' } }
    await control('post', 'fail', answer)

    const { status, data, headers } = await create({})

    expect([status, data]).to.deep.equal([201, '<r/>'])
    expect(headers).to.include({ 'content-type': 'text/xml', 'x-proxy': 'a proxy' })
  })

  it('expire tokens', async () => {
    const headers = { Authorization: `Bearer ${await tokenFrom(standIn.url)}` }

    await control('post', 'expire-tokens')

    expect((await http.get(`${standIn.url}/getcasedetails?db=hmcts&CaseId=1`, { headers })).status).to.equal(401)
  })

  for (const failure of [{}, { kind: 'unheard-of' }, { kind: 'hang', route: 'elsewhere' }, 'not JSON'])
    it(`answer 400 to an unknown failure: ${JSON.stringify(failure)}`, async () => {
      expect((await control('post', 'fail', failure)).status).to.equal(400)
    })

  for (const [address, isHere] of [
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.7', false],
    ['::ffff:10.0.0.7', false],
    ['', false],
  ] as const)
    it(`${isHere ? 'accept' : 'refuse'} ${address || 'a closed connection'}`, () => {
      expect(isLoopback(address)).to.equal(isHere)
    })

  it('answer 404 to any other route', async () => {
    expect((await control('put', 'cases')).status).to.equal(404)
  })
})
