import { expect } from 'chai'
import { opticsAdvice } from '../src/advice.ts'
import { OPTICS_ERRORS } from '../src/errors.ts'

describe('the advice on codes of Optics', () => {
  for (const byExternalId of [true, false])
    it(`is there for each code, ${byExternalId ? 'with' : 'without'} ExternalId`, () => {
      expect(Object.keys(opticsAdvice({ byExternalId })).sort()).to.deep.equal(Object.keys(OPTICS_ERRORS).sort())
    })

  it('never names ExternalId, or an ID to search for, where none is sent', () => {
    for (const [code, text] of Object.entries(opticsAdvice({ byExternalId: false }))) {
      expect(text, code).not.to.match(/ExternalId|by its submission ID|the adapter looks for the case/)
      if (OPTICS_ERRORS[code as keyof typeof OPTICS_ERRORS].end === 'uncertain')
        expect(text, code).to.contain('Search Optics for the case first')
    }
  })

  it('says that the adapter looks for the case, where it does', () => {
    for (const [code, text] of Object.entries(opticsAdvice({ byExternalId: true })))
      if (OPTICS_ERRORS[code as keyof typeof OPTICS_ERRORS].end === 'uncertain')
        expect(text, code)
          .to.contain('the adapter looks for the case by its ExternalId')
          .and.not.contain('Search Optics')
  })
})
