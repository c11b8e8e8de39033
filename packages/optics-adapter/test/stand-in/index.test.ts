import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { assertion } from '../../src/client/token.ts'
import { type OpticsStandIn, startOpticsStandIn } from '../../src/stand-in/index.ts'
import { KEYS, until } from '../optics-client.ts'
import { callStandIn, createCase, http, tokenFrom } from './calls.ts'

describe('the stand-in for Optics', () => {
  let standIn: OpticsStandIn
  beforeEach(async () => {
    standIn = await startOpticsStandIn(KEYS)
  })
  afterEach(() => standIn.stop())

  const call = (method: 'get' | 'post', path: string, body?: unknown, headers?: Record<string, string>) =>
    callStandIn(standIn, method, path, body, headers)
  const create = (fields: object) => createCase(standIn, fields)

  it('answers a token request as the real one does', async () => {
    const grant = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await assertion({ endpoint: standIn.url, ...KEYS }, new Date()),
    }

    const { status, headers, data } = await http.post(`${standIn.url}/token?db=hmcts`, new URLSearchParams(grant))

    expect(status).to.equal(200)
    expect(headers['content-type']).to.equal('application/json;charset=UTF-8')
    expect(JSON.parse(data)).to.include({ token_type: 'Bearer', expires_in: 3600 }).and.have.property('access_token')
  })

  for (const [what, keys, audience] of [
    ['another secret key', { ...KEYS, secretKey: 'other' }, undefined],
    ['another issuer', { ...KEYS, apiKey: 'other' }, undefined],
    ['an audience without the database', KEYS, 'https://uat.icasework.com/token#'],
  ] as const)
    it(`refuses an assertion with ${what} as the real one does`, async () => {
      const signed = await assertion({ endpoint: audience ?? standIn.url, ...keys }, new Date())
      const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: signed }

      const { status, headers } = await http.post(`${standIn.url}/token?db=hmcts`, new URLSearchParams(grant))

      expect(status).to.equal(400)
      expect(headers).to.include({ 'x-application-error-code': '19002', 'x-application-error-info': 'invalid_grant' })
      expect(headers['content-type']).to.match(/^text\/html/)
    })

  it('answers 200 and an empty body for a wrong database', async () => {
    const { status, data } = await http.post(`${standIn.url}/token?db=other`, '')

    expect([status, data]).to.deep.equal([200, ''])
  })

  it('answers createcase in XML, or in JSON on request', async () => {
    expect((await create({ Team: 'A<B' })).data).to.equal(
      '<?xml version="1.0" encoding="UTF-8"?>\n<createcaseresponse><caseid>492233</caseid><team>A&#60;B</team></createcaseresponse>',
    )
    expect((await create({ Format: 'json' })).data).to.equal('{"createcaseresponse":{"caseid":"492234","team":""}}')
  })

  it('accepts form-encoded fields too', async () => {
    await call('post', '/createcase?db=hmcts', new URLSearchParams({ Type: 'UF144908', 'Case.ServiceTeam': 'a b' }))

    expect(standIn.cases()[0]?.fields).to.deep.equal({ Type: 'UF144908', 'Case.ServiceTeam': 'a b' })
  })

  for (const [what, body] of [
    ['no type', {}],
    ['an empty type', { Type: '' }],
    ['an unknown type', { Type: 'Praise' }],
  ] as const)
    it(`refuses ${what} with an HTML page, and creates no case`, async () => {
      const { status, headers } = await call('post', '/createcase?db=hmcts', { Format: 'json', ...body })

      expect(status).to.equal(400)
      expect(headers['content-type']).to.match(/^text\/html/)
      expect(standIn.cases()).to.deep.equal([])
    })

  it('answers 401 without a valid token', async () => {
    const url = `${standIn.url}/createcase?db=hmcts`
    const old = await tokenFrom(standIn.url)
    standIn.expireTokens()

    for (const headers of [{}, { Authorization: 'Bearer x' }, { Authorization: `Bearer ${old}` }])
      expect((await http.post(url, { Type: 'Complaint' }, { headers })).status).to.equal(401)
    expect(
      (await http.post(`${url}&access_token=${await tokenFrom(standIn.url)}`, { Type: 'Complaint' })).status,
    ).to.equal(200)
  })

  it('finds cases by either id: answers several one after another, and 400 when there is none', async () => {
    await create({ ExternalId: 'e' })
    await create({ ExternalId: 'e' })
    const find = async (query: string) => {
      const { status, data } = await call('get', `/getcaseattribute?db=hmcts&Attribute=CaseId&${query}`)
      return status === 200 ? data : status
    }

    expect(await find('Format=json&ExternalId=e')).to.equal(
      '{"getcaseattributeresponse":{"CaseId":"492233"}}\n{"getcaseattributeresponse":{"CaseId":"492234"}}',
    )
    expect(await find('ExternalId=e')).to.include('<CaseId>492233</CaseId><CaseId>492234</CaseId>')
    expect(await find('Format=json&CaseId=492234')).to.equal('{"getcaseattributeresponse":{"CaseId":"492234"}}')
    expect(await find('Format=json&ExternalId=other')).to.equal(400)
    expect((await call('get', '/getcasedetails?db=hmcts&Format=json&ExternalId=e')).data).to.include(
      '"CaseDetails.CaseId":"492234"',
    )
    expect((await call('get', '/getcasedetails?db=hmcts&CaseId=1')).status).to.equal(400)
    expect((await call('get', '/getcasedocuments?db=hmcts&CaseId=1')).data).to.include('<Documents />')
  })

  describe('with documents', () => {
    const files = createServer((request, response) => {
      if (request.url !== '/file') response.statusCode = 404
      response.setHeader('Content-Type', 'text/plain')
      response.end('hello world\n')
    })
    let origin: string
    before(async () => {
      files.listen(0, '127.0.0.1')
      await once(files, 'listening')
      origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
    })
    after(() => files.close())

    const document = (n: number, url: string) => ({
      [`Document${n}.Name`]: 'f.txt',
      [`Document${n}.MimeType`]: 'text/plain',
      [`Document${n}.URL`]: url,
      [`Document${n}.URLLoadContent`]: true,
    })

    it('fetches each document and records what it got', async () => {
      expect((await create(document(1, `${origin}/file`))).status).to.equal(200)

      expect(standIn.cases()[0]?.documents).to.deep.equal([
        {
          name: 'f.txt',
          mimeType: 'text/plain',
          url: `${origin}/file`,
          fetched: {
            sha256: 'a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447',
            byteLength: 12,
            contentType: 'text/plain',
          },
        },
      ])
      expect((await call('get', '/getcasedocuments?db=hmcts&CaseId=492233')).data).to.include(
        `>${origin}/file</Document>`,
      )
    })

    it('creates the case and then fails when a document cannot be fetched', async () => {
      const { status } = await create({ ...document(1, `${origin}/file`), ...document(2, `${origin}/gone`) })

      expect(status).to.equal(500)
      expect(standIn.cases()[0]?.documents.map(({ fetched }) => fetched !== undefined)).to.deep.equal([true, false])
    })

    it('fetches from `documentOrigin` instead of the origin in the URL', async () => {
      await using elsewhere = await startOpticsStandIn({ ...KEYS, documentOrigin: origin })
      const headers = { Authorization: `Bearer ${await tokenFrom(elsewhere.url)}` }

      await http.post(
        `${elsewhere.url}/createcase?db=hmcts`,
        { Type: 'Complaint', ...document(1, 'https://adapter.example.gov.uk/file') },
        { headers },
      )

      expect(elsewhere.cases()[0]?.documents[0]?.fetched?.byteLength).to.equal(12)
    })
  })

  it('lists the cases that have the same content', async () => {
    await create({ Details: 'a', RequestDate: '2026-01-15', 'Document1.Name': 'x' })
    await create({ Details: 'a', RequestDate: '2026-01-16', 'Document1.Name': 'x' })
    await create({ Details: 'b' })
    await create({ Details: 'a', ExternalId: '1' })
    await create({ Details: 'c', ExternalId: '1' })
    await create({ Details: 'a', ExternalId: '2' })

    expect(standIn.duplicates()).to.deep.equal([
      ['492233', '492234'],
      ['492236', '492237'],
    ])
  })

  it('refuses connections for a while, then listens on the same port again', async () => {
    await standIn.fail('refuse', { seconds: 0.2 })

    const refused = await http.get(standIn.url).catch((error: { code?: string }) => error.code)
    let back = 0
    await until(() => {
      void http.get(standIn.url).then(
        ({ status }) => (back = status),
        () => undefined,
      )
      return back > 0
    })

    expect(refused).to.equal('ECONNREFUSED')
    expect(back).to.equal(404)
  })

  it('fails as often as requested, in the order of the requests', async () => {
    await standIn.fail('status', { times: 2, status: 503 })
    await standIn.fail('forbidden')
    const statuses = []

    for (let n = 0; n < 4; n++) statuses.push((await create({})).status)

    expect(statuses).to.deep.equal([503, 503, 403, 200])
  })

  for (const kind of ['answer', 'case-then-answer'] as const) {
    it(`answers as a proxy does, unless told otherwise: ${kind}`, async () => {
      await standIn.fail(kind)

      const { status, headers, data } = await create({})

      expect([status, headers['content-type']]).to.deep.equal([200, 'text/plain'])
      expect(data).to.equal('upstream connect error or disconnect/reset before headers')
      expect(standIn.cases()).to.have.length(kind === 'answer' ? 0 : 1)
    })
  }

  for (const [status, type, body, headers] of [
    [200, 'TEXT/XML; Charset=utf-8', '\uFEFF<r><caseid>{caseid}</caseid></r>', {}],
    [200, 'application/json', '{"caseid":"492', {}],
    [202, '', 'null', { 'X-Proxy': 'a proxy' }],
    [204, '', '', {}],
    [200, 'text/html', '<html></html>', { 'Content-Encoding': 'gzip' }],
    [200, 'text/xml', '<r/>', { 'content-encoding': 'br' }],
    [200, 'text/xml', '<r/>', { 'Content-Encoding': 'deflate' }],
  ] as const)
    it(`answers what it is told to: ${status} ${type} ${JSON.stringify([body, headers])}`, async () => {
      await standIn.fail('case-then-answer', { status, type, body, headers })

      const answer = await create({})

      expect(answer.status).to.equal(status)
      expect(answer.headers['content-type'] ?? '').to.equal(type)
      // The client drops a byte order mark, as the adapter does.
      expect(answer.data).to.equal(body.replace('{caseid}', '492233').replace('\uFEFF', ''))
      if ('X-Proxy' in headers) expect(answer.headers).to.include({ 'x-proxy': 'a proxy' })
    })

  it('answers a lookup with the case that it found, in another shape', async () => {
    await create({ ExternalId: 'e1' })
    await standIn.fail('case-then-answer', { route: 'getcaseattribute', body: '<value>{caseid}</value>' })

    const { data } = await call('get', '/getcaseattribute?db=hmcts&Attribute=CaseId&ExternalId=e1&Format=json')

    expect(data).to.equal('<value>492233</value>')
  })

  it('can be started as a command', async () => {
    const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../bin/optics-stand-in.cjs')], {
      env: { PORT: '0', OPTICS_API_KEY: KEYS.apiKey, OPTICS_SECRET_KEY: KEYS.secretKey },
    })
    const [line] = await once(child.stdout, 'data')
    const [, url = ''] = /listens on (\S+)/.exec(String(line)) ?? []

    expect(await tokenFrom(url)).to.match(/^[\w-]{36}$/)

    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).to.equal(0)
  })
})
