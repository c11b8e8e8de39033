import { expect } from 'chai'
import { isNhsNumber } from '../src/nhs-number.ts'

describe('NHS number', () => {
  for (const valid of ['9000000009', '9000000017', '9434765919', '9476719931', '4010232137']) {
    it(`${valid} is one`, () => expect(isNhsNumber(valid)).to.equal(true))
  }

  // 1000000010 would need the check digit 10, which no number has.
  for (const invalid of ['9000000008', '900000000', '90000000090', '9000000009 ', 'abcdefghij', '', '1000000010']) {
    it(`"${invalid}" is none`, () => expect(isNhsNumber(invalid)).to.equal(false))
  }
})
