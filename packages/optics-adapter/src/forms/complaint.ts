/** The form for complaints, POST /v2/complaint. */
import { z } from 'zod'
import { DATABASE, documentFields, type Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import { addressAnswer, joinLines } from './address.ts'
import { answer } from './answers.ts'
import { type CaseDetails, opticsForm } from './form.ts'

/** Checks the answers that must be present or have a certain shape. The others may be anything. */
export const complaintAnswers = z.looseObject({
  // Any value, including an empty one, because Optics handles blanks. Refused only when the question is missing.
  courtortribunalyourcomplaintisabout_autocomplete_1: z.unknown().nonoptional(),
  youraddress_address_1: addressAnswer,
})

/** Creates a complaint with its attachments in Optics. */
export function complaint(optics: CaseSystem) {
  return opticsForm({ path: '/v2/complaint', answers: complaintAnswers, fields: complaintFields }, optics)
}

/** The createcase fields of a complaint. */
export function complaintFields(
  answers: z.output<typeof complaintAnswers>,
  { requestDate, attachments }: CaseDetails,
): Fields {
  const team = answers.courtortribunalyourcomplaintisabout_autocomplete_1
  const address = answers.youraddress_address_1
  return {
    Team: team,
    // Optics reads AssignedTeam in production and AssignedTeamSS in UAT.
    AssignedTeam: team,
    AssignedTeamSS: team,
    RequestDate: requestDate,
    Details: answer(answers, 'yourcomplaint_textarea_1'),
    Reference: answer(answers, 'casenumber_text_1'),
    db: DATABASE,
    Type: 'Complaint',
    Format: 'json',
    RequestMethod: 'Online - gov.uk',
    PartyContextManageCases: 'Main',
    'Customer.FirstName': answer(answers, 'yourname_text_1'),
    'Customer.Surname': answer(answers, 'yourname_text_2'),
    'Customer.Email': answer(answers, 'youremailaddress_email_1'),
    'Customer.Phone': answer(answers, 'yourphonenumber_text_1'),
    'Customer.Address': joinLines([address.address_line_one, address.address_line_two]),
    'Customer.Town': answer(address, 'city'),
    'Customer.County': answer(address, 'county'),
    'Customer.Postcode': answer(address, 'postcode'),
    Impact: answer(answers, 'howhasthisaffectedyou_textarea_1'),
    ActionRequested: answer(answers, 'whatcanwedotoputthisright_textarea_1'),
    ...documentFields(attachments),
  }
}
