import { createServer, Agent as HttpAgent, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Agent } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import axios from 'axios'
import { expect } from 'chai'
import { type FailureKind, startOpticsStandIn } from '../../src/stand-in/index.ts'
import { recorded } from '../mapping.ts'
import { client, complaintBody, complaintOf, ending, going, KEYS, SUBMISSION_ID, until } from '../optics-client.ts'
import { localhostPki, type Pki } from '../pki.ts'

describe('making a case', () => {
  it('sends the bytes of the body, as JSON, with the token', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const body = Buffer.from(
      recorded('complaint-v2').find(({ name }) => name.endsWith('-welsh'))?.expect.opticsRequestBodyRaw ?? '',
    )

    await client(standIn.url).createCase(body, going)

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

    expect(await optics.createCase(complaintBody({ Format: 'json' }), going)).to.deep.equal({ reference: '492233' })
    expect(await optics.createCase(complaintBody({ Format: 'xml' }), going)).to.deep.equal({ reference: '492234' })
  })

  it('announces itself after the token is there and before the request is sent, once', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('unauthorised')
    const seen: string[][] = []
    const acting = async () => void seen.push(standIn.requests.map(({ route }) => route))

    await client(standIn.url).createCase(complaintBody(), { ...going, acting })

    expect(seen).to.deep.equal([['token']])
  })

  it('sends nothing when it may not act any more', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const acting = () => Promise.reject(new Error('taken over'))

    expect(await complaintOf(client(standIn.url).createCase(complaintBody(), { ...going, acting }))).to.equal(
      'taken over',
    )
    expect(standIn.requests.map(({ route }) => route)).to.deep.equal(['token'])
  })

  it('passes headers on that an interceptor of the client adds', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const traced = axios.create()
    traced.interceptors.request.use((config) => {
      config.headers.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
      return config
    })

    await client(standIn.url, { axios: traced }).createCase(complaintBody(), going)

    expect(standIn.requests.map(({ headers }) => headers['traceparent'])).to.deep.equal(
      Array(2).fill('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
    )
  })

  it('may take longer as a whole when Optics may', () => {
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
    ['case-then-empty', {}, 1],
    ['slow', { reference: '492234' }, 1],
  ]
  for (const [kind, end, cases] of kinds)
    it(`ends as ${JSON.stringify(end)} after ${kind}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      const optics = client(standIn.url, { timeoutSeconds: kind.endsWith('hang') ? 0.3 : 5 })
      await optics.createCase(complaintBody({ ExternalId: 'before' }), going)
      await standIn.fail(kind, { seconds: 0.05 })

      expect(await ending(optics.createCase(complaintBody(), going))).to.deep.equal(end)
      expect(standIn.cases().slice(1)).to.have.length(cases)
    })

  it('is uncertain after any 4xx of createcase, also one that says that the type is unknown', async () => {
    await using standIn = await startOpticsStandIn(KEYS)

    const end = await ending(client(standIn.url).createCase(complaintBody({ Type: '' }), going))

    expect(end).to.equal('uncertain ERR_OPTICS_REJECTED')
  })

  it('is uncertain when the answer begins and does not end in time', async () => {
    const server = createServer((request, response) => {
      request.resume()
      if (request.url?.startsWith('/token')) return response.end('{"access_token":"token"}')
      response.writeHead(200).write('<createcaseresponse>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo

    const end = await ending(
      client(`http://127.0.0.1:${port}`, { timeoutSeconds: 0.3 }).createCase(complaintBody(), going),
    )

    await new Promise((resolve) => server.close(resolve))
    expect(end).to.equal('uncertain ERR_OPTICS_TIMEOUT')
  })

  it('is uncertain when a connection that was kept turns out to be closed', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const keeping = axios.create({ httpAgent: new HttpAgent({ keepAlive: true }) })
    const optics = client(standIn.url, { axios: keeping })
    await optics.createCase(complaintBody({ ExternalId: 'before' }), going)
    await standIn.fail('reset')

    expect(await ending(optics.createCase(complaintBody(), going))).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
    keeping.defaults.httpAgent.destroy()
  })

  it('says how long Optics wants to be left alone', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('too-many-requests', { seconds: 17 })

    const error = await client(standIn.url)
      .createCase(complaintBody(), going)
      .catch((thrown: unknown) => thrown)

    expect(error).to.have.property('retryAfterSeconds', 17)
  })

  it('is uncertain when the attempt is given up after the request was sent', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('case-then-hang')
    const attempt = new AbortController()

    const made = ending(client(standIn.url).createCase(complaintBody(), { signal: attempt.signal }))
    await until(() => standIn.cases().length === 1)
    attempt.abort()

    expect(await made).to.equal('uncertain ERR_OPTICS_TIMEOUT')
  })

  it('sends nothing when the attempt was given up before', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), going)

    const end = await ending(optics.createCase(complaintBody(), { signal: AbortSignal.abort() }))

    expect(end).to.equal('retry ERR_OPTICS_NOT_SENT')
    expect(standIn.cases()).to.have.length(1)
  })
})

describe('a connection that is never established', () => {
  let pki: Pki
  before(async () => {
    pki = await localhostPki()
  })
  const trusting = () => axios.create({ httpsAgent: new Agent({ ca: pki.ca }) })

  it('leads to a retry when the port is closed', async () => {
    const standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), going)
    await standIn.stop()

    expect(await ending(optics.createCase(complaintBody(), going))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(await complaintOf(optics.createCase(complaintBody(), going))).to.equal(
      'no connection for createcase: ECONNREFUSED',
    )
  })

  it('leads to a retry when the name does not resolve', async () => {
    const end = await ending(client('https://optics.invalid').createCase(complaintBody(), going))

    expect(end).to.equal('retry ERR_OPTICS_UNREACHABLE')
  })

  it('leads to a retry when the certificate is not trusted, and nothing was sent', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })

    const end = await ending(client(standIn.url).createCase(complaintBody(), going))

    expect(end).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(standIn.requests).to.have.length(0)
  })

  it('leads to a retry when it closes before TLS is agreed, and makes the case the next time', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
    const optics = client(standIn.url, { axios: trusting() })
    await optics.createCase(complaintBody({ ExternalId: 'before' }), going)
    await standIn.fail('close')

    expect(await ending(optics.createCase(complaintBody(), going))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(await ending(optics.createCase(complaintBody(), going))).to.deep.equal({ reference: '492234' })
  })

  describe('because the other end says nothing', () => {
    const sockets: Socket[] = []
    let silent: TcpServer
    let optics: ReturnType<typeof client>
    beforeEach(async () => {
      const standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
      optics = client(standIn.url, { axios: trusting(), timeoutSeconds: 0.5 })
      await optics.createCase(complaintBody(), going)
      await standIn.stop()
      silent = createTcpServer((socket) => void sockets.push(socket))
      await new Promise<void>((resolve) => silent.listen(Number(new URL(standIn.url).port), '127.0.0.1', resolve))
    })
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy()
      silent.close()
    })

    it('leads to a retry', async () => {
      expect(await ending(optics.createCase(complaintBody(), going))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    })

    it('sends nothing when the attempt is given up meanwhile', async () => {
      const attempt = new AbortController()

      const made = ending(optics.createCase(complaintBody(), { signal: attempt.signal }))
      await until(() => sockets.length > 0)
      attempt.abort()

      expect(await made).to.equal('retry ERR_OPTICS_NOT_SENT')
    })
  })

  it('is uncertain once TLS is agreed', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
    await standIn.fail('reset')

    const end = await ending(client(standIn.url, { axios: trusting() }).createCase(complaintBody(), going))

    expect(end).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
  })
})

describe('an answer of Optics', () => {
  it('never brings its page or what is odd in its headers into a message', async () => {
    await using server = await answering({
      status: 400,
      headers: {
        'X-Application-Error-Code': '17001\t<b>',
        'X-Application-Error-Info': `Jane; Doe (${'x'.repeat(200)})`,
      },
      body: '<html>Customer Jane Doe, jane@example.com</html>',
    })

    const message = await complaintOf(client(server.url).createCase(complaintBody(), going))

    expect(message).to.equal(
      `createcase was answered with 400 (X-Application-Error-Code 17001b, X-Application-Error-Info Jane Doe ${'x'.repeat(71)})`,
    )
  })

  it('is not read without end', async () => {
    await using server = await answering({ status: 200, body: ' '.repeat(70_000) })

    const end = await ending(client(server.url).createCase(complaintBody(), going))

    expect(end).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
  })

  for (const [body, outcome] of [
    [
      '<?xml version="1.0"?><createcaseresponse><caseid>492233</caseid><team>IN</team></createcaseresponse>',
      { reference: '492233' },
    ],
    ['<r><CaseDetails.CaseId><![CDATA[ A/1 ]]></CaseDetails.CaseId></r>', { reference: 'A/1' }],
    ['{"createcaseresponse":{"caseid":"492233","team":"x"}}', { reference: '492233' }],
    ['{ "createcaseresponse": { "caseId" : 492233 } }', { reference: '492233' }],
    ['{"createcaseresponse":{"caseid":null}}', {}],
    ['{"createcaseresponse":{"caseid":"<script>"}}', {}],
    ['done', {}],
    ['', {}],
  ] as const)
    it(`is read leniently: ${body.slice(0, 60) || 'nothing'}`, async () => {
      await using server = await answering({ status: 201, body })

      expect(await ending(client(server.url).createCase(complaintBody(), going))).to.deep.equal(outcome)
    })

  it('that is compressed is read too', async () => {
    const { gzipSync } = await import('node:zlib')
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(200, { 'Content-Encoding': 'gzip' })
      response.end(gzipSync(request.url?.startsWith('/token') ? '{"access_token":"t"}' : '<caseid>7</caseid>'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

    const end = await ending(
      client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).createCase(complaintBody(), going),
    )

    await new Promise((resolve) => server.close(resolve))
    expect(end).to.deep.equal({ reference: '7' })
  })
})

describe('looking a case up', () => {
  it('is not offered without ExternalId', () => {
    expect(client('https://uat.icasework.com', { duplicateCheck: 'none' })).not.to.have.property('findCase')
  })

  it('finds a case by the submissionId, and none before it is made', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)

    expect(await optics.findCase?.(SUBMISSION_ID, going)).to.equal(undefined)
    await optics.createCase(complaintBody(), going)

    expect(await optics.findCase?.(SUBMISSION_ID, going)).to.deep.equal({ reference: '492233' })
    expect(standIn.requests.at(-1)).to.include({
      method: 'GET',
      url: `/getcaseattribute?db=hmcts&Format=json&Attribute=CaseId&ExternalId=${SUBMISSION_ID}`,
    })
  })

  it('names every case that shares the id', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), going)
    await optics.createCase(complaintBody(), going)

    expect(await optics.findCase?.(SUBMISSION_ID, going)).to.deep.equal({ reference: '492233, 492234' })
  })

  for (const [body, outcome] of [
    ['{"getcaseattributeresponse":{"CaseId":"7"}}', { reference: '7' }],
    ['[{"CaseId":7},{"CaseId":8}]', { reference: '7, 8' }],
    ['<getcaseattributeresponse><value>7</value></getcaseattributeresponse>', {}],
    ['"7"', {}],
    ['[]', 'retry ERR_OPTICS_LOOKUP_FAILED'],
    ['{"getcaseattributeresponse', {}],
    [' <!DOCTYPE html><p>7', 'retry ERR_OPTICS_LOOKUP_FAILED'],
  ] as const)
    it(`reads what it gets with 200: ${body}`, async () => {
      await using server = await answering({ status: 200, body })

      expect(await ending(client(server.url).findCase?.(SUBMISSION_ID, going) ?? Promise.resolve())).to.deep.equal(
        outcome,
      )
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
    it(`decides nothing after ${kind}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      const optics = client(standIn.url, { timeoutSeconds: kind === 'hang' ? 0.3 : 5 })
      await optics.createCase(complaintBody(), going)
      await standIn.fail(kind, { route: 'getcaseattribute', times: kind === 'forbidden' ? 2 : 1 })

      expect(await ending(optics.findCase?.(SUBMISSION_ID, going) ?? Promise.resolve())).to.equal(
        'retry ERR_OPTICS_LOOKUP_FAILED',
      )
    })
})

describe('a lookup that is answered 400 because of its token', () => {
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

    expect(await client(server.url).findCase?.(SUBMISSION_ID, going)).to.deep.equal({ reference: '7' })
    expect(lookups).to.deep.equal(['Bearer token-1', 'Bearer token-2'])
  })

  it('is never taken for a case that is not there', async () => {
    await using server = await answering(refusal)

    expect(await ending(client(server.url).findCase?.(SUBMISSION_ID, going) ?? Promise.resolve())).to.equal(
      'retry ERR_OPTICS_LOOKUP_FAILED',
    )
  })
})

/** Answers each request for a token, and any other as told. */
async function answering(answer: { status: number; headers?: Record<string, string>; body: string }) {
  return listening((request, response) => {
    if (request.url?.startsWith('/token')) return response.end('{"access_token":"token","expires_in":3600}')
    return response.writeHead(answer.status, answer.headers).end(answer.body)
  })
}

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server: Server = createServer((request, response) => {
    request.resume()
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
