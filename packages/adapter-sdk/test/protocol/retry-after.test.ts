import { expect } from 'chai'
import { retryAfterSeconds } from '../../src/protocol/index.ts'

const NOW = Date.UTC(2026, 10, 29, 8, 0, 0)

describe('Retry-After', () => {
  for (const [header, seconds, why] of [
    ['0', 0, 'at once'],
    ['120', 120, 'seconds'],
    [' 007\t', 7, 'white space and zeros'],
    ['99999999999', 99_999_999_999, 'many seconds'],
    ['Sun, 29 Nov 2026 08:00:30 GMT', 30, 'the form in use'],
    ['Sunday, 29-Nov-26 08:00:30 GMT', 30, 'the form of RFC 850'],
    ['Sun Nov 29 08:00:30 2026', 30, 'the form of C, in UTC whatever the zone of the machine'],
    ['Tue Dec  1 08:00:00 2026', 172_800, 'the form of C, a day of one digit'],
    ['Friday, 31-Dec-99 23:59:59 GMT', 0, 'two digits of a year that has passed'],
    ['Sun, 29 Nov 2026 07:00:00 GMT', 0, 'a date that has passed'],
    ['Wed, 29 Feb 2028 00:00:00 GMT', 39_456_000, 'a leap day'],
    [undefined, undefined, 'missing'],
    ['', undefined, 'empty'],
    ['-5', undefined, 'negative'],
    ['+5', undefined, 'a sign'],
    ['1.5', undefined, 'a fraction'],
    ['1e3', undefined, 'an exponent'],
    ['0x10', undefined, 'hexadecimal'],
    ['120, 60', undefined, 'two values'],
    ['120s', undefined, 'a unit'],
    ['2026-11-29T08:00:30Z', undefined, 'an ISO date'],
    ['Sun, 29 Nov 2026 08:00:30 +0000', undefined, 'a zone other than GMT'],
    ['Mon, 30 Feb 2026 08:00:00 GMT', undefined, 'a day that does not exist'],
    ['Sun, 29 Nov 2026 25:00:00 GMT', undefined, 'an hour that does not exist'],
    ['soon', undefined, 'a word'],
    ['١٢٠', undefined, 'digits of another script'],
  ] as const)
    it(`reads "${header}" as ${seconds}: ${why}`, () => {
      expect(retryAfterSeconds(header, NOW)).to.equal(seconds)
    })
})
