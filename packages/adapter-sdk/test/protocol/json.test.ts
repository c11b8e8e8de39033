import { expect } from 'chai'
import { parseJson } from '../../src/protocol/json.ts'
import { complaint, outcome } from './outcome.ts'

const read = (text: string | Uint8Array, limits?: Parameters<typeof parseJson>[2]) =>
  parseJson(typeof text === 'string' ? Buffer.from(text) : text, 'ERR_SUBMISSION_INVALID', limits)

describe('strict JSON', () => {
  for (const text of [
    'null',
    '"x"',
    '-1.5e3',
    '[]',
    '{}',
    ' {"a" : [1, 2, {"b": "c:d,{[\\"]}"}], "e\\\\": "\\\\\\"", "f": true}\n',
    '{"a":{"x":1},"b":{"x":2}}',
    '{"a":"","":""}',
    '{"constructor":"x","prototype":1,"toString":{}}',
    '{"constructor":{"name":"x"}}',
    '"\\ud83d\\ude00"',
    '{"a":"\\u2028","b":"\u2028"}',
  ])
    it(`reads ${text} as every parser does`, () => {
      expect(read(text)).to.deep.equal(JSON.parse(text))
    })

  for (const [text, why] of [
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['{"a":1,}', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['{"a":NaN}', 'not JSON'],
    ['[1]//', 'not JSON'],
    ['{"a":1}{"a":1}', 'not JSON'],
    ['"\u0001"', 'not JSON'],
    ['\ufeff{}', 'not JSON: it begins with a byte order mark'],
    ['"abc', 'not JSON'],
    ['"abc\\"', 'not JSON'],
    ['{"a":1,"a":1}', 'an object repeats a name'],
    ['{"a":1,"b":{"c":[{"d":1,"e":2,"d":3}]}}', 'an object repeats a name'],
    ['{"a":1,"\\u0061":2}', 'an object repeats a name'],
    ['{"a\\\\":1,"b":":","a\\\\":2}', 'an object repeats a name'],
    ['{"":1,"":2}', 'an object repeats a name'],
    ['{"1":1,"1":2}', 'an object repeats a name'],
    ['{"__proto__":{"admin":true}}', 'an object has a member named __proto__'],
    ['[{"a":{"__proto__":null}}]', 'an object has a member named __proto__'],
    ['{"\\u005f_proto__":1}', 'an object has a member named __proto__'],
    ['{"constructor":{"prototype":{"admin":true}}}', 'an object has a member named constructor that holds prototype'],
    ['"\\ud800"', 'a string holds a lone surrogate'],
    ['["\\udc00\\ud800"]', 'a string holds a lone surrogate'],
    ['{"a":{"b":"x\\udfff"}}', 'a string holds a lone surrogate'],
    ['{"\\ud800":1}', 'a name holds a lone surrogate'],
    ['1e999', 'a number is out of range'],
    ['{"a":-1e400}', 'a number is out of range'],
  ] as const)
    it(`refuses ${text.replace('\ufeff', 'BOM ')}: ${why}`, async () => {
      expect(await outcome(() => read(text))).to.equal('ERR_SUBMISSION_INVALID')
      expect(await complaint(() => read(text))).to.equal(why)
    })

  for (const [bytes, what] of [
    [[0x22, 0xff, 0x22], 'a byte that UTF-8 never has'],
    [[0x22, 0xc0, 0xa2, 0x22], 'an overlong quote'],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 'an encoded surrogate'],
    [[0x22, 0xe2, 0x82, 0x22], 'a character cut short'],
    [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 'a code point beyond Unicode'],
  ] as const)
    it(`refuses ${what}`, async () => {
      expect(await complaint(() => read(Uint8Array.from(bytes)))).to.equal('not valid UTF-8')
    })

  const limits = { sizeBytes: 40, depth: 3, values: 5 }
  for (const [text, why] of [
    [`"${'x'.repeat(38)}"`, 'none'],
    [`"${'x'.repeat(39)}"`, 'the JSON is larger than 40 bytes'],
    [`"${'é'.repeat(20)}"`, 'the JSON is larger than 40 bytes'],
    ['[[[1]]]', 'none'],
    ['[[[[]]]]', 'the JSON is nested deeper than 3'],
    ['{"a":{"b":[{}]}}', 'the JSON is nested deeper than 3'],
    ['"[[[[[["', 'none'],
    ['[1,2,3,4,5]', 'none'],
    ['[1,2,3,4,5,6]', 'the JSON has more than 5 values'],
    ['[[1],[2],[3],[4],[5]]', 'the JSON has more than 5 values'],
    ['[[1],[[2]]]', 'none'],
    ['[[[1],[2]],[]]', 'the JSON has more than 5 values'],
    ['{"a":1,"b":2,"c":3}', 'none'],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}', 'the JSON has more than 5 values'],
    ['",,,,,,,,,,,,,"', 'none'],
  ] as const)
    it(`answers ${text} within bounds of 40 bytes, depth 3 and 5 values: ${why}`, async () => {
      expect(await complaint(() => read(text, limits))).to.equal(why)
    })

  it('bounds a text before it is parsed: what is no JSON is still found too large', async () => {
    const deep = '['.repeat(1_000_000)
    const wide = `[${'1,'.repeat(1_000_000)}`

    expect(await complaint(() => read(deep))).to.equal('the JSON is nested deeper than 32')
    expect(await complaint(() => read(wide))).to.equal('the JSON has more than 20000 values')
  })

  it('takes time that grows with the size only, whatever the escapes', () => {
    const text = JSON.stringify({ a: '\\"'.repeat(500_000), b: '"'.repeat(500_000) })

    expect(read(text)).to.deep.equal(JSON.parse(text))
  })

  it('changes no prototype', async () => {
    for (const text of ['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}'])
      await outcome(() => read(text))

    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined)
  })

  it('never quotes what was sent', async () => {
    for (const text of ['{"a":"SECRET"', '{"SECRET":1,"SECRET":2}', '"SECRET\\ud800"', '{"SECRET\\ud800":1}'])
      expect(await complaint(() => read(text))).not.to.contain('SECRET')
  })

  it('refuses with the code it is given', async () => {
    expect(await outcome(() => parseJson(Buffer.from('{'), 'ERR_JWE_INVALID'))).to.equal('ERR_JWE_INVALID')
  })
})
