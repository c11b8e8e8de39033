import { expect } from 'chai'
import { isAuthorised } from '../src/index.ts'

const CREDENTIALS = { username: 'operator', password: 'pass:wörd' }
// printf 'operator:pass:wörd' | base64
const ENCODED = 'b3BlcmF0b3I6cGFzczp3w7ZyZA=='

describe('isAuthorised', () => {
  for (const header of [`Basic ${ENCODED}`, `basic ${ENCODED}`, `BASIC   ${ENCODED}`])
    it(`accepts ${header}`, () => expect(isAuthorised(header, CREDENTIALS)).to.equal(true))

  for (const [header, what] of [
    [undefined, 'no header'],
    ['', 'an empty header'],
    ['Basic', 'a scheme without credentials'],
    ['Basic b3BlcmF0b3I6cGFzcw==', 'the start of the password'],
    ['Basic T3BlcmF0b3I6cGFzczp3w7ZyZA==', 'a user name in capitals'],
    ['Basic b3BlcmF0b3I=', 'a user name without a password'],
    [`Bearer ${ENCODED}`, 'another scheme'],
    [`Basic ${ENCODED} x`, 'text after the credentials'],
    ['Basic operator:pass:wörd', 'credentials that are not encoded'],
  ] as const)
    it(`refuses ${what}`, () => expect(isAuthorised(header, CREDENTIALS)).to.equal(false))
})
