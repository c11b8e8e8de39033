/** Enquiries: POST /v2/enquiry. */
import type { Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { type Answers, answer, anyAnswers } from './answers.ts'
import { type Case, opticsForm } from './form.ts'

/** The form that makes general enquiries in Optics. */
export function enquiry(optics: CaseSystem) {
  return opticsForm({ path: '/v2/enquiry', answers: anyAnswers, fields: enquiryFields }, optics)
}

// HMCTS' customer investigation team. It takes what comes from a route through the form that never asks for a court;
// a court page left blank sends "", and that is passed on.
const CUSTOMER_INVESTIGATION_TEAM = 'MODELCT478747'

/** The createcase fields of an enquiry. */
export function enquiryFields(answers: Answers, { requestDate }: Case): Fields {
  const team = answer(answers, 'courttribunalorservice_autocomplete_1', CUSTOMER_INVESTIGATION_TEAM)
  return {
    Type: 'HMCTS General enquiry',
    RequestDate: requestDate,
    RequestMethod: 'Online form',
    'Customer.FirstName': answer(answers, 'contactdetails_text_1'),
    'Customer.Surname': answer(answers, 'contactdetails_text_2'),
    // contact-details is another page than contactdetails.
    Reference: answer(answers, 'contact-details_text_1'),
    'Customer.Email': answer(answers, 'usercontactemail_email_1'),
    AssignedTeam: team,
    'Case.ServiceTeam': team,
    Details: answer(answers, 'area_textarea_1'),
  }
}
