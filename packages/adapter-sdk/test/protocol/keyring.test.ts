import { inspect } from 'node:util'
import { expect } from 'chai'
import { createKey, generateKey, keyProblem, parseKeyring } from '../../src/protocol/index.ts'
import { complaint, outcome } from './outcome.ts'

const KEY_16 = 'Xk2fQ9wLs7TgBzR4'
const KEY_32 = 'Xk2fQ9wLs7TgBzR4mN8vJc1HdYpE3uAq'

describe('a keyring', () => {
  it('takes the text of a key as its bytes, never as hexadecimal or base64', () => {
    const { keys } = parseKeyring('5d6dc7fc083ea4f0')

    expect(Buffer.from(keys[0]?.bytes ?? []).toString('hex')).to.equal('35643664633766633038336561346630')
  })

  it('keeps the order: the current key first, previous ones as given', () => {
    const { keys } = parseKeyring(KEY_16, [KEY_32, 'aB3dE6gH9jK2mN5p'])

    expect(keys.map((key) => Buffer.from(key.bytes).toString())).to.deep.equal([KEY_16, KEY_32, 'aB3dE6gH9jK2mN5p'])
  })

  for (const [key, problem] of [
    ['', 'is empty'],
    ['8letters', 'is 8 characters long, not 16 or 32'],
    [`${KEY_16}x`, 'is 17 characters long, not 16 or 32'],
    [`${KEY_16}\n`, 'begins or ends with white space (17 characters with it)'],
    [`${KEY_16.slice(1)}\n`, 'begins or ends with white space (16 characters with it)'],
    ['Xk2fQ9wLs7TgBzRé', 'has a character at position 16 that is not visible ASCII'],
    ['Xk2fQ9wLs7 gBzR4', 'has a character at position 11 that is not visible ASCII'],
    ['Xk2fQ9wLs7\u0000gBzR4', 'has a character at position 11 that is not visible ASCII'],
    [Buffer.from(KEY_32).toString('hex'), 'is 64 characters long, not 16 or 32'],
  ] as const)
    it(`refuses a key that ${problem}, and says which`, async () => {
      expect(await outcome(() => parseKeyring(key))).to.equal('ERR_KEY_INVALID')
      expect(await complaint(() => parseKeyring(KEY_16, [KEY_16, key]))).to.equal(`previous key 2 ${problem}`)
    })

  it('names every wrong key at once', async () => {
    const message = await complaint(() => parseKeyring('short', ['', KEY_16, 'shorter']))

    expect(message).to.equal(
      'the current key is 5 characters long, not 16 or 32; previous key 1 is empty; ' +
        'previous key 3 is 7 characters long, not 16 or 32',
    )
  })

  it('shows no key in an inspection, in JSON or in a string', () => {
    const keyring = parseKeyring(KEY_16, [KEY_32])

    const shown = [inspect(keyring, { depth: 9, showHidden: true }), JSON.stringify(keyring), String(keyring.keys[0])]

    expect(shown[0]).to.equal('{ keys: [ [shared key], [shared key], [length]: 2 ] }')
    expect(shown[1]).to.equal('{"keys":["[shared key]","[shared key]"]}')
    for (const text of shown) {
      expect(text).not.to.contain(KEY_16.slice(0, 6))
      expect(text).not.to.contain(Buffer.from(KEY_16).toString('hex').slice(0, 12))
      expect(text).not.to.contain([...Buffer.from(KEY_16)].slice(0, 4).join(','))
    }
  })

  it('keeps its own copy of the bytes', () => {
    const bytes = Buffer.from(KEY_16)
    const key = createKey(bytes)

    bytes.fill(0)

    expect(Buffer.from(key.bytes).toString()).to.equal(KEY_16)
  })

  for (const length of [0, 8, 15, 17, 24, 33, 64])
    it(`refuses ${length} bytes as a key`, async () => {
      expect(await outcome(() => createKey(new Uint8Array(length)))).to.equal('ERR_KEY_INVALID')
    })
})

describe('a generated key', () => {
  for (const length of [16, 32] as const)
    it(`is ${length} letters and digits that a keyring takes`, () => {
      const key = generateKey(length)

      expect(key).to.match(new RegExp(`^[A-Za-z0-9]{${length}}$`))
      expect(parseKeyring(key).keys).to.have.length(1)
      expect(keyProblem(key)).to.equal(undefined)
    })

  it('is another one each time', () => {
    const keys = new Set(Array.from({ length: 500 }, () => generateKey(16)))

    expect(keys.size).to.equal(500)
  })

  it('draws every character of its alphabet equally often', () => {
    const counts = new Map<string, number>()
    for (let i = 0; i < 2000; i++)
      for (const character of generateKey(32)) counts.set(character, (counts.get(character) ?? 0) + 1)

    // Chi-square over 61 degrees of freedom: a fair draw passes 160 less than once in 10^10 runs; one that takes the
    // remainder of a byte (62 does not divide 256) comes to about 480.
    const fair = 64_000 / 62
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - fair) ** 2 / fair, 0)

    expect(counts.size).to.equal(62)
    expect(chiSquare).to.be.below(160)
  })
})

describe('the check of a key', () => {
  for (const [key, problem] of [
    ['aaaaaaaaaaaaaaaa', 'is a shorter text repeated'],
    ['Xk2fQ9wLXk2fQ9wL', 'is a shorter text repeated'],
    ['aabbaabbccddccbb', 'has too few different characters'],
    ['abcdefghijklmnop', 'is mostly a sequence, such as abcd or 4321'],
    ['fedcba9876543210', 'is mostly a sequence, such as abcd or 4321'],
    ['MyPassw0rdXk2fQ9', 'contains a common word'],
    ['5d6dc7fc083ea4f0', 'is 16 hexadecimal characters, which carry only 64 bits; letters and digits carry 95'],
    ['90371846205917359037284615029375', 'is digits only'],
    ['8letters', 'is 8 characters long, not 16 or 32'],
  ] as const)
    it(`says that a key ${problem}`, () => {
      expect(keyProblem(key)).to.equal(problem)
    })

  it('finds nothing wrong with a good key', () => {
    expect([keyProblem(KEY_16), keyProblem(KEY_32)]).to.deep.equal([undefined, undefined])
  })

  it('still accepts a weak key that the live platform uses', async () => {
    expect(await outcome(() => parseKeyring('5d6dc7fc083ea4f0'))).to.equal('accepted')
  })
})
