import { expect } from 'chai'
import fc from 'fast-check'
import {
  answerChallenge,
  type Challenge,
  createChallenge,
  decryptCompact,
  encryptCompact,
  type Key,
  parseChallenge,
  parseKeyring,
  parseSubmission,
  verifyAnswer,
} from '../../src/protocol/index.ts'
import { complaint, outcome } from './outcome.ts'

const key = parseKeyring('Xk2fQ9wLs7TgBzR4').keys[0] as Key
const otherKey = parseKeyring('aB3dE6gH9jK2mN5p').keys[0] as Key
const longKey = parseKeyring('Xk2fQ9wLs7TgBzR4mN8vJc1HdYpE3uAq').keys[0] as Key
const endpoint = new URL('https://adapter.service.gov.uk/v2/complaint')
const now = new Date('2026-01-15T10:20:30Z')
const adapter = { form: 'complaint', version: '1.2.3', path: '/v2/complaint', now }

/** What an adapter does with a posted body: decrypt, see that it is a challenge, answer. */
async function answer(jwe: string, as: Partial<Parameters<typeof answerChallenge>[2]> = {}, with_ = key) {
  const { plaintext } = await decryptCompact(jwe, { keys: [with_] })
  return answerChallenge(parseChallenge(plaintext) as Challenge, with_, { ...adapter, ...as })
}

describe('proof of endpoint', () => {
  for (const [name, holder] of [
    ['16', key],
    ['32', longKey],
  ] as const)
    it(`is given by who holds the key of ${name} bytes: form, version and origin`, async () => {
      const { challenge, jwe } = await createChallenge(holder, endpoint, now)

      const proof = await verifyAnswer(await answer(jwe, { origin: endpoint.origin }, holder), challenge, holder)

      expect(proof).to.deep.equal({ form: 'complaint', version: '1.2.3', origin: 'https://adapter.service.gov.uk' })
    })

  it('says so when the adapter does not know its own origin', async () => {
    const { challenge, jwe } = await createChallenge(key, endpoint, now)

    expect((await verifyAnswer(await answer(jwe), challenge, key)).origin).to.equal(null)
  })

  it('asks a new question each time, and names origin and path only', async () => {
    const asked = await createChallenge(key, new URL('https://a.gov.uk/v2/x?token=secret#part'), now)
    const again = await createChallenge(key, endpoint, now)

    expect(asked.challenge.endpoint).to.equal('https://a.gov.uk/v2/x')
    expect(asked.challenge.issuedAt).to.equal('2026-01-15T10:20:30.000Z')
    expect(asked.challenge.nonce)
      .to.match(/^[\w-]{43}$/)
      .and.not.equal(again.challenge.nonce)
  })

  it('travels like a submission: the header is the sender’s', async () => {
    expect((await createChallenge(key, endpoint)).jwe).to.match(/^eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0\.\./)
  })

  describe('is not given', () => {
    it('by who holds another key', async () => {
      const { jwe } = await createChallenge(key, endpoint, now)

      expect(await outcome(() => answer(jwe, {}, otherKey))).to.equal('ERR_JWE_DECRYPTION_FAILED')
    })

    for (const [why, change] of [
      ['challenge.issuedAt is not within five minutes', { now: new Date('2026-01-15T10:25:31Z') }],
      ['challenge.issuedAt is not within five minutes', { now: new Date('2026-01-15T10:15:29Z') }],
      ['challenge.endpoint is another path', { path: '/v2/comment' }],
      ['challenge.endpoint is another host', { origin: 'https://other.service.gov.uk' }],
      ['none', { now: new Date('2026-01-15T10:25:30Z') }],
      ['none', { origin: 'https://adapter.service.gov.uk' }],
    ] as const)
      it(`or is, by an adapter with ${JSON.stringify(change)}: ${why}`, async () => {
        const { jwe } = await createChallenge(key, endpoint, now)

        expect(await complaint(() => answer(jwe, change))).to.equal(why)
      })

    for (const [what, issuedAt] of [
      ['no time', 'yesterday'],
      ['a time that never comes', '2026-13-45T00:00:00Z'],
    ] as const)
      it(`to a challenge of ${what}`, async () => {
        const challenge = { nonce: 'A'.repeat(43), endpoint: endpoint.href, issuedAt }

        expect(await outcome(() => answerChallenge(challenge, key, adapter))).to.equal('ERR_SUBMISSION_INVALID')
      })

    it('to a challenge for what is no address', async () => {
      const challenge = { nonce: 'A'.repeat(43), endpoint: 'nowhere', issuedAt: now.toISOString() }

      expect(await outcome(() => answerChallenge(challenge, key, adapter))).to.equal('ERR_SUBMISSION_INVALID')
    })
  })

  describe('is not accepted', () => {
    it('when an old answer is repeated to a new challenge', async () => {
      const earlier = await createChallenge(key, endpoint, now)
      const recorded = await answer(earlier.jwe)
      const later = await createChallenge(key, endpoint, now)

      expect(await outcome(() => verifyAnswer(recorded, earlier.challenge, key))).to.equal('accepted')
      expect(await outcome(() => verifyAnswer(recorded, later.challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
    })

    it('when the challenge itself is sent back', async () => {
      const { challenge, jwe } = await createChallenge(key, endpoint, now)

      expect(await outcome(() => verifyAnswer(jwe, challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
    })

    it('when it is encrypted with the shared key itself', async () => {
      const { challenge } = await createChallenge(key, endpoint, now)
      const forged = { answer: { nonce: challenge.nonce, form: 'f', version: '1', origin: null } }

      const jwe = await encryptCompact(JSON.stringify(forged), key)

      expect(await outcome(() => verifyAnswer(jwe, challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
    })

    it('when it comes from who holds another key', async () => {
      const { challenge } = await createChallenge(key, endpoint, now)

      const jwe = await answerChallenge(challenge, otherKey, adapter)

      expect(await outcome(() => verifyAnswer(jwe, challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
    })

    for (const body of ['', 'OK', '{"status":"accepted"}', 'a.b.c.d.e'])
      it(`when the answer is ${JSON.stringify(body)}`, async () => {
        const { challenge } = await createChallenge(key, endpoint, now)

        expect(await outcome(() => verifyAnswer(body, challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
      })

    it('when the answer names no form', async () => {
      const { challenge, jwe } = await createChallenge(key, endpoint, now)

      const nameless = await answer(jwe, { form: '' })

      expect(await outcome(() => verifyAnswer(nameless, challenge, key))).to.equal('ERR_ENDPOINT_UNPROVEN')
    })
  })

  describe('and submissions', () => {
    it('are never taken for each other', async () => {
      const members = fc.dictionary(
        fc.constantFrom('challenge', 'answer', 'serviceSlug', 'submissionId', 'submissionAnswers'),
        fc.oneof(fc.string(), fc.constant({}), fc.constant({ nonce: 'A'.repeat(43), endpoint: 'x', issuedAt: 'y' })),
      )
      const kinds = new Set<string>()
      await fc.assert(
        fc.asyncProperty(members, async (value) => {
          const plaintext = Buffer.from(JSON.stringify(value))
          let challenges = 0
          const asChallenge = await outcome(() => {
            if (parseChallenge(plaintext) !== undefined) challenges++
          })
          const asSubmission = await outcome(() => parseSubmission(plaintext))

          kinds.add(`${challenges} ${asChallenge} ${asSubmission}`)
          expect(challenges === 1 && asSubmission === 'accepted').to.equal(false)
        }),
        { numRuns: 3000 },
      )

      expect(kinds).to.include('1 accepted ERR_SUBMISSION_INVALID')
      expect(kinds).to.include('0 accepted accepted')
    })

    it('keep apart: a challenge is refused as a submission', async () => {
      const { jwe } = await createChallenge(key, endpoint)
      const { plaintext } = await decryptCompact(jwe, { keys: [key] })

      expect(await complaint(() => parseSubmission(plaintext))).to.equal('serviceSlug is missing')
    })

    it('keep apart: an answer decrypts with no key of the form, so it is neither', async () => {
      const { jwe } = await createChallenge(key, endpoint, now)
      const answered = await answer(jwe)

      expect(await outcome(() => decryptCompact(answered, { keys: [key] }))).to.equal('ERR_JWE_DECRYPTION_FAILED')
    })

    for (const [text, problem] of [
      ['{"challenge":1}', 'challenge is not an object'],
      ['{"challenge":{}}', 'challenge.nonce is missing'],
      ['{"challenge":{"nonce":"short"}}', 'challenge.nonce has a character that is not allowed'],
      [`{"challenge":{"nonce":"${'A'.repeat(43)}","endpoint":1}}`, 'challenge.endpoint is not a string'],
      [
        `{"challenge":{"nonce":"${'A'.repeat(43)}","endpoint":"x","issuedAt":"y"},"serviceSlug":"s"}`,
        'a challenge has one member only',
      ],
      ['{"challenge":', 'not JSON'],
      [`{"challenge":"${'x'.repeat(5000)}"}`, 'the JSON is larger than 4096 bytes'],
    ] as const)
      it(`refuse a broken challenge: ${problem}`, async () => {
        expect(await outcome(() => parseChallenge(Buffer.from(text)))).to.equal('ERR_SUBMISSION_INVALID')
        expect(await complaint(() => parseChallenge(Buffer.from(text)))).to.equal(problem)
      })

    for (const text of ['', '{', '{"serviceSlug":"s"}', ' {"challenge":{}}', 'null', '{"challengers":1}'])
      it(`leave ${JSON.stringify(text)} to the submission's parser`, () => {
        expect(parseChallenge(Buffer.from(text))).to.equal(undefined)
      })
  })
})
