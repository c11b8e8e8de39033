import { createServer, Agent as HttpAgent } from 'node:http'
import type { AddressInfo } from 'node:net'
import axios from 'axios'
import { expect } from 'chai'
import { type FailureKind, startOpticsStandIn } from '../../src/stand-in/index.ts'
import { recorded } from '../mapping.ts'
import {
  client,
  complaintBody,
  KEYS,
  messageOf,
  notAborted,
  outcomeOf,
  SUBMISSION_ID,
  until,
} from '../optics-client.ts'
import { answering, listening } from './answering.ts'

describe('creating a case', () => {
  it('sends the bytes of the body, as JSON, with the token', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const body = Buffer.from(
      recorded('complaint-v2').find(({ name }) => name.endsWith('-welsh'))?.expect.opticsRequestBodyRaw ?? '',
    )

    await client(standIn.url).createCase(body, notAborted)

    const request = standIn.requests.at(-1)
    expect(request).to.include({ method: 'POST', url: '/createcase?db=hmcts', body: body.toString(), met: 200 })
    expect(request?.headers).to.include({
      'content-type': 'application/json',
      'content-length': String(body.byteLength),
    })
    expect(request?.headers.authorization).to.match(/^Bearer [\w-]{36}$/)
  })

  it('reads the case id from JSON and from XML', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)

    expect(await optics.createCase(complaintBody({ Format: 'json' }), notAborted)).to.deep.equal({
      reference: '492233',
    })
    expect(await optics.createCase(complaintBody({ Format: 'xml' }), notAborted)).to.deep.equal({ reference: '492234' })
  })

  it('calls acting once, after the token arrives and before the request is sent', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('unauthorised')
    const seen: string[][] = []
    const acting = async () => void seen.push(standIn.requests.map(({ route }) => route))

    await client(standIn.url).createCase(complaintBody(), { ...notAborted, acting })

    expect(seen).to.deep.equal([['token']])
  })

  it('sends nothing when acting rejects', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const acting = () => Promise.reject(new Error('the attempt was lost'))

    expect(await messageOf(client(standIn.url).createCase(complaintBody(), { ...notAborted, acting }))).to.equal(
      'the attempt was lost',
    )
    expect(standIn.requests.map(({ route }) => route)).to.deep.equal(['token'])
  })

  it('sends the headers that an interceptor of the HTTP client adds', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const traced = axios.create()
    traced.interceptors.request.use((config) => {
      config.headers.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
      return config
    })

    await client(standIn.url, { axios: traced }).createCase(complaintBody(), notAborted)

    expect(standIn.requests.map(({ headers }) => headers['traceparent'])).to.deep.equal(
      Array(2).fill('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
    )
  })

  it('allows an attempt more time when Optics may take longer', () => {
    const seconds = (timeoutSeconds: number) => client('https://uat.icasework.com', { timeoutSeconds }).attemptSeconds

    expect([1, 60, 120, 600].map(seconds)).to.deep.equal([300, 300, 600, 3000])
  })

  const kinds: readonly (readonly [FailureKind, unknown, number])[] = [
    ['too-many-requests', 'retry ERR_OPTICS_BUSY', 0],
    ['reset', 'uncertain ERR_OPTICS_BROKEN_OFF', 0],
    ['hang', 'uncertain ERR_OPTICS_TIMEOUT', 0],
    ['status', 'uncertain ERR_OPTICS_FAILED', 0],
    ['redirect', 'uncertain ERR_OPTICS_ANSWER_UNKNOWN', 0],
    ['html', 'uncertain ERR_OPTICS_ANSWER_UNKNOWN', 0],
    ['documents', 'uncertain ERR_OPTICS_FAILED', 1],
    ['case-then-status', 'uncertain ERR_OPTICS_FAILED', 1],
    ['case-then-reset', 'uncertain ERR_OPTICS_BROKEN_OFF', 1],
    ['case-then-hang', 'uncertain ERR_OPTICS_TIMEOUT', 1],
    ['case-then-half', 'uncertain ERR_OPTICS_BROKEN_OFF', 1],
    ['case-then-html', 'uncertain ERR_OPTICS_ANSWER_UNKNOWN', 1],
    ['empty', 'uncertain ERR_OPTICS_ANSWER_UNKNOWN', 0],
    ['case-then-empty', 'uncertain ERR_OPTICS_ANSWER_UNKNOWN', 1],
    ['slow', { reference: '492234' }, 1],
  ]
  for (const [kind, end, cases] of kinds)
    it(`ends as ${JSON.stringify(end)} after ${kind}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      const optics = client(standIn.url, { timeoutSeconds: kind.endsWith('hang') ? 0.3 : 5 })
      await optics.createCase(complaintBody({ ExternalId: 'before' }), notAborted)
      await standIn.fail(kind, { seconds: 0.05 })

      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.deep.equal(end)
      expect(standIn.cases().slice(1)).to.have.length(cases)
    })

  it('is uncertain after any 4xx from createcase, even one for an unknown type', async () => {
    await using standIn = await startOpticsStandIn(KEYS)

    const end = await outcomeOf(client(standIn.url).createCase(complaintBody({ Type: '' }), notAborted))

    expect(end).to.equal('uncertain ERR_OPTICS_REJECTED')
  })

  it('is uncertain when the answer starts and does not end in time', async () => {
    const server = createServer((request, response) => {
      request.resume()
      if (request.url?.startsWith('/token')) return response.end('{"access_token":"token"}')
      response.writeHead(200).write('<createcaseresponse>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo

    const end = await outcomeOf(
      client(`http://127.0.0.1:${port}`, { timeoutSeconds: 0.3 }).createCase(complaintBody(), notAborted),
    )

    await new Promise((resolve) => server.close(resolve))
    expect(end).to.equal('uncertain ERR_OPTICS_TIMEOUT')
  })

  it('is uncertain when a kept-alive connection turns out to be closed', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const keeping = axios.create({ httpAgent: new HttpAgent({ keepAlive: true }) })
    const optics = client(standIn.url, { axios: keeping })
    await optics.createCase(complaintBody({ ExternalId: 'before' }), notAborted)
    await standIn.fail('reset')

    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
    keeping.defaults.httpAgent.destroy()
  })

  it('reports how long Optics asks us to wait', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('too-many-requests', { seconds: 17 })

    const error = await client(standIn.url)
      .createCase(complaintBody(), notAborted)
      .catch((thrown: unknown) => thrown)

    expect(error).to.have.property('retryAfterSeconds', 17)
  })

  it('is uncertain when the attempt is cancelled after the request was sent', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('case-then-hang')
    const attempt = new AbortController()

    const made = outcomeOf(client(standIn.url).createCase(complaintBody(), { signal: attempt.signal }))
    await until(() => standIn.cases().length === 1)
    attempt.abort()

    expect(await made).to.equal('uncertain ERR_OPTICS_TIMEOUT')
  })

  it('sends nothing when the attempt is already cancelled', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), notAborted)

    const end = await outcomeOf(optics.createCase(complaintBody(), { signal: AbortSignal.abort() }))

    expect(end).to.equal('retry ERR_OPTICS_NOT_SENT')
    expect(standIn.cases()).to.have.length(1)
  })
})

describe('an answer of Optics', () => {
  it('never appears in a message: neither its page nor unusual characters of its headers', async () => {
    await using server = await answering({
      status: 400,
      headers: {
        'X-Application-Error-Code': '17001\t<b>',
        'X-Application-Error-Info': `Jane; Doe (${'x'.repeat(200)})`,
      },
      body: '<html>Customer Jane Doe, jane@example.com</html>',
    })

    const message = await messageOf(client(server.url).createCase(complaintBody(), notAborted))

    expect(message).to.equal(
      `Optics answered createcase with 400 (X-Application-Error-Code 17001b, X-Application-Error-Info Jane Doe ${'x'.repeat(71)})`,
    )
  })

  it('is read up to a size limit', async () => {
    await using server = await answering({ status: 200, body: ' '.repeat(70_000) })

    const end = await outcomeOf(client(server.url).createCase(complaintBody(), notAborted))

    expect(end).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
  })

  it('may be compressed', async () => {
    const { gzipSync } = await import('node:zlib')
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'Content-Encoding': 'gzip' })
      response.end(gzipSync(request.url?.startsWith('/token') ? '{"access_token":"t"}' : '<caseid>7</caseid>'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

    const end = await outcomeOf(
      client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).createCase(complaintBody(), notAborted),
    )

    await new Promise((resolve) => server.close(resolve))
    expect(end).to.deep.equal({ reference: '7' })
  })
})

describe('looking up a case', () => {
  it('is not possible without ExternalId', () => {
    expect(client('https://uat.icasework.com', { duplicateCheck: 'none' })).not.to.have.property('findCase')
  })

  it('finds a case by the submissionId, and nothing before the case is created', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)

    expect(await optics.findCase?.(SUBMISSION_ID, notAborted)).to.equal(undefined)
    await optics.createCase(complaintBody(), notAborted)

    expect(await optics.findCase?.(SUBMISSION_ID, notAborted)).to.deep.equal({ reference: '492233' })
    expect(standIn.requests.at(-1)).to.include({
      method: 'GET',
      url: `/getcaseattribute?db=hmcts&Format=json&Attribute=CaseId&ExternalId=${SUBMISSION_ID}`,
    })
  })

  it('returns every case that shares the id', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), notAborted)
    await optics.createCase(complaintBody(), notAborted)

    expect(await optics.findCase?.(SUBMISSION_ID, notAborted)).to.deep.equal({ reference: '492233, 492234' })
  })

  it('returns every case of a list', async () => {
    await using server = await answering({ status: 200, body: '[{"CaseId":7},{"CaseId":8}]' })

    expect(await client(server.url).findCase?.(SUBMISSION_ID, notAborted)).to.deep.equal({ reference: '7, 8' })
  })

  for (const kind of [
    'status',
    'html',
    'empty',
    'redirect',
    'forbidden',
    'too-many-requests',
    'reset',
    'hang',
    'case-then-half',
  ] as const)
    it(`fails, and is repeated later, after ${kind}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      const optics = client(standIn.url, { timeoutSeconds: kind === 'hang' ? 0.3 : 5 })
      await optics.createCase(complaintBody(), notAborted)
      await standIn.fail(kind, { route: 'getcaseattribute', times: kind === 'forbidden' ? 2 : 1 })

      expect(await outcomeOf(optics.findCase?.(SUBMISSION_ID, notAborted) ?? Promise.resolve())).to.equal(
        'retry ERR_OPTICS_LOOKUP_FAILED',
      )
    })
})

describe('a lookup that is answered with 400', () => {
  for (const [what, headers, body] of [
    [
      'plain text of a proxy',
      { 'Content-Type': 'text/plain' },
      'upstream connect error or disconnect/reset before headers',
    ],
    ['JSON of a gateway', { 'Content-Type': 'application/json; charset=utf-8' }, '{"message":"Bad Request"}'],
    ['a code for a wrong address', { 'X-Application-Error-Code': '29001' }, ''],
  ] as const)
    it(`decides nothing by ${what}`, async () => {
      await using server = await answering({ status: 400, headers, body })

      expect(await outcomeOf(client(server.url).findCase?.(SUBMISSION_ID, notAborted) ?? Promise.resolve())).to.equal(
        'retry ERR_OPTICS_LOOKUP_FAILED',
      )
    })

  for (const [what, headers] of [
    ['a page without a code', { 'Content-Type': 'Text/HTML;charset=UTF-8' }],
    ['a code that says so', { 'Content-Type': 'text/html', 'X-Application-Error-Code': '29002' }],
    ['nothing at all', {}],
  ] as const)
    it(`says that there is no case by ${what}`, async () => {
      await using server = await answering({ status: 400, headers, body: '' })

      expect(await client(server.url).findCase?.(SUBMISSION_ID, notAborted)).to.equal(undefined)
    })
})

describe('a lookup whose token Optics refuses with 400', () => {
  const refusal = { status: 400, headers: { 'X-Application-Error-Code': '19002' }, body: '' }

  it('is repeated with a new token', async () => {
    const [tokens, lookups]: [string[], string[]] = [[], []]
    await using server = await listening((request, response) => {
      if (request.url?.startsWith('/token')) {
        tokens.push(`token-${tokens.length + 1}`)
        return response.end(JSON.stringify({ access_token: tokens.at(-1), expires_in: 3600 }))
      }
      lookups.push(String(request.headers.authorization))
      if (lookups.length === 1) return response.writeHead(refusal.status, refusal.headers).end()
      return response.end('{"CaseId":7}')
    })

    expect(await client(server.url).findCase?.(SUBMISSION_ID, notAborted)).to.deep.equal({ reference: '7' })
    expect(lookups).to.deep.equal(['Bearer token-1', 'Bearer token-2'])
  })

  it('is never read as proof that there is no case', async () => {
    await using server = await answering(refusal)

    expect(await outcomeOf(client(server.url).findCase?.(SUBMISSION_ID, notAborted) ?? Promise.resolve())).to.equal(
      'retry ERR_OPTICS_LOOKUP_FAILED',
    )
  })
})
