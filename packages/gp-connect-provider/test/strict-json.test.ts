import { expect } from 'chai'
import fc from 'fast-check'
import { decodeUtf8, parseStrictJson } from '../src/strict-json.ts'

describe('strict JSON', () => {
  it('returns what JSON.parse returns for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)

        // null and undefined are equivalent, because callers need an object.
        expect(parseStrictJson(text, 20) ?? null).to.deep.equal(JSON.parse(text))
      }),
    )
  })

  for (const [text, why] of [
    ['{"a":1,"a":2}', 'a name twice'],
    ['{"a":1,"a":1}', 'a name twice with the same value'],
    ['{"a":1,"\\u0061":2}', 'a name twice, once escaped'],
    ['{"x":[{"a":1,"b":{},"a":2}]}', 'a name twice in a nested object'],
    ['{"__proto__":1,"__proto__":2}', 'an inherited name twice'],
    ['', 'an empty text'],
    ['{"a":1', 'no end'],
    ['{"a":1}{', 'trailing text'],
    ['{"a":"\u0000"}', 'a control character'],
    ['"', 'half a string'],
    ['{"a\\":1}', 'a name that does not end'],
    ['\ufeff{}', 'a byte order mark'],
  ] as const) {
    it(`refuses ${why}`, () => expect(parseStrictJson(text, 20)).to.equal(undefined))
  }

  for (const [text, why] of [
    ['{"a":{"a":{"a":1}}}', 'the same name in nested objects'],
    ['[{"a":1},{"a":2}]', 'the same name in two objects'],
    ['{"a":"a:b:c","b":"{}[]"}', 'structure inside a string'],
    ['{"a\\"":"\\\\","b":"\\"a\\":"}', 'escaped quotes'],
    ['{"__proto__":{"x":1}}', 'an inherited name'],
  ] as const) {
    it(`accepts ${why}`, () => expect(parseStrictJson(text, 20)).to.deep.equal(JSON.parse(text)))
  }

  it('does not change any prototype', () => {
    const value = parseStrictJson('{"__proto__":{"polluted":true}}', 20) as object

    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype)
    expect('polluted' in {}).to.equal(false)
  })

  it('limits nesting exactly', () => {
    expect(parseStrictJson(`${'['.repeat(20)}${']'.repeat(20)}`, 20)).to.not.equal(undefined)
    expect(parseStrictJson(`${'['.repeat(21)}${']'.repeat(21)}`, 20)).to.equal(undefined)
    expect(parseStrictJson(`${'{"a":'.repeat(21)}1${'}'.repeat(21)}`, 20)).to.equal(undefined)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(decodeUtf8(Buffer.from('caf\u00e9'))).to.equal('caf\u00e9')
    expect(decodeUtf8(Buffer.from([0x22, 0xe9, 0x22]))).to.equal(undefined)
    expect(decodeUtf8(Buffer.from([0xed, 0xa0, 0x80]))).to.equal(undefined)
    expect(decodeUtf8(Buffer.from([0xc0, 0x80]))).to.equal(undefined)
  })
})
