import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import manifest from '../../package.json' with { type: 'json' }
import { createAdapter } from '../../src/adapter.ts'
import { createChallenge, verifyAnswer } from '../../src/protocol/challenge.ts'
import { generateKey, type Key, parseKeyring } from '../../src/protocol/keyring.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'
import { postAsSender } from '../../src/testing/sender.ts'

describe('the proof of an endpoint', () => {
  const previousKey = generateKey(16)
  let adapter: TestAdapter
  let endpoint: URL

  before(async () => {
    const handle = async () => undefined
    const forms = { complaint: { path: '/v2/complaint', handle }, comment: { path: '/v2/comment', handle } }
    adapter = await startTestAdapter(createAdapter({ version: '1.4.2', forms }), {
      environment: { HOST: 'adapter.service.gov.uk', JWE_PREVIOUS_KEYS: previousKey },
    })
    endpoint = new URL('https://adapter.service.gov.uk/v2/complaint')
  })
  after(() => adapter.stop())

  const post = (jwe: string, path = '/v2/complaint') =>
    postAsSender({ port: adapter.running.port, ca: adapter.certificate.cert }, path, jwe)

  it('names the form, the version and the origin to a sender that holds the key', async () => {
    const { challenge, jwe } = await createChallenge(adapter.key, endpoint)

    const answer = await post(jwe)

    expect([answer.status, answer.headers['content-type']]).to.deep.equal([200, 'application/jose'])
    expect(await verifyAnswer(answer.text, challenge, adapter.key)).to.deep.equal({
      form: 'complaint',
      version: '1.4.2',
      origin: 'https://adapter.service.gov.uk',
    })
  })

  it('names the form of the path that received the challenge', async () => {
    const { challenge, jwe } = await createChallenge(adapter.key, new URL(endpointText('/v2/comment')))

    const proof = await verifyAnswer((await post(jwe, '/v2/comment')).text, challenge, adapter.key)

    expect(proof).to.include({ form: 'comment' })
  })

  it('stores nothing, runs no handler, and emits one event', async () => {
    const { jwe } = await createChallenge(adapter.key, endpoint)
    const before = adapter.events.length

    await post(jwe)

    expect(await adapter.running.ledger.list()).to.have.length(0)
    expect(adapter.handled).to.have.length(0)
    const events = adapter.events.slice(before).filter(({ event }) => !['server', 'store.swept'].includes(event))
    expect(events).to.deep.equal([{ event: 'endpoint.proven', form: 'complaint', keyPosition: 0 }])
  })

  it('answers a challenge under a previous key with that key', async () => {
    const key = parseKeyring(previousKey).keys[0] as Key
    const { challenge, jwe } = await createChallenge(key, endpoint)

    expect(await verifyAnswer((await post(jwe)).text, challenge, key)).to.include({ form: 'complaint' })
  })

  it('does not help a caller that replays a challenge: the answer fits that challenge only', async () => {
    const { jwe } = await createChallenge(adapter.key, endpoint)
    const other = await createChallenge(adapter.key, endpoint)

    const replayed = await post(jwe)

    const refusal = await verifyAnswer(replayed.text, other.challenge, adapter.key).catch((error: unknown) => error)
    expect(refusal).to.include({ code: 'ERR_ENDPOINT_UNPROVEN' })
  })

  it('does not help a caller that replays an answer: it is neither a submission nor a challenge', async () => {
    const { jwe } = await createChallenge(adapter.key, endpoint)
    const answer = await post(jwe)

    expect((await post(answer.text)).status).to.equal(401)
  })

  const tenMinutesAgo = new Date(Date.now() - 600_000)
  const refused: readonly [string, string, Date | undefined, string, string][] = [
    [
      'old',
      endpointText('/v2/complaint'),
      tenMinutesAgo,
      '/v2/complaint',
      'challenge.issuedAt is not within five minutes',
    ],
    ['for another form', endpointText('/v2/comment'), undefined, '/v2/complaint', 'challenge.endpoint is another path'],
    [
      'for another host',
      'https://x.gov.uk/v2/complaint',
      undefined,
      '/v2/complaint',
      'challenge.endpoint is another host',
    ],
  ]
  for (const [what, asked, issuedAt, path, detail] of refused) {
    it(`refuses a challenge that is ${what}`, async () => {
      const { jwe } = await createChallenge(adapter.key, new URL(asked), issuedAt)

      expect((await post(jwe, path)).body).to.include({ status: 422, code: 'ERR_SUBMISSION_INVALID', detail })
    })
  }

  it('gives a caller without the key the same answer as any wrong key', async () => {
    const key = parseKeyring(generateKey(16)).keys[0] as Key
    const { jwe } = await createChallenge(key, endpoint)

    expect([(await post(jwe)).status, (await post(jwe)).body?.['detail']]).to.deep.equal([401, undefined])
  })

  it('accepts a submission that has an answer named challenge', async () => {
    const submissionId = randomUUID()

    const answer = await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { challenge: 'x' } })

    expect([answer.status, (await adapter.ended(submissionId)).state]).to.deep.equal([201, 'delivered'])
  })

  it('names the SDK if the adapter has no version, and no origin if HOST is not set', async () => {
    const plain = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
    await using test = await startTestAdapter(plain)
    const { challenge, jwe } = await createChallenge(test.key, new URL(`${test.url}/v2/complaint`))

    const { text } = await test.request('POST', '/v2/complaint', { body: jwe })

    const proof = await verifyAnswer(text, challenge, test.key)
    expect(proof).to.deep.equal({
      form: 'complaint',
      version: `@formbuilder/adapter-sdk ${manifest.version}`,
      origin: null,
    })
  })
})

function endpointText(path: string): string {
  return `https://adapter.service.gov.uk${path}`
}
