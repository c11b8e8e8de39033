import {
  answerChallenge,
  createKey,
  decryptCompact,
  type Key,
  parseChallenge,
  parseKeyring,
} from '@formbuilder/adapter-sdk/protocol'
import { expect } from 'chai'
import { type Target, verifyEndpoint } from '../src/index.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { failure, outcome } from './outcome.ts'
import { json, Receiver, type Reply } from './receiver.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'

describe('verifying an endpoint', () => {
  let certificate: Certificate
  before(async () => {
    certificate = await makeCertificate()
  })
  const start = (reply: Reply) => Receiver.start(reply, certificate)
  const at = (receiver: Receiver, more: Partial<Target> = {}): Target => ({
    endpoint: receiver.url(),
    key: KEY,
    allowLocal: true,
    ca: receiver.certificate.cert,
    ...more,
  })

  it('succeeds when an adapter has the key, and returns its form and version', async () => {
    await using receiver = await start(adapter())

    expect(await verifyEndpoint(at(receiver))).to.deep.equal({ form: 'complaint', version: '1.2.3', origin: null })
  })

  it('succeeds when the adapter knows its own address', async () => {
    await using receiver = await start((...all) => adapter({ origin: `https://localhost:${receiver.port}` })(...all))

    expect((await verifyEndpoint(at(receiver))).origin).to.equal(`https://localhost:${receiver.port}`)
  })

  it('sends one request, which looks like a submission and contains no readable address', async () => {
    await using receiver = await start(adapter())

    await verifyEndpoint(at(receiver))

    expect(receiver.received).to.have.length(1)
    expect(receiver.received[0]?.url).to.equal('/v2/complaint')
    expect(receiver.received[0]?.body).to.match(
      /^eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0\.\.[\w-]+\.[\w-]+\.[\w-]{22}$/,
    )
  })

  for (const [what, reply, message] of [
    [
      'refuses the key',
      json(401, { title: 'Unauthorized' }),
      'the receiver answered 401 (Unauthorized): it does not have this key',
    ],
    ['has no such form', json(404, {}), 'the receiver answered 404: it has no form at this path'],
    [
      'reads the challenge and does not answer it',
      json(422, { detail: 'serviceSlug is missing' }),
      'the receiver answered 422 (serviceSlug is missing): it has the key but does not answer this challenge',
    ],
    [
      'accepts everything',
      json(201, { placeholder: true }),
      'the receiver answered 201: it did not recognise the challenge, so it is not an adapter that supports verification',
    ],
    ['answers 200 OK', (_r, response) => response.end('OK'), 'the answer is not from who holds this key'],
    [
      'sends the challenge back',
      ({ body }, response) => response.end(body),
      'the answer is not from who holds this key',
    ],
    [
      'redirects',
      (_r, response) => response.writeHead(302, { Location: '/' }).end(),
      'the receiver answered 302, a redirect, which is not followed: there is no adapter at this URL',
    ],
  ] as [string, Reply, string][])
    it(`fails when the receiver ${what}`, async () => {
      await using receiver = await start(reply)

      const error = await failure(() => verifyEndpoint(at(receiver)))

      expect([error.code, error.message]).to.deep.equal(['ERR_ENDPOINT_UNPROVEN', message])
    })

  it('fails when an old answer is replayed', async () => {
    let recorded = ''
    await using receiver = await start(async (received, response) => {
      recorded ||= await answerOf(received.body)
      response.writeHead(200, { 'Content-Type': 'application/jose' }).end(recorded)
    })

    expect(await outcome(() => verifyEndpoint(at(receiver)))).to.equal('done')
    expect(await outcome(() => verifyEndpoint(at(receiver)))).to.equal('ERR_ENDPOINT_UNPROVEN')
  })

  it('fails where another host passes the challenge on to an adapter that knows its own address', async () => {
    await using receiver = await start(adapter({ origin: 'https://adapter.service.gov.uk' }))

    expect((await failure(() => verifyEndpoint(at(receiver)))).message).to.contain('challenge.endpoint is another host')
  })

  it('fails when the adapter has another key', async () => {
    const other = createKey(Buffer.from('aB3dE6gH9jK2mN5p'))
    await using receiver = await start(async (received, response) => {
      const { plaintext } = await decryptCompact(received.body, parseKeyring(KEY))
      const challenge = parseChallenge(plaintext)
      if (challenge !== undefined)
        response.end(await answerChallenge(challenge, other, { form: 'f', version: '1', path: '/v2/complaint' }))
    })

    expect(await outcome(() => verifyEndpoint(at(receiver)))).to.equal('ERR_ENDPOINT_UNPROVEN')
  })

  for (const status of [429, 500, 503])
    it(`has no result yet when the receiver answers ${status}`, async () => {
      await using receiver = await start(json(status, {}))

      expect(await outcome(() => verifyEndpoint(at(receiver)))).to.equal('ERR_RECEIVER_REFUSED')
    })

  it('sends nothing to an endpoint that is not allowed', async () => {
    await using receiver = await start(adapter())

    expect(await outcome(() => verifyEndpoint(at(receiver, { allowLocal: false })))).to.equal('ERR_ENDPOINT_REFUSED')
    expect(await outcome(() => verifyEndpoint(at(receiver, { key: 'short' })))).to.equal('ERR_KEY_INVALID')
    expect(receiver.received).to.deep.equal([])
  })
})

/** Answers as an adapter does, with the protocol of the SDK. */
function adapter(more: { origin?: string } = {}): Reply {
  return async (received, response) => {
    try {
      const answer = await answerOf(received.body, more)
      response.writeHead(200, { 'Content-Type': 'application/jose' }).end(answer)
    } catch (error) {
      json(422, { detail: (error as Error).message })(received, response, undefined as never)
    }
  }
}

async function answerOf(body: string, more: { origin?: string } = {}): Promise<string> {
  const keyring = parseKeyring(KEY)
  const { plaintext, keyPosition } = await decryptCompact(body, keyring)
  const challenge = parseChallenge(plaintext)
  if (challenge === undefined) throw new Error('no challenge')
  const self = { form: 'complaint', version: '1.2.3', path: '/v2/complaint', ...more }
  return answerChallenge(challenge, keyring.keys[keyPosition] as Key, self)
}
