import { expect } from 'chai'
import { isNhsNumber } from '../../src/fhir/nhs-number.ts'

describe('NHS number', () => {
  it('is ten digits with their check digit', () => {
    for (const valid of ['9000000009', '9000000017', '9434765919', '9476719931', '4010232137']) {
      expect(isNhsNumber(valid)).to.equal(true)
    }
  })

  for (const [what, text] of [
    ['a number with a wrong check digit', '9000000008'],
    ['nine digits', '900000000'],
    ['eleven digits', '90000000090'],
    ['a number with a trailing space', '9000000009 '],
    ['letters', 'abcdefghij'],
    ['an empty text', ''],
    // The check digit would have to be ten.
    ['a number that has no valid check digit', '1000000010'],
  ] as const) {
    it(`is not ${what}`, () => expect(isNhsNumber(text)).to.equal(false))
  }
})
