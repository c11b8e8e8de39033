/** The form for comments, POST /v2/comment. */
import type { Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { type Answers, answer, anyAnswers } from './answers.ts'
import { type CaseDetails, opticsForm } from './form.ts'

/** Creates a case of the type `commentType` in Optics for each comment. */
export function comment(optics: CaseSystem, commentType: string) {
  const fields = (answers: Answers, details: CaseDetails) => commentFields(answers, details, commentType)
  return opticsForm({ path: '/v2/comment', answers: anyAnswers, fields }, optics)
}

/** The createcase fields of a comment. */
export function commentFields(answers: Answers, { requestDate }: CaseDetails, commentType: string): Fields {
  const team = answer(answers, 'which-contact-with_autocomplete_1')
  return {
    Type: commentType,
    RequestDate: requestDate,
    RequestMethod: 'Online form',
    AssignedTeam: team,
    'Case.ServiceTeam': team,
    Details: answer(answers, 'feedback_textarea_1'),
  }
}
