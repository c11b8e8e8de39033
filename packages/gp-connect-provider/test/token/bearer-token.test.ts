import { expect } from 'chai'
import fc from 'fast-check'
import { bearerToken, decodeJsonPart, isUnsecuredHeader, splitToken } from '../../src/token/bearer-token.ts'

describe('bearer token', () => {
  it('decodes the example of the specification', () => {
    const { header, payload, signature, count } = splitToken(
      'eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL3gifQ.',
    )

    expect(isUnsecuredHeader(header)).to.equal(true)
    expect(decodeJsonPart(payload)).to.deep.equal({ iss: 'https://x' })
    expect({ signature, count }).to.deep.equal({ signature: '', count: 3 })
  })

  for (const [token, count] of [
    ['', 1],
    ['a', 1],
    ['a.b', 2],
    ['a.b.', 3],
    ['..', 3],
    ['a.b.c.', 4],
    ['a.b..', 4],
  ] as const) {
    it(`"${token}" has ${count} parts`, () => expect(splitToken(token).count).to.equal(count))
  }

  for (const [authorization, token] of [
    ['Bearer a.b.', 'a.b.'],
    ['bearer a.b.', 'a.b.'],
    ['Bearer   a.b.', 'a.b.'],
    ['Bearer ', undefined],
    ['Bearer', undefined],
    ['Bearera.b.', undefined],
    ['Basic a', undefined],
    [' Bearer a', undefined],
  ] as const) {
    it(`"${authorization}" has ${token ?? 'no token'}`, () => expect(bearerToken(authorization)).to.equal(token))
  }

  it('accepts exactly one encoding of any bytes', () => {
    fc.assert(
      fc.property(
        fc.object({ maxDepth: 2 }),
        fc.nat(),
        fc.constantFrom('+', '/', '=', ' ', '\n', 'A', '_'),
        (value, at, character) => {
          const part = Buffer.from(JSON.stringify(value)).toString('base64url')
          const other = part.slice(0, at % part.length) + character + part.slice((at % part.length) + 1)
          const decoded = decodeJsonPart(other)

          expect(decodeJsonPart(part)).to.not.equal(undefined)
          // If the text decodes, encoding the result must give the same text.
          if (decoded !== undefined) expect(Buffer.from(other, 'base64url').toString('base64url')).to.equal(other)
        },
      ),
    )
  })

  for (const [part, why] of [
    [`${Buffer.from('{"a":1}').toString('base64')}`, 'padding'],
    ['eyJhIjoxfR', 'leftover bits'],
    [`${Buffer.from('{"ab":12}').toString('base64url')}A`, 'an impossible length'],
    ['eyJh Ijoxf', 'a space'],
    [Buffer.from('{"a":"\u00ff\u00fe?>"}', 'latin1').toString('base64'), 'plain base64 of invalid UTF-8'],
    [Buffer.from('{"a":"???"}').toString('base64').replace(/=+$/, ''), 'characters of plain base64'],
    ['', 'an empty text'],
  ] as const) {
    it(`refuses ${why}`, () => expect(decodeJsonPart(part)).to.equal(undefined))
  }
})
