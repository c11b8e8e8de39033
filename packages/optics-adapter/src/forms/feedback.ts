/** The form for feedback, POST /v2/feedback. */
import type { Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { type Answers, answer, anyAnswers } from './answers.ts'
import { type CaseDetails, opticsForm } from './form.ts'

/** Creates a feedback case in Optics. */
export function feedback(optics: CaseSystem) {
  return opticsForm({ path: '/v2/feedback', answers: anyAnswers, fields: feedbackFields }, optics)
}

/** The createcase fields of feedback. */
export function feedbackFields(answers: Answers, { requestDate }: CaseDetails): Fields {
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
