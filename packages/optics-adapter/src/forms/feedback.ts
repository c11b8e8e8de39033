/** Feedback: POST /v2/feedback. */
import type { Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { type Answers, answer, anyAnswers } from './answers.ts'
import { type Case, opticsForm } from './form.ts'

/** The form that makes feedback cases in Optics. */
export function feedback(optics: CaseSystem) {
  return opticsForm({ path: '/v2/feedback', answers: anyAnswers, fields: feedbackFields }, optics)
}

/** The createcase fields of feedback. */
export function feedbackFields(answers: Answers, { requestDate }: Case): Fields {
  return {
    Type: 'UF144908',
    RequestDate: requestDate,
    RequestMethod: 'Online form',
    'External.RequestDate': requestDate,
    'External.RequestMethod': 'Online form',
    PartyContext: 'Main',
    AssignedTeam: answer(answers, 'whichpartofhmctswereyouincontactwith_autocomplete_1'),
    Details: answer(answers, 'telluswhatwedidwell_textarea_1'),
  }
}
