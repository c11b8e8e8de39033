/** The form for enquiries, POST /v2/enquiry. */
import type { Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { type Answers, answer, anyAnswers } from './answers.ts'
import { type CaseDetails, opticsForm } from './form.ts'

/** Creates a general enquiry in Optics. */
export function enquiry(optics: CaseSystem) {
  return opticsForm({ path: '/v2/enquiry', answers: anyAnswers, fields: enquiryFields }, optics)
}

// The HMCTS customer investigation team. It gets the enquiries from paths through the form that do not ask for a court.
// A court page that was left blank sends "", which is passed on.
const CUSTOMER_INVESTIGATION_TEAM = 'MODELCT478747'

/** The createcase fields of an enquiry. */
export function enquiryFields(answers: Answers, { requestDate }: CaseDetails): Fields {
  const team = answer(answers, 'courttribunalorservice_autocomplete_1', CUSTOMER_INVESTIGATION_TEAM)
  return {
    Type: 'HMCTS General enquiry',
    RequestDate: requestDate,
    RequestMethod: 'Online form',
    'Customer.FirstName': answer(answers, 'contactdetails_text_1'),
    'Customer.Surname': answer(answers, 'contactdetails_text_2'),
    // Not a typing error: contact-details and contactdetails are two pages of the form.
    Reference: answer(answers, 'contact-details_text_1'),
    'Customer.Email': answer(answers, 'usercontactemail_email_1'),
    AssignedTeam: team,
    'Case.ServiceTeam': team,
    Details: answer(answers, 'area_textarea_1'),
  }
}
