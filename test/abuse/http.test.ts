/** Requests that no sender makes, to a whole adapter: each is answered in one shape, and none is taken in. */
import { gzipSync } from 'node:zlib'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { answersIn, exchange, post } from './wire.ts'

const FORM = '/v2/complaint'
const SAFE = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
}

describe('HTTP abuse of an adapter', () => {
  let adapter: TestAdapter
  let jwe: string
  before(async () => {
    const forms = { complaint: { path: FORM, handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }), {
      environment: { METRICS_AUTH_USERNAME: 'prometheus', METRICS_AUTH_PASSWORD: 'mark-password' },
    })
  })
  beforeEach(async () => {
    jwe = (await adapter.compose()).jwe
  })
  after(() => adapter.stop())
  const accepted = () => adapter.events.filter(({ event }) => event === 'submission.accepted').length

  it('a genuine submission written by hand is taken in, so that what follows is refused for its form alone', async () => {
    const request = post(FORM, ['Host: a', `Content-Length: ${jwe.length}`, 'Connection: close'], jwe)

    const [answer] = answersIn(await exchange(adapter, request))

    expect(answer?.status).to.equal(201)
  })

  const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const REFUSED: readonly (readonly [what: string, request: (jwe: string) => string])[] = [
    [
      'Content-Length with Transfer-Encoding',
      (body) => post(FORM, ['Host: a', `Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'], chunked(body)),
    ],
    [
      'two Content-Length',
      (body) => post(FORM, ['Host: a', `Content-Length: ${body.length}`, 'Content-Length: 0'], body),
    ],
    [
      'the same Content-Length twice',
      (body) => post(FORM, ['Host: a', `Content-Length: ${body.length}`, `Content-Length: ${body.length}`], body),
    ],
    ['a folded header', (body) => post(FORM, ['Host: a', `Content-Length:\r\n ${body.length}`], body)],
    [
      'a bare CR',
      (body) => post(FORM, ['Host: a', `X-A: b\rContent-Length: 0`, `Content-Length: ${body.length}`], body),
    ],
    ['a bare LF', (body) => post(FORM, [`Host: a\nContent-Length: ${body.length}`], body)],
    ['two Host', (body) => post(FORM, ['Host: a', 'Host: b', `Content-Length: ${body.length}`], body)],
    [
      'two Content-Type',
      (body) =>
        post(
          FORM,
          ['Host: a', 'Content-Type: text/plain', 'Content-Type: application/jose', `Content-Length: ${body.length}`],
          body,
        ),
    ],
    [
      'two Authorization',
      (body) => post(FORM, ['Host: a', 'Authorization: a', 'Authorization: b', `Content-Length: ${body.length}`], body),
    ],
    [
      'two Content-Encoding',
      (body) =>
        post(
          FORM,
          ['Host: a', 'Content-Encoding: identity', 'Content-Encoding: gzip', `Content-Length: ${body.length}`],
          body,
        ),
    ],
    ['no Host', (body) => post(FORM, [`Content-Length: ${body.length}`], body)],
    [
      'an absolute target',
      (body) => post(`https://evil.example${FORM}`, ['Host: a', `Content-Length: ${body.length}`], body),
    ],
  ]
  for (const [what, request] of REFUSED) {
    it(`refuses a genuine submission sent with ${what}, and whatever follows it`, async () => {
      const before = accepted()
      const follower = post(FORM, ['Host: a', `Content-Length: ${jwe.length}`, 'Connection: close'], jwe)

      const answers = answersIn(await exchange(adapter, request(jwe), follower))

      expect(answers.map(({ status }) => status)).to.deep.equal([400])
      expect(answers[0]?.headers).to.include({ ...SAFE, 'content-type': 'application/problem+json' })
      expect(JSON.parse(answers[0]?.body ?? '')).to.deep.equal({
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
      })
      expect(accepted()).to.equal(before)
    })
  }

  for (const [method, path, status, allow] of [
    ['HEAD', FORM, 405, 'POST'],
    ['OPTIONS', FORM, 405, 'POST'],
    ['PUT', FORM, 405, 'POST'],
    ['OPTIONS', '*', 404, undefined],
    ['OPTIONS', '/health', 405, 'GET, HEAD'],
    ['HEAD', '/health', 200, undefined],
    ['HEAD', '/readiness', 200, undefined],
    ['HEAD', '/metrics', 401, undefined],
    ['DELETE', '/metrics', 405, 'GET, HEAD'],
    ['HEAD', '/v1/attachments/00000000-0000-4000-8000-000000000000', 404, undefined],
    ['OPTIONS', '/v1/attachments/00000000-0000-4000-8000-000000000000', 405, 'GET, HEAD'],
    ['TRACE', FORM, 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    ['TRACE', '/health', 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    ['CONNECT', 'evil.example:443', 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    ['PROPFIND', FORM, 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
    ['BREW', FORM, 400, undefined],
  ] as const) {
    it(`answers ${status} to ${method} ${path}`, async () => {
      const marks = 'X-Mark: mark-header\r\nCookie: mark=mark-cookie\r\nConnection: close'

      const received = await exchange(adapter, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${marks}\r\n\r\n`)

      const status_ = Number(received.split(' ')[1])
      const head = received.slice(0, received.indexOf('\r\n\r\n'))
      expect(status_).to.equal(status)
      if (allow === undefined) expect(head).not.to.match(/\r\nAllow:/i)
      else expect(head).to.include(`\r\nAllow: ${allow}`)
      expect(received).not.to.match(/mark-|access-control|evil/i)
      if (method === 'HEAD') expect(received).to.match(/\r\n\r\n$/)
    })
  }

  it('never answers with what Host, X-Forwarded-*, Forwarded, Origin, path or query said', async () => {
    const marks = [
      'Host: mark-host.example',
      'X-Forwarded-Host: mark-forwarded.example',
      'X-Forwarded-For: 192.0.2.77',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Prefix: /mark-prefix',
      'X-Original-URL: /mark-original',
      'X-Rewrite-URL: /metrics',
      'X-HTTP-Method-Override: PUT',
      'Forwarded: host=mark-standard.example',
      'Origin: https://mark-origin.example',
      'Referer: https://mark-referer.example',
      'Connection: close',
    ]
    const received = []
    for (const target of [
      'POST /v2/complaint?mark-query=1',
      'GET /mark-path',
      'GET /health?mark',
      'GET /metrics',
      'GET //mark',
    ])
      received.push(await exchange(adapter, [`${target} HTTP/1.1`, ...marks, 'Content-Length: 0', '', ''].join('\r\n')))

    expect(received.map((text) => text.split(' ')[1])).to.deep.equal(['401', '404', '200', '401', '404'])
    expect(received.join()).not.to.match(/mark|192\.0\.2\.77|location:|access-control/i)
  })

  for (const [what, encoding] of [
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['brotli', 'br'],
    ['zstd', 'zstd'],
    ['two encodings', 'gzip, gzip'],
    ['an invented one', 'mark'],
  ] as const) {
    it(`answers 415 to a body that says it is ${what}`, async () => {
      const bomb = gzipSync(Buffer.alloc(10_000_000)).toString('latin1')

      const request = post(
        FORM,
        ['Host: a', `Content-Encoding: ${encoding}`, `Content-Length: ${bomb.length}`, 'Connection: close'],
        bomb,
      )
      const [answer] = answersIn(await exchange(adapter, request))

      expect(answer?.status).to.equal(415)
      expect(JSON.parse(answer?.body ?? '')).to.include({ code: 'ERR_MEDIA_TYPE_UNSUPPORTED' })
    })
  }

  it('counts no token as refused where a body was cut off as too long', async () => {
    const refused = () => adapter.events.filter(({ event }) => event === 'submission.refused')
    const before = refused().length
    const [size, body] = [(3_000_000).toString(16), 'a'.repeat(3_000_000)]

    const received = await exchange(
      adapter,
      post(FORM, ['Host: a', 'Transfer-Encoding: chunked'], `${size}\r\n${body}\r\n0\r\n\r\n`),
    )

    expect(answersIn(received).map(({ status }) => status)).to.deep.equal([413])
    expect(refused().slice(before)).to.deep.equal([])
  })

  it('tells one who posts to no form nothing but that, and the log no path that could hold a name or a token', async () => {
    for (const path of [
      '/v2/complaint/Ada%20Lovelace',
      '/v2/complaint/ada@example.com',
      `/v2/${jwe.slice(0, 60)}`,
      '/v2/complaint%0d%0aSet-Cookie:x',
      '/..%2f..%2fetc/passwd',
    ])
      await exchange(adapter, post(path, ['Host: a', 'Content-Length: 0', 'Connection: close']))
    await exchange(adapter, post('/v3/complaint', ['Host: a', 'Content-Length: 0', 'Connection: close']))

    const told = adapter.events.flatMap((event) => (event.event === 'submission.unmatched' ? [event.path] : []))
    expect(new Set(told)).to.deep.equal(new Set(['(no path that a form could have)', '/v3/complaint']))
    expect(told.filter((path) => path.startsWith('('))).to.have.length(5)
  })
})
