import { expect } from 'chai'
import fc from 'fast-check'
import { decryptCompact, encryptCompact, parseKeyring } from '../../src/protocol/index.ts'
import { decryptCompactWithJose } from '../../src/protocol/jwe.ts'
import { runs } from '../runs.ts'
import { outcome } from './outcome.ts'

const keyring = parseKeyring('Xk2fQ9wLs7TgBzR4', ['Xk2fQ9wLs7TgBzR4mN8vJc1HdYpE3uAq'])

const TOKENS = runs(10_000)

const plaintexts = fc.uint8Array({ maxLength: 300 })
// A128CBC-HS256 is left to jose, so there is nothing to compare.
const encodings = fc.constantFrom('A128GCM' as const, 'A256GCM' as const)

describe('decrypting by node:crypto and by jose', () => {
  it('gives the same plaintext and the same key for valid tokens', async () => {
    await fc.assert(
      fc.asyncProperty(plaintexts, encodings, async (plaintext, enc) => {
        const token = await encrypt(plaintext, enc)

        const [ours, reference] = [await decryptCompact(token, keyring), await decryptCompactWithJose(token, keyring)]

        expect(Buffer.from(ours.plaintext)).to.deep.equal(Buffer.from(plaintext))
        expect(Buffer.from(reference.plaintext)).to.deep.equal(Buffer.from(plaintext))
        expect(ours.keyPosition).to.equal(reference.keyPosition)
      }),
      { numRuns: runs(1000) },
    )
  })

  it(`gives the same refusal for ${TOKENS} corrupted tokens, and never an acceptance`, async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(plaintexts, encodings, corruptions, async (plaintext, enc, corrupt) => {
        const genuine = await encrypt(plaintext, enc)
        const token = corrupt(genuine)
        fc.pre(token !== genuine)

        const ours = await outcome(() => decryptCompact(token, keyring))
        const reference = await outcome(() => decryptCompactWithJose(token, keyring))

        seen.add(ours)
        expect(ours).to.equal(reference)
        expect(ours).to.be.oneOf(['ERR_JWE_INVALID', 'ERR_JWE_DECRYPTION_FAILED'])
      }),
      { numRuns: TOKENS },
    )

    expect(seen.size).to.equal(2)
  })
})

const characters = fc.constantFrom(...'ABCxyz019-_+/=. \n\u0000é')

/** Ways to spoil a token: most keep its form, so that they reach the keys. */
const corruptions: fc.Arbitrary<(token: string) => string> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(flipBits) },
  { weight: 2, arbitrary: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), characters).map(replaceAt) },
  { weight: 1, arbitrary: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), characters).map(insertAt) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map(cutAt) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(4), fc.nat(4)).map(exchangeSegments) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(4), fc.nat(40)).map(resizeSegment) },
)

/** Changes one byte of iv, ciphertext or tag and encodes it canonically again. */
function flipBits([at, bits]: [number, number]): (token: string) => string {
  return (token) => {
    const segments = token.split('.')
    const parts = segments.slice(2).map((segment) => Buffer.from(segment, 'base64url'))
    let index = at % parts.reduce((sum, part) => sum + part.byteLength, 0)
    for (const part of parts) {
      if (index >= 0 && index < part.byteLength) part.writeUInt8(part.readUInt8(index) ^ bits, index)
      index -= part.byteLength
    }
    return [...segments.slice(0, 2), ...parts.map((part) => part.toString('base64url'))].join('.')
  }
}

function replaceAt([place, character]: [number, string]): (token: string) => string {
  return (token) => {
    const at = Math.floor(place * (token.length - 1))
    return token.slice(0, at) + character + token.slice(at + 1)
  }
}

function insertAt([place, character]: [number, string]): (token: string) => string {
  return (token) => {
    const at = Math.floor(place * token.length)
    return token.slice(0, at) + character + token.slice(at)
  }
}

function cutAt(place: number): (token: string) => string {
  return (token) => token.slice(0, Math.floor(place * (token.length - 1)))
}

function exchangeSegments([a, b]: [number, number]): (token: string) => string {
  return (token) => {
    const segments = token.split('.')
    return segments
      .with(a, segments[b] ?? '')
      .with(b, segments[a] ?? '')
      .join('.')
  }
}

function resizeSegment([index, size]: [number, number]): (token: string) => string {
  return (token) => token.split('.').with(index, Buffer.alloc(size, index).toString('base64url')).join('.')
}

async function encrypt(plaintext: Uint8Array, enc: 'A128GCM' | 'A256GCM'): Promise<string> {
  const key = keyring.keys[enc === 'A128GCM' ? 0 : 1]
  if (key === undefined) throw new Error('the keyring has two keys')
  return encryptCompact(plaintext, key, { enc })
}
