import { expect } from 'chai'
import { contentCodings, headerWords, isForwardedHttps } from '../src/header-values.ts'

describe('a header value', () => {
  for (const [value, words] of [
    [undefined, []],
    ['', []],
    [' , ,', []],
    ['Gzip', ['gzip']],
    ['a,b , C', ['a', 'b', 'c']],
    ['a;q=1, b', ['a;q=1', 'b']],
  ] as const)
    it(`${JSON.stringify(value)} is the list ${JSON.stringify(words)}`, () =>
      expect(headerWords(value)).to.deep.equal(words))

  for (const [value, codings] of [
    [undefined, []],
    ['', []],
    ['Identity', []],
    ['aws-chunked', []],
    ['AWS-CHUNKED, identity', []],
    ['aws-chunked,GZIP', ['gzip']],
    ['x-gzip, br', ['x-gzip', 'br']],
    ['gzipped', ['gzipped']],
  ] as const)
    it(`${JSON.stringify(value)} of Content-Encoding names ${JSON.stringify(codings)}`, () =>
      expect(contentCodings(value)).to.deep.equal(codings))

  for (const [value, isHttps] of [
    ['https', true],
    ['HttpS', true],
    ['https, https', true],
    ['http,https', true],
    ['https, http', false],
    ['https ,http ,', false],
    ['wss', false],
    ['', false],
    [undefined, false],
  ] as const)
    it(`${JSON.stringify(value)} of X-Forwarded-Proto ${isHttps ? 'means' : 'does not mean'} https`, () =>
      expect(isForwardedHttps(value)).to.equal(isHttps))
})
