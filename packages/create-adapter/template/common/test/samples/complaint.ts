/** A new submission, as Form Builder sends it for this form. */
import { randomUUID } from 'node:crypto'

export function newSubmission() {
  return {
    serviceSlug: 'complaint',
    submissionId: randomUUID(),
    submissionAnswers: {
      yourname_text_1: 'Ada Lovelace',
      yourmessage_textarea_1: 'The office was closed.',
      itsdate_date_1: '30 December 2020',
    },
    attachments: [],
  }
}
