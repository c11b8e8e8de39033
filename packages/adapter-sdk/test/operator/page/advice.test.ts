import { expect } from 'chai'
import { ERRORS } from '../../../src/errors.ts'
import { type AdvisedForm, advisor } from '../../../src/operator/page/advice.ts'

const FORMS: ReadonlyMap<string, AdvisedForm> = new Map([
  ['plain', {}],
  ['asking', { confirm: async () => undefined }],
  ['repeating', { repeatable: true }],
  ['advised', { advice: { ERR_TEAM: 'Add the team, then redrive.' } }],
])
const advise = advisor(FORMS)

describe('advice on a dead letter', () => {
  it("is the form's own, where it has some for the code", () => {
    expect(advise({ form: 'advised', code: 'ERR_TEAM', uncertain: true, reason: 'no team' }).todo).to.equal(
      'Add the team, then redrive.',
    )
  })

  it("is the form's own for the code that the last retry failed with", () => {
    const reason = '5 attempts failed, the last with ERR_TEAM: no team'

    expect(advise({ form: 'advised', code: 'ERR_RETRIES_EXHAUSTED', uncertain: false, reason }).todo)
      .to.match(/^All retries failed\. /)
      .and.to.match(/ The last attempt failed with ERR_TEAM: Add the team, then redrive\.$/)
  })

  for (const [form, said, unsaid] of [
    ['plain', 'the adapter cannot ask for it. Search the case system first', /asks it for the case first|does no harm/],
    [
      'unknown',
      'the adapter cannot ask for it. Search the case system first',
      /asks it for the case first|does no harm/,
    ],
    ['asking', 'the adapter asks it for the case first', /Search the case system|cannot ask/],
    ['repeating', 'it does no harm to handle a submission again', /Search the case system|asks it for/],
  ] as const)
    it(`says of an uncertain one of a form that is ${form} what the adapter would do`, () => {
      for (const code of ['ERR_OUTCOME_UNCERTAIN', 'ERR_ATTEMPT_TIMEOUT', 'ERR_ELSEWHERE', null]) {
        const { todo } = advise({ form, code, uncertain: true, reason: null })

        expect(todo).to.contain('a case may exist').and.to.contain(said).and.not.to.match(unsaid)
      }
    })

  it('says what to repair of an uncertain one as well', () => {
    const { todo } = advise({ form: 'asking', code: 'ERR_JWE_DECRYPTION_FAILED', uncertain: true, reason: 'x' })

    expect(todo).to.contain('JWE_PREVIOUS_KEYS__ASKING').and.contain('a case may exist')
  })

  it('never speaks of a possible case where there is none, of ids that no case has, or of a duration', () => {
    for (const form of [...FORMS.keys(), 'unknown'])
      for (const code of [...Object.keys(ERRORS), 'ERR_ELSEWHERE', null])
        for (const uncertain of [true, false])
          for (const of of [
            { form, code, uncertain },
            { form, code, uncertain, reason: 'x' },
          ]) {
            const { todo } = advise(of)
            expect(todo).not.to.equal('')
            expect(todo).not.to.match(/ExternalId|submission ID|several days|undefined/)
            if (!uncertain) expect(todo).not.to.contain('uncertain: a case may exist')
          }
  })

  it('speaks of one on its own page, and of several in a group', () => {
    const one = { form: 'plain', code: 'ERR_RETRIES_EXHAUSTED', uncertain: false, reason: 'x' }
    const { reason: _, ...group } = one

    expect(advise(one).todo).not.to.match(/all of them|Open one/)
    expect(advise(group).todo).to.contain('redrive all of them')
    expect(advise({ ...one, code: 'ELSEWHERE' }).todo).to.match(/^Read why its last attempt failed/)
    expect(advise({ ...group, code: 'ELSEWHERE' }).todo).to.match(/^Open one of them and read why/)
  })

  it('of what cannot be decrypted is about keys, and of what is damaged is not', () => {
    expect(advise({ form: 'plain', code: 'ERR_JWE_DECRYPTION_FAILED', uncertain: false }).todo).to.contain('KEYS')
    expect(advise({ form: 'plain', code: 'ERR_JWE_INVALID', uncertain: false }).todo)
      .to.contain('damaged')
      .and.not.contain('KEYS')
  })
})
