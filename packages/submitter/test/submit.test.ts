import { inspect } from 'node:util'
import { AdapterError, decryptCompact, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { expect } from 'chai'
import { type RefusalError, type SubmitOptions, submit } from '../src/index.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { failure, outcome } from './outcome.ts'
import { json, Receiver, type Reply } from './receiver.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const SUBMISSION = {
  serviceSlug: 'complaint-form',
  submissionId: '72c49803-e9c3-42ac-bde1-09c04595a2d3',
  submissionAnswers: { yourname_text_1: 'Ann <b> & Co \u2028', amount_number_1: '5' },
  attachments: [],
}
const ACCEPTED = json(201, { submissionId: SUBMISSION.submissionId, status: 'accepted' })

describe('submitting', () => {
  let certificate: Certificate
  before(async () => {
    certificate = await makeCertificate()
  })
  const start = (reply: Reply) => Receiver.start(reply, certificate)
  const to = (receiver: Receiver, more: Partial<SubmitOptions> = {}): SubmitOptions => ({
    endpoint: receiver.url(),
    key: KEY,
    submission: SUBMISSION,
    allowLocal: true,
    ca: receiver.certificate.cert,
    ...more,
  })

  describe('sends', () => {
    it('a compact JWE as the whole body, with the headers of Form Builder', async () => {
      await using receiver = await start(ACCEPTED)

      await submit(to(receiver))

      const [received] = receiver.received
      const headers = new Map(received?.headers)
      expect([received?.method, received?.url]).to.deep.equal(['POST', '/v2/complaint'])
      expect(headers.get('Accept')).to.equal('*/*')
      expect(headers.get('Content-Type')).to.equal('application/x-www-form-urlencoded')
      expect(headers.get('Content-Length')).to.equal(String(received?.body.length))
      expect([...headers.keys()].sort()).to.deep.equal(
        ['Accept', 'Connection', 'Content-Length', 'Content-Type', 'Host', 'User-Agent'].sort(),
      )
      expect(received?.body).to.match(/^eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/)
    })

    it('the submission as the JSON library of Form Builder writes it', async () => {
      await using receiver = await start(ACCEPTED)

      await submit(to(receiver))

      expect(await decrypted(receiver)).to.equal(
        '{"serviceSlug":"complaint-form","submissionId":"72c49803-e9c3-42ac-bde1-09c04595a2d3","submissionAnswers":' +
          '{"yourname_text_1":"Ann \\u003cb\\u003e \\u0026 Co \\u2028","amount_number_1":"5"},"attachments":[]}',
      )
    })

    it('the JSON of a submission without white space, with unknown members', async () => {
      await using receiver = await start(ACCEPTED)

      await submit(to(receiver, { submission: JSON.stringify({ schema: 2, ...SUBMISSION }, null, 2) }))

      expect(await decrypted(receiver)).to.match(/^\{"schema":2,"serviceSlug":"complaint-form",/)
    })

    it('a submission of several megabytes', async () => {
      await using receiver = await start(ACCEPTED)
      const answers = { long_textarea_1: 'x'.repeat(4_000_000) }

      await submit(to(receiver, { submission: { ...SUBMISSION, submissionAnswers: answers } }))

      expect((await decrypted(receiver)).length).to.be.above(4_000_000)
    })

    it('with a key of 32 characters under A256GCM', async () => {
      await using receiver = await start(ACCEPTED)

      await submit(to(receiver, { key: KEY + KEY }))

      expect(receiver.received[0]?.body).to.match(/^eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0\.\./)
    })
  })

  describe('succeeds', () => {
    for (const [status, body, expected] of [
      [201, { status: 'accepted' }, 'accepted'],
      [200, { status: 'duplicate' }, 'duplicate'],
      [201, { placeholder: true }, 'accepted'],
      [200, { submissionId: SUBMISSION.submissionId, status: 'duplicate' }, 'duplicate'],
      [201, { submissionId: '00000000-0000-4000-8000-000000000000', status: 'accepted' }, 'unrecognised'],
      [201, { status: 'error' }, 'unrecognised'],
      [202, null, 'unrecognised'],
      [200, [], 'unrecognised'],
      [299, 'fine', 'unrecognised'],
    ] as const)
      it(`when the receiver answers ${status} ${JSON.stringify(body)}: ${expected}`, async () => {
        await using receiver = await start(json(status, body))

        expect(await submit(to(receiver))).to.deep.equal({
          outcome: expected,
          status,
          submissionId: SUBMISSION.submissionId,
          attempts: 1,
        })
      })

    it('when the receiver answers 204', async () => {
      await using receiver = await start((_received, response) => response.writeHead(204).end())

      expect(await submit(to(receiver))).to.include({ outcome: 'unrecognised', status: 204 })
    })

    it('when the answer never ends, after its first 64 KiB', async () => {
      await using receiver = await start((_received, response) => {
        response.writeHead(201, { 'Content-Type': 'text/plain' })
        response.write('x'.repeat(1_000_000))
      })

      expect(await submit(to(receiver))).to.include({ outcome: 'unrecognised', status: 201 })
    })
  })

  describe('fails', () => {
    for (const [status, expected] of [
      [301, 'the receiver answered 301, a redirect, which is not followed'],
      [304, 'the receiver answered 304, a redirect, which is not followed'],
      [401, 'the receiver answered 401 (Unauthorized: wrong key)'],
      [409, 'the receiver answered 409 (Unauthorized: wrong key)'],
      [422, 'the receiver answered 422 (Unauthorized: wrong key)'],
      [500, 'the receiver answered 500 (Unauthorized: wrong key)'],
    ] as const)
      it(`when the receiver answers ${status}, and quotes its explanation`, async () => {
        await using receiver = await start((received, response, request) =>
          status < 400
            ? response.writeHead(status, { Location: 'https://localhost:1/' }).end()
            : json(status, { title: 'Unauthorized', detail: 'wrong key' })(received, response, request),
        )

        const error = await failure(() => submit(to(receiver)))

        expect([error.code, error.message]).to.deep.equal(['ERR_RECEIVER_REFUSED', expected])
        expect((error as RefusalError).status).to.equal(status)
        expect(error.retryable).to.equal(status === 500)
      })

    it('and follows no redirect', async () => {
      await using other = await start(ACCEPTED)
      await using receiver = await start((_received, response) =>
        response.writeHead(307, { Location: other.url() }).end(),
      )

      expect(await outcome(() => submit(to(receiver)))).to.equal('ERR_RECEIVER_REFUSED')
      expect(other.received).to.deep.equal([])
    })

    it('and quotes the receiver without characters that could harm a terminal or a log', async () => {
      const detail = `\u001b[2Jred\u001b[31m\r\nline\u0000 \u202eevil\u2028${'x'.repeat(5000)}`
      await using receiver = await start(json(422, { title: 'A\tB', detail }))

      const error = (await failure(() => submit(to(receiver)))) as RefusalError

      expect(error.title).to.equal('A B')
      expect(error.detail).to.match(/^\[2Jred \[31m line evil x+ \.\.\.$/)
      expect(error.message.length).to.be.below(400)
    })

    for (const [what, reply] of [
      ['not JSON', json(400, undefined)],
      ['an array', json(400, [1])],
      ['numbers', json(400, { title: 1, detail: {} })],
      [
        'JSON that claims to be HTML',
        (_r: unknown, response: Parameters<Reply>[1]) =>
          response.writeHead(400, { 'Content-Type': 'text/html' }).end('{"title":"not retried"}'),
      ],
    ] as [string, Reply][])
      it(`and reports only the status when the answer is ${what}`, async () => {
        await using receiver = await start(reply)

        expect((await failure(() => submit(to(receiver)))).message).to.equal('the receiver answered 400')
      })

    it('when nothing listens at the address', async () => {
      const receiver = await start(ACCEPTED)
      const options = to(receiver)
      await receiver[Symbol.asyncDispose]()

      const error = await failure(() => submit(options))

      expect([error.code, error.message, error.retryable]).to.deep.equal([
        'ERR_RECEIVER_UNREACHABLE',
        'no answer from the receiver (ECONNREFUSED)',
        true,
      ])
    })

    it('when the receiver closes the connection', async () => {
      await using receiver = await start((_received, _response, request) => request.socket.destroy())

      const error = await failure(() => submit(to(receiver)))

      expect([error.code, error.message]).to.deep.equal([
        'ERR_RECEIVER_UNREACHABLE',
        'no answer from the receiver (ECONNRESET)',
      ])
    })

    for (const [what, reply] of [
      ['does not answer', () => undefined],
      [
        'stops in the middle of its answer',
        (_r: unknown, response: Parameters<Reply>[1]) => response.writeHead(201).write('{'),
      ],
    ] as [string, Reply][])
      it(`when the receiver ${what} in the time allowed`, async () => {
        await using receiver = await start(reply)

        const error = await failure(() => submit(to(receiver, { timeoutSeconds: 1 })))

        expect([error.code, error.message]).to.deep.equal(['ERR_RECEIVER_UNREACHABLE', 'no answer within 1 s'])
      })

    it('when the certificate is from an unknown authority', async () => {
      await using receiver = await start(ACCEPTED)

      const error = await failure(() => submit(to(receiver, { ca: '' })))

      expect(error.message).to.equal('the certificate of the receiver is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)')
      expect([error.code, error.retryable]).to.deep.equal(['ERR_RECEIVER_UNREACHABLE', false])
      expect(receiver.received).to.deep.equal([])
    })

    it('when the certificate is for another name', async () => {
      await using receiver = await Receiver.start(
        ACCEPTED,
        await makeCertificate([{ type: 'dns', value: 'other.gov.uk' }]),
      )

      const error = await failure(() => submit(to(receiver)))

      expect(error.message).to.equal('the certificate of the receiver is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)')
    })

    it('when it is aborted, with the reason of the abort', async () => {
      await using receiver = await start(() => abort.abort(new Error('enough')))
      const abort = new AbortController()

      let reason: unknown
      await submit(to(receiver, { signal: abort.signal })).catch((error: unknown) => {
        reason = error
      })

      expect(String(reason)).to.equal('Error: enough')
    })
  })

  describe('sends nothing', () => {
    for (const [what, change, code] of [
      ['to another host', { endpoint: 'https://example.com/' }, 'ERR_ENDPOINT_REFUSED'],
      ['to this machine without allowLocal', { allowLocal: false }, 'ERR_ENDPOINT_REFUSED'],
      ['with a key that is too short', { key: 'short' }, 'ERR_KEY_INVALID'],
      ['of a submission without an id', { submission: '{"serviceSlug":"s"}' }, 'ERR_SUBMISSION_INVALID'],
      ['of input that is not JSON', { submission: Buffer.from('Ann') }, 'ERR_SUBMISSION_INVALID'],
      ['with no time', { timeoutSeconds: 0 }, 'foreign RangeError'],
      ['with too many retries', { retries: 26 }, 'foreign RangeError'],
    ] as const)
      it(`${what}: ${code}`, async () => {
        await using receiver = await start(ACCEPTED)

        expect(await outcome(() => submit(to(receiver, change)))).to.equal(code)
        expect(receiver.received).to.deep.equal([])
      })

    it('through a proxy, even if the environment names one', async () => {
      await using proxy = await start(ACCEPTED)
      await using receiver = await start(ACCEPTED)
      process.env['HTTPS_PROXY'] = `https://localhost:${proxy.port}`
      try {
        await submit(to(receiver))
      } finally {
        delete process.env['HTTPS_PROXY']
      }

      expect([proxy.received.length, receiver.received.length]).to.deep.equal([0, 1])
    })
  })

  describe('a retry', () => {
    const failing = (times: number, reply: Reply): Reply => {
      let left = times
      return (...all) => (left-- > 0 ? reply(...all) : ACCEPTED(...all))
    }

    it('does not happen by default', async () => {
      await using receiver = await start(failing(1, json(503, {})))

      expect(await outcome(() => submit(to(receiver)))).to.equal('ERR_RECEIVER_REFUSED')
      expect(receiver.received).to.have.length(1)
    })

    for (const [what, reply] of [
      ['503', json(503, {})],
      ['500', json(500, {})],
      ['429', json(429, {})],
      ['a closed connection', (_r: unknown, _s: unknown, request: Parameters<Reply>[2]) => request.socket.destroy()],
    ] as [string, Reply][])
      it(`happens after ${what}, encrypted again, until it is accepted`, async () => {
        await using receiver = await start(failing(2, reply))

        const receipt = await submit(to(receiver, { retries: 3, wait: async () => {} }))

        expect(receipt.attempts).to.equal(3)
        expect(new Set(receiver.received.map(({ body }) => body)).size).to.equal(3)
      })

    it('ends with the last refusal', async () => {
      await using receiver = await start(json(503, { title: 'Unavailable' }))

      const error = await failure(() => submit(to(receiver, { retries: 2, wait: async () => {} })))

      expect(error.message).to.equal('the receiver answered 503 (Unavailable)')
      expect(receiver.received).to.have.length(3)
    })

    for (const status of [400, 401, 404, 413, 415, 422])
      it(`does not happen after ${status}`, async () => {
        await using receiver = await start(json(status, {}))

        await outcome(() => submit(to(receiver, { retries: 5, wait: async () => {} })))

        expect(receiver.received).to.have.length(1)
      })

    for (const [header, expected] of [
      ['7', 7],
      ['0', 0],
      ['86400', 300],
      [new Date(Date.now() - 60_000).toUTCString(), 0],
    ] as const)
      it(`waits as Retry-After: ${header.slice(0, 8)} asks, for at most 5 minutes: ${expected} s`, async () => {
        await using receiver = await start(failing(1, json(503, {}, { 'Retry-After': header })))
        const waits: number[] = []

        await submit(to(receiver, { retries: 1, wait: async (milliseconds) => waits.push(milliseconds) }))

        expect(waits).to.deep.equal([expected * 1000])
      })

    // A number with a sign or a fraction is no number of seconds, and no date either: the wait is our own.
    for (const header of ['-5', '1.5', '120, 120', '5s', 'tomorrow', ''])
      it(`waits as without Retry-After: ${header}`, async () => {
        await using receiver = await start(failing(1, json(503, {}, { 'Retry-After': header })))
        const waits: number[] = []

        await submit(to(receiver, { retries: 1, wait: async (milliseconds) => waits.push(milliseconds) }))

        expect(waits).to.have.length(1)
        expect(waits[0]).to.be.within(500, 1000)
      })

    it('waits until the date that Retry-After names', async () => {
      const date = new Date(Date.now() + 120_000).toUTCString()
      await using receiver = await start(failing(1, json(503, {}, { 'Retry-After': date })))
      const waits: number[] = []

      await submit(to(receiver, { retries: 1, wait: async (milliseconds) => waits.push(milliseconds) }))

      expect(waits[0]).to.be.within(60_000, 121_000)
    })

    it('waits longer each time without Retry-After, and calls onRetry before each wait', async () => {
      await using receiver = await start(json(503, {}, { 'Retry-After': 'soon' }))
      const retried: [number, string][] = []
      const waits: number[] = []

      await outcome(() =>
        submit(
          to(receiver, {
            retries: 9,
            wait: async (milliseconds) => waits.push(milliseconds),
            onRetry: (attempt, _seconds, { code }) => retried.push([attempt, code]),
          }),
        ),
      )

      const longest = [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000)
      expect(waits).to.have.length(9)
      for (const [i, wait] of waits.entries()) expect(wait).to.be.within((longest[i] ?? 0) / 2, longest[i] ?? 0)
      expect(retried[8]).to.deep.equal([9, 'ERR_RECEIVER_REFUSED'])
    })

    it('really waits, and stops waiting when it is aborted', async () => {
      const abort = new AbortController()
      await using receiver = await start(json(503, {}, { 'Retry-After': '300' }))

      const given = outcome(() =>
        submit(to(receiver, { retries: 1, signal: abort.signal, onRetry: () => setImmediate(() => abort.abort()) })),
      )

      expect(await given).to.equal('foreign AbortError')
    })
  })

  it('throws errors without keys, answers or tokens', async () => {
    await using receiver = await start(json(500, {}))
    const errors = [
      await failure(() => submit(to(receiver))),
      await failure(() => submit(to(receiver, { ca: '' }))),
      await failure(() => submit(to(receiver, { submission: '{"Ann": "Ann' }))),
    ]

    for (const error of errors) {
      const shown = inspect(error, { depth: 20, showHidden: true })
      expect(error).to.be.instanceOf(AdapterError)
      for (const secret of [KEY, 'Ann', 'eyJhbGciOiJkaXIi']) expect(shown).not.to.contain(secret)
    }
  })
})

async function decrypted(receiver: Receiver): Promise<string> {
  const { plaintext } = await decryptCompact(receiver.received[0]?.body ?? '', parseKeyring(KEY))
  return Buffer.from(plaintext).toString()
}
