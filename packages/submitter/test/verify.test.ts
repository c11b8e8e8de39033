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

  it('succeeds where an adapter holds the key, and tells form and version', async () => {
    await using receiver = await start(adapter())

    expect(await verifyEndpoint(at(receiver))).to.deep.equal({ form: 'complaint', version: '1.2.3', origin: null })
  })

  it('succeeds where the adapter knows its own address', async () => {
    await using receiver = await start((...all) => adapter({ origin: `https://localhost:${receiver.port}` })(...all))

    expect((await verifyEndpoint(at(receiver))).origin).to.equal(`https://localhost:${receiver.port}`)
  })

  it('sends one request, which looks like a submission and carries no address in clear', async () => {
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
      'the receiver answered 401 (Unauthorized): it does not hold this key',
    ],
    ['has no such form', json(404, {}), 'the receiver answered 404: no form receives at this path'],
    [
      'reads the challenge and does not answer it',
      json(422, { detail: 'serviceSlug is missing' }),
      'the receiver answered 422 (serviceSlug is missing): it holds the key, and does not answer this challenge',
    ],
    [
      'accepts whatever comes',
      json(201, { placeholder: true }),
      'the receiver answered 201: it took the challenge for something else, so it is no adapter that can prove itself',
    ],
    ['says that all is well', (_r, response) => response.end('OK'), 'the answer is not from who holds this key'],
    [
      'sends the challenge back',
      ({ body }, response) => response.end(body),
      'the answer is not from who holds this key',
    ],
    [
      'redirects',
      (_r, response) => response.writeHead(302, { Location: '/' }).end(),
      'the receiver answered 302, a redirect, which is not followed: it is no adapter, or not at this address',
    ],
  ] as [string, Reply, string][])
    it(`fails where the receiver ${what}`, async () => {
      await using receiver = await start(reply)

      const error = await failure(() => verifyEndpoint(at(receiver)))

      expect([error.code, error.message]).to.deep.equal(['ERR_ENDPOINT_UNPROVEN', message])
    })

  it('fails where an old answer is played back', async () => {
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

  it('fails where the adapter holds another key', async () => {
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
    it(`cannot tell yet where the receiver answers ${status}`, async () => {
      await using receiver = await start(json(status, {}))

      expect(await outcome(() => verifyEndpoint(at(receiver)))).to.equal('ERR_RECEIVER_REFUSED')
    })

  it('asks nothing of an endpoint that may not have a submission', async () => {
    await using receiver = await start(adapter())

    expect(await outcome(() => verifyEndpoint(at(receiver, { allowLocal: false })))).to.equal('ERR_ENDPOINT_REFUSED')
    expect(await outcome(() => verifyEndpoint(at(receiver, { key: 'short' })))).to.equal('ERR_KEY_INVALID')
    expect(receiver.received).to.deep.equal([])
  })
})

/** An adapter's side, with the same protocol. */
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
