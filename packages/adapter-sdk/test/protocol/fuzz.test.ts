import { expect } from 'chai'
import fc from 'fast-check'
import { decryptCompact, encryptCompact, parseKeyring, parseSubmission } from '../../src/protocol/index.ts'
import { runs } from '../runs.ts'
import { outcome } from './outcome.ts'

const keyring = parseKeyring('Xk2fQ9wLs7TgBzR4')
const RUNS = runs(6000)

/** Whatever arrives, the answer is one of ours. */
describe('whatever arrives', () => {
  it('as bytes, the parser accepts it or refuses it with its own code', async () => {
    await forAll(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        jsonLike.map((text) => Buffer.from(text)),
      ),
      (bytes) => parseSubmission(bytes),
    )
  })

  it('as JSON, the parser accepts it or refuses it with its own code', async () => {
    await forAll(
      fc.oneof(
        fc.json({ maxDepth: 2 }),
        envelopes.map((value) => JSON.stringify(value)),
      ),
      (text) => parseSubmission(Buffer.from(text)),
    )
  })

  it('as a token, decrypting answers with one of two codes', async () => {
    await forAll(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), tokenLike), (text) =>
      decryptCompact(text, keyring),
    )
  })

  it('as a genuine token of anything, both doors hold', async () => {
    const key = keyring.keys[0]
    if (key === undefined) throw new Error('a keyring has a key')

    await forAll(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        envelopes.map((value) => Buffer.from(JSON.stringify(value))),
      ),
      async (bytes) => {
        const { plaintext } = await decryptCompact(await encryptCompact(bytes, key), keyring)
        parseSubmission(plaintext)
      },
    )
  })

  it('is sometimes accepted, so that the doors are reached', async () => {
    const accepted = fc
      .sample(envelopes, { numRuns: 300, seed: 1 })
      .map((value) => outcome(() => parseSubmission(Buffer.from(JSON.stringify(value)))))

    expect(new Set(await Promise.all(accepted))).to.deep.equal(new Set(['accepted', 'ERR_SUBMISSION_INVALID']))
  })
})

async function forAll<T>(arbitrary: fc.Arbitrary<T>, run: (input: T) => unknown): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, async (input) => {
      expect(await outcome(() => run(input))).to.be.oneOf([
        'accepted',
        'ERR_SUBMISSION_INVALID',
        'ERR_JWE_INVALID',
        'ERR_JWE_DECRYPTION_FAILED',
      ])
    }),
    { numRuns: RUNS },
  )
}

const names = fc.constantFrom(
  'serviceSlug',
  'submissionId',
  'submissionAnswers',
  'attachments',
  'url',
  '__proto__',
  'x',
)

/** Text made of the pieces of JSON, in any order. */
const jsonLike = fc
  .array(fc.oneof(fc.constantFrom(...'{}[]:,"\\', '\\u', '\\ud800', 'null', '1e999', '-0', '\u2028'), names), {
    maxLength: 60,
  })
  .map((pieces) => pieces.join(''))

/** Values that are close to a submission. */
const anything = fc.oneof(
  fc.string(),
  fc.constant(null),
  fc.integer(),
  fc.boolean(),
  fc.object({ maxDepth: 1, maxKeys: 2 }),
)
const envelopes = fc.record(
  {
    serviceSlug: fc.oneof({ weight: 5, arbitrary: fc.constant('form') }, anything),
    submissionId: fc.oneof({ weight: 5, arbitrary: fc.uuid() }, anything),
    submissionAnswers: fc.oneof(
      { weight: 5, arbitrary: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 }) },
      anything,
    ),
    attachments: fc.oneof(
      anything,
      fc.array(
        fc.record(
          { url: anything, encryption_key: anything, encryption_iv: fc.string(), filename: anything },
          { requiredKeys: [] },
        ),
      ),
    ),
  },
  { requiredKeys: ['submissionAnswers'] },
)

/** Five segments or nearly, of base64url or nearly, under headers of every kind. */
const headers = fc
  .oneof(
    fc.constant('{"alg":"dir","enc":"A128GCM"}'),
    fc.json({ maxDepth: 2 }),
    fc
      .record(
        {
          alg: fc.constantFrom('dir', 'A128KW', 1),
          enc: fc.constantFrom('A128GCM', 'A256GCM', 'A128CBC-HS256', {}),
          zip: fc.constant('DEF'),
        },
        { requiredKeys: ['alg', 'enc'] },
      )
      .map((header) => JSON.stringify(header)),
  )
  .map((text) => Buffer.from(text).toString('base64url'))
const encoded = (length: number) =>
  fc
    .oneof(fc.uint8Array({ minLength: length, maxLength: length }), fc.uint8Array({ maxLength: 40 }))
    .map((bytes) => Buffer.from(bytes).toString('base64url'))
const tokenLike = fc
  .tuple(
    headers,
    fc.oneof({ weight: 9, arbitrary: fc.constant('') }, encoded(8)),
    encoded(12),
    encoded(20),
    encoded(16),
    fc.constantFrom('', '', '', '', '.', ' ', '='),
  )
  .map(([header, key, iv, ciphertext, tag, end]) => [header, key, iv, ciphertext, tag].join('.') + end)
