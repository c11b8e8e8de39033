import { createCipheriv, createHmac } from 'node:crypto'
import { expect } from 'chai'
import { CompactEncrypt } from 'jose'
import { createKey, decryptCompact, encryptCompact, type Keyring, parseKeyring } from '../../src/protocol/index.ts'
import { complaint, outcome } from './outcome.ts'
import { otherJwe, requests, rubyJwe } from './vectors.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const OTHER_KEY = 'aB3dE6gH9jK2mN5p'
const LONG_KEY = 'Xk2fQ9wLs7TgBzR4mN8vJc1HdYpE3uAq'
const keyring = parseKeyring(KEY)
const longKeyring = parseKeyring(LONG_KEY)

describe('a compact JWE', () => {
  describe('made by others', () => {
    it('is decrypted when ruby-jwe made it', async () => {
      const [vector] = rubyJwe.filter(({ name }) => name === 'short')

      expect(await decryptText(vector?.token ?? '', parseKeyring(vector?.key ?? ''))).to.equal('{"a":1}')
    })

    it('is refused when ruby-jwe compressed it', async () => {
      const [vector] = rubyJwe.filter(({ name }) => name === 'compressed')

      const run = () => decryptCompact(vector?.token ?? '', parseKeyring(vector?.key ?? ''))

      expect(await outcome(run)).to.equal('ERR_JWE_INVALID')
      expect(await complaint(run)).to.equal('zip is not accepted')
    })

    for (const { source, keyBase64url, plaintext, token } of otherJwe)
      it(`is decrypted: ${source}`, async () => {
        const { keys } = { keys: [createKey(Buffer.from(keyBase64url, 'base64url'))] }

        expect(await decryptText(token, { keys })).to.equal(plaintext)
      })

    for (const [name, expected] of [
      ['post-complaint-ok', 'accepted'],
      ['post-feedback-ok', 'accepted'],
      ['post-ok-application-jose', 'accepted'],
      ['post-trailing-slash', 'accepted'],
      ['post-json-array', 'accepted'],
      ['post-empty-object', 'accepted'],
      ['post-nonempty-encrypted-key', 'ERR_JWE_INVALID'],
      ['post-plain-json', 'ERR_JWE_INVALID'],
      ['post-tampered-ciphertext', 'ERR_JWE_DECRYPTION_FAILED'],
      ['post-short-tag', 'ERR_JWE_INVALID'],
      ['post-trailing-newline', 'ERR_JWE_INVALID'],
      ['post-alg-a128kw', 'ERR_JWE_INVALID'],
    ] as const)
      it(`of the recorded request ${name} is ${expected}`, async () => {
        const request = requests.find((one) => one.name === name)

        expect(await outcome(() => decryptCompact(request?.body ?? '', parseKeyring(request?.key ?? '')))).to.equal(
          expected,
        )
      })

    it('of every recorded request has its expectation above', () => {
      expect(requests).to.have.length(12)
    })
  })

  describe('of ours', () => {
    it('looks byte for byte as the sender makes it: header, empty key, sizes', async () => {
      const [header, encryptedKey, iv, ciphertext, tag] = (await encryptCompact('{"a":1}', one(keyring))).split('.')

      expect(header).to.equal('eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0')
      expect(encryptedKey).to.equal('')
      expect([iv?.length, ciphertext?.length, tag?.length]).to.deep.equal([16, 10, 22])
    })

    it('has a new initialization vector each time', async () => {
      const tokens = await Promise.all(Array.from({ length: 200 }, () => encryptCompact('same', one(keyring))))

      expect(new Set(tokens.map((token) => token.split('.')[2])).size).to.equal(200)
    })

    for (const [enc, ring, header] of [
      ['A128GCM', keyring, '{"alg":"dir","enc":"A128GCM"}'],
      ['A256GCM', longKeyring, '{"alg":"dir","enc":"A256GCM"}'],
      ['A128CBC-HS256', longKeyring, '{"alg":"dir","enc":"A128CBC-HS256"}'],
    ] as const)
      it(`comes back, encrypted with ${enc}`, async () => {
        const token = await encryptCompact('Café ☕', one(ring), { enc })

        expect(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).to.equal(header)
        expect(await decryptText(token, ring)).to.equal('Café ☕')
      })

    it('uses A256GCM with a key of 32 bytes', async () => {
      expect(await encryptCompact('x', one(longKeyring))).to.match(/^eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0\.\./)
    })

    it('may be empty inside', async () => {
      expect(await decryptText(await encryptCompact('', one(keyring)), keyring)).to.equal('')
    })

    for (const [enc, ring] of [
      ['A256GCM', keyring],
      ['A128CBC-HS256', keyring],
      ['A128GCM', longKeyring],
    ] as const)
      it(`is not made with ${enc} and a key of ${one(ring).bytes.byteLength} bytes`, async () => {
        expect(await outcome(() => encryptCompact('x', one(ring), { enc }))).to.equal('ERR_KEY_INVALID')
      })
  })

  describe('and the keyring', () => {
    it('tells which key fitted', async () => {
      const rotated = parseKeyring(KEY, [LONG_KEY, OTHER_KEY])

      const positions = []
      for (const key of rotated.keys) {
        const { keyPosition } = await decryptCompact(await encryptCompact('x', key), rotated)
        positions.push(keyPosition)
      }

      expect(positions).to.deep.equal([0, 1, 2])
    })

    it('names the newest of two equal keys', async () => {
      const twice = parseKeyring(KEY, [KEY])

      expect((await decryptCompact(await encryptCompact('x', one(keyring)), twice)).keyPosition).to.equal(0)
    })

    it('is refused when no key fits', async () => {
      const token = await encryptCompact('x', one(parseKeyring(OTHER_KEY)))

      expect(await outcome(() => decryptCompact(token, parseKeyring(KEY, [LONG_KEY])))).to.equal(
        'ERR_JWE_DECRYPTION_FAILED',
      )
    })

    for (const enc of ['A128GCM', 'A256GCM', 'A128CBC-HS256'] as const)
      it(`tries every key on a token of ${enc}, also after one fitted and where none can fit`, async () => {
        const asked: number[] = []
        const ring = watched([KEY, LONG_KEY, KEY, LONG_KEY], asked)
        const fitting = one(enc === 'A128GCM' ? keyring : longKeyring)
        const token = await encryptCompact('x', fitting, { enc })
        const forged = `${token.slice(0, -8)}AAAAAAAA`.replace(/.$/, 'A')

        await decryptCompact(token, ring)
        const whenGenuine = asked.splice(0)
        await outcome(() => decryptCompact(forged, ring))

        // The keys whose length fits are all used; what the others would cost is done with a random key.
        expect(whenGenuine).to.deep.equal(enc === 'A128GCM' ? [0, 2] : [1, 3])
        expect(asked).to.deep.equal(whenGenuine)
      })
  })

  describe('that is not one', () => {
    // 9 bytes fill their base64url exactly, so that a stray character cannot be one more byte.
    const valid = () => encryptCompact('{"a":123}', one(keyring))

    // What Project Wycheproof tries on symmetric JWEs, written anew for direct encryption.
    const changes: [string, (segments: string[]) => string[], string][] = [
      ['a changed tag', (s) => replace(s, 4, changeFirst), 'ERR_JWE_DECRYPTION_FAILED'],
      ['a tag changed at its end', (s) => replace(s, 4, changeLastByte), 'ERR_JWE_DECRYPTION_FAILED'],
      ['a tag that is too long', (s) => replace(s, 4, (tag) => lengthen(tag, 2)), 'ERR_JWE_INVALID'],
      ['a tag without its last byte', (s) => replace(s, 4, (tag) => shorten(tag, 1)), 'ERR_JWE_INVALID'],
      ['a tag without its last 4 bytes', (s) => replace(s, 4, (tag) => shorten(tag, 4)), 'ERR_JWE_INVALID'],
      ['a tag without its last 8 bytes', (s) => replace(s, 4, (tag) => shorten(tag, 8)), 'ERR_JWE_INVALID'],
      ['a tag of 1 byte (CVE-2025-54887)', (s) => replace(s, 4, (tag) => shorten(tag, 15)), 'ERR_JWE_INVALID'],
      ['no tag', (s) => replace(s, 4, () => ''), 'ERR_JWE_INVALID'],
      ['no tag and no dot before it', (s) => s.slice(0, 4), 'ERR_JWE_INVALID'],
      ['a changed ciphertext', (s) => replace(s, 3, changeFirst), 'ERR_JWE_DECRYPTION_FAILED'],
      ['a longer ciphertext', (s) => replace(s, 3, (text) => lengthen(text, 1)), 'ERR_JWE_DECRYPTION_FAILED'],
      ['a shorter ciphertext', (s) => replace(s, 3, (text) => shorten(text, 1)), 'ERR_JWE_DECRYPTION_FAILED'],
      ['no ciphertext', (s) => replace(s, 3, () => ''), 'ERR_JWE_DECRYPTION_FAILED'],
      ['no ciphertext and no dot before it', (s) => s.toSpliced(3, 1), 'ERR_JWE_INVALID'],
      ['a changed IV', (s) => replace(s, 2, changeFirst), 'ERR_JWE_DECRYPTION_FAILED'],
      ['an IV of 8 bytes', (s) => replace(s, 2, (iv) => shorten(iv, 4)), 'ERR_JWE_INVALID'],
      ['an IV of 16 bytes', (s) => replace(s, 2, (iv) => lengthen(iv, 4)), 'ERR_JWE_INVALID'],
      ['no IV', (s) => replace(s, 2, () => ''), 'ERR_JWE_INVALID'],
      ['no IV and no dot before it', (s) => s.toSpliced(2, 1), 'ERR_JWE_INVALID'],
      ['an encrypted key', (s) => replace(s, 1, () => 'AAAA'), 'ERR_JWE_INVALID'],
      ['no encrypted key and no dot before it', (s) => s.toSpliced(1, 1), 'ERR_JWE_INVALID'],
      ['no header', (s) => replace(s, 0, () => ''), 'ERR_JWE_INVALID'],
      ['no header and no dot after it', (s) => s.slice(1), 'ERR_JWE_INVALID'],
      ['a sixth segment', (s) => [...s, ''], 'ERR_JWE_INVALID'],
      ['an empty text', () => [], 'ERR_JWE_INVALID'],
      ['dots only', () => ['', '', '', '', ''], 'ERR_JWE_INVALID'],
      ['the JSON serialization', (s) => [JSON.stringify({ protected: s[0], iv: s[2] })], 'ERR_JWE_INVALID'],
      ['iv and tag exchanged', (s) => [s[0] ?? '', '', s[4] ?? '', s[3] ?? '', s[2] ?? ''], 'ERR_JWE_INVALID'],
    ]
    for (const [name, change, expected] of changes)
      it(`is refused: ${name}`, async () => {
        const segments = (await valid()).split('.')

        expect(await outcome(() => decryptCompact(change(segments).join('.'), keyring))).to.equal(expected)
      })

    for (const segment of [0, 2, 3, 4])
      for (const [name, spoil] of [
        ['a space in it', (text: string) => `${text.slice(0, 4)} ${text.slice(4)}`],
        ['a tab in it', (text: string) => `${text.slice(0, 4)}\t${text.slice(4)}`],
        ['a line break at its end', (text: string) => `${text}\n`],
        ['a line break before it', (text: string) => `\r\n${text}`],
        ['padding', (text: string) => `${text}=`],
        ['double padding', (text: string) => `${text}==`],
        ['a stray character at its end', (text: string) => `${text}A`],
        ['the other alphabet', (text: string) => `${text.slice(0, -1)}+`],
        ['the other alphabet in its middle', (text: string) => `${text.slice(0, 3)}/${text.slice(4)}`],
        ['a letter that is not ASCII', (text: string) => `${text.slice(0, 3)}ä${text.slice(4)}`],
        ['a letter that looks like ASCII', (text: string) => `${text.slice(0, 3)}а${text.slice(4)}`],
        ['a null character', (text: string) => `${text}\u0000`],
      ] as const)
        it(`is refused: segment ${segment} with ${name}`, async () => {
          const segments = (await valid()).split('.')

          const token = replace(segments, segment, spoil).join('.')

          expect(await outcome(() => decryptCompact(token, keyring))).to.equal('ERR_JWE_INVALID')
        })

    it('is refused with stray bits after the last byte of its tag', async () => {
      const token = await valid()
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const stray = alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]

      expect(await outcome(() => decryptCompact(token.slice(0, -1) + stray, keyring))).to.equal('ERR_JWE_INVALID')
    })

    it('is refused quickly when it is nothing but dots', async () => {
      expect(await outcome(() => decryptCompact('.'.repeat(4_000_000), keyring))).to.equal('ERR_JWE_INVALID')
    })

    for (const [name, header, expected] of [
      ['another order', '{"enc":"A128GCM","alg":"dir"}', 'none'],
      ['white space', '{ "alg": "dir", "enc": "A128GCM" }', 'none'],
      ['typ, cty and kid', '{"alg":"dir","enc":"A128GCM","typ":"JWE","cty":"json","kid":"1"}', 'none'],
      [
        'members that only mean something to other algorithms',
        headerWith('"p2c":2147483647,"p2s":"AAAAAAAAAAA","epk":{}'),
        'none',
      ],
      ['links that nobody follows', headerWith('"jku":"https://127.0.0.1:1/","x5u":"https://127.0.0.1:1/"'), 'none'],
      ['zip', headerWith('"zip":"DEF"'), 'zip is not accepted'],
      ['zip null', headerWith('"zip":null'), 'zip is not accepted'],
      ['zip of another kind', headerWith('"zip":"GZIP"'), 'zip is not accepted'],
      ['crit', headerWith('"crit":["exp"],"exp":1'), 'crit is not accepted'],
      ['crit that names what is known', headerWith('"crit":["alg"]'), 'crit is not accepted'],
      ['an empty crit', headerWith('"crit":[]'), 'crit is not accepted'],
      ['alg twice', '{"alg":"dir","alg":"dir","enc":"A128GCM"}', 'an object repeats a name'],
      ['alg twice, once escaped', '{"\\u0061lg":"A128KW","alg":"dir","enc":"A128GCM"}', 'an object repeats a name'],
      ['no alg', '{"enc":"A128GCM"}', 'alg is not dir'],
      ['no enc', '{"alg":"dir"}', 'enc is not accepted'],
      ['alg A128KW', '{"alg":"A128KW","enc":"A128GCM"}', 'alg is not dir'],
      ['alg A128GCMKW', '{"alg":"A128GCMKW","enc":"A128GCM"}', 'alg is not dir'],
      ['alg PBES2', '{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000,"p2s":"AAAA"}', 'alg is not dir'],
      ['alg RSA-OAEP', '{"alg":"RSA-OAEP","enc":"A128GCM"}', 'alg is not dir'],
      ['alg ECDH-ES', '{"alg":"ECDH-ES","enc":"A128GCM"}', 'alg is not dir'],
      ['alg none', '{"alg":"none","enc":"A128GCM"}', 'alg is not dir'],
      ['alg in capitals', '{"alg":"DIR","enc":"A128GCM"}', 'alg is not dir'],
      ['alg in an array', '{"alg":["dir"],"enc":"A128GCM"}', 'alg is not dir'],
      ['enc A192GCM', '{"alg":"dir","enc":"A192GCM"}', 'enc is not accepted'],
      ['enc none', '{"alg":"dir","enc":"none"}', 'enc is not accepted'],
      ['enc from the prototype', '{"alg":"dir","enc":"constructor"}', 'enc is not accepted'],
      ['enc in an array', '{"alg":"dir","enc":["A128GCM"]}', 'enc is not accepted'],
      ['enc A256GCM for a key of 16 bytes', '{"alg":"dir","enc":"A256GCM"}', 'no key fits, or the token was changed'],
      ['alg inherited', '{"__proto__":{"alg":"dir"},"enc":"A128GCM"}', 'an object has a member named __proto__'],
      ['an array', '["alg","dir","enc","A128GCM"]', 'the header is not an object'],
      ['null', 'null', 'the header is not an object'],
      ['no JSON', 'alg=dir', 'not JSON'],
      ['a byte order mark', '\ufeff{"alg":"dir","enc":"A128GCM"}', 'not JSON: it begins with a byte order mark'],
      ['deep nesting', headerWith(`"x":${'['.repeat(50)}${']'.repeat(50)}`), 'the JSON is nested deeper than 4'],
      ['a long text', headerWith(`"x":"${'x'.repeat(2000)}"`), 'the header is too long'],
    ] as const)
      it(`with ${name} in its header meets the objection: ${expected}, though the key is right`, async () => {
        expect(await complaint(() => decryptCompact(sealedUnder(header, KEY), keyring))).to.equal(expected)
      })

    it('is refused when its bytes are right and its header is not UTF-8', async () => {
      const token = await valid()
      const header = Buffer.concat([
        Buffer.from('{"alg":"dir","enc":"A128GCM","x":"'),
        Buffer.of(0xff),
        Buffer.from('"}'),
      ])

      const forged = token.replace(/^[^.]*/, header.toString('base64url'))

      expect(await complaint(() => decryptCompact(forged, keyring))).to.equal('not valid UTF-8')
    })

    it('is not opened as GCM when it was sealed as CBC, or the other way round', async () => {
      const gcm = await encryptCompact('x', one(longKeyring), { enc: 'A256GCM' })
      const cbc = await encryptCompact('x', one(longKeyring), { enc: 'A128CBC-HS256' })
      const [gcmHeader, cbcHeader] = [gcm.split('.')[0] ?? '', cbc.split('.')[0] ?? '']

      const outcomes = [
        await outcome(() => decryptCompact(gcm.replace(gcmHeader, cbcHeader), longKeyring)),
        await outcome(() => decryptCompact(cbc.replace(cbcHeader, gcmHeader), longKeyring)),
      ]

      expect(outcomes).to.deep.equal(['ERR_JWE_INVALID', 'ERR_JWE_INVALID'])
    })

    it('gives one answer for padding and for tag, so CBC is no oracle', async () => {
      const segments = (await encryptCompact('0123456789abcdef', one(longKeyring), { enc: 'A128CBC-HS256' })).split('.')
      const brokenPadding = replace(segments, 3, changeLastByte).join('.')
      const brokenTag = replace(segments, 4, changeFirst).join('.')
      const genuineTagBrokenPadding = sealedCbcWithoutPadding(LONG_KEY)

      const said = []
      for (const token of [brokenPadding, brokenTag, genuineTagBrokenPadding])
        said.push(await complaint(() => decryptCompact(token, longKeyring)))

      expect(new Set(said)).to.deep.equal(new Set(['no key fits, or the token was changed']))
    })

    it('is refused before it is inflated (CVE-2024-28180)', async () => {
      const bomb = await new CompactEncrypt(Buffer.alloc(20_000_000))
        .setProtectedHeader({ alg: 'dir', enc: 'A128GCM', zip: 'DEF' })
        .encrypt(one(keyring).keyObject)

      expect(bomb.length).to.be.below(30_000)
      expect(await complaint(() => decryptCompact(bomb, keyring))).to.equal('zip is not accepted')
    })
  })
})

async function decryptText(token: string, ring: Keyring): Promise<string> {
  return Buffer.from((await decryptCompact(token, ring)).plaintext).toString()
}

function one(ring: Keyring) {
  const [key] = ring.keys
  if (key === undefined) throw new Error('a keyring has a key')
  return key
}

/** A keyring that notes whose KeyObject is asked for. */
function watched(texts: [string, ...string[]], asked: number[]): Keyring {
  const [current, ...previous] = texts
  return {
    keys: parseKeyring(current, previous).keys.map((key, position) => ({
      bytes: key.bytes,
      get keyObject() {
        asked.push(position)
        return key.keyObject
      },
    })),
  }
}

/** A genuine AES-GCM token under any header, by `node:crypto` alone. */
function sealedUnder(header: string, key: string): string {
  const aad = Buffer.from(header).toString('base64url')
  const iv = Buffer.alloc(12, 7)
  const cipher = createCipheriv('aes-128-gcm', Buffer.from(key), iv).setAAD(Buffer.from(aad))
  const ciphertext = Buffer.concat([cipher.update('{"a":1}'), cipher.final()])
  return [aad, '', ...[iv, ciphertext, cipher.getAuthTag()].map((bytes) => bytes.toString('base64url'))].join('.')
}

/** A token of A128CBC-HS256 whose tag is genuine and whose plaintext has no padding, by `node:crypto` alone (RFC 7518 section 5.2). */
function sealedCbcWithoutPadding(text: string): string {
  const key = Buffer.from(text)
  const aad = Buffer.from('{"alg":"dir","enc":"A128CBC-HS256"}').toString('base64url')
  const iv = Buffer.alloc(16, 7)
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv).setAutoPadding(false)
  const ciphertext = Buffer.concat([cipher.update(Buffer.alloc(32, 0xee)), cipher.final()])
  const bits = Buffer.alloc(8)
  bits.writeUInt32BE(aad.length * 8, 4)
  const tag = createHmac('sha256', key.subarray(0, 16))
    .update(Buffer.concat([Buffer.from(aad), iv, ciphertext, bits]))
    .digest()
    .subarray(0, 16)
  return [aad, '', ...[iv, ciphertext, tag].map((bytes) => bytes.toString('base64url'))].join('.')
}

function headerWith(members: string): string {
  return `{"alg":"dir","enc":"A128GCM",${members}}`
}

function replace(segments: string[], index: number, change: (segment: string) => string): string[] {
  return segments.with(index, change(segments[index] ?? ''))
}

function changeFirst(segment: string): string {
  return (segment.startsWith('A') ? 'B' : 'A') + segment.slice(1)
}

function changeLastByte(segment: string): string {
  const bytes = Buffer.from(segment, 'base64url')
  bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.byteLength - 1)
  return bytes.toString('base64url')
}

function shorten(segment: string, bytes: number): string {
  return Buffer.from(segment, 'base64url').subarray(0, -bytes).toString('base64url')
}

function lengthen(segment: string, bytes: number): string {
  return Buffer.concat([Buffer.from(segment, 'base64url'), Buffer.alloc(bytes)]).toString('base64url')
}
