/** A form: its path, its answers, and how each submission becomes an e-mail. */
import { defineForm } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { findEmail, sendEmail } from '../notify.ts'

export const complaintForm = defineForm({
  // The endpoint that you enter in Form Builder ends with this path.
  path: '/v2/complaint',

  // Notify does not recognise a reference that it has seen: it would send a second e-mail. So it is asked first, by `confirm`.
  repeatable: false,
  timeoutSeconds: 60,

  // The ids of the questions in your form. You can use any Standard Schema here: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourmessage_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Return to report success. A thrown error is retried for days. A PermanentError waits for a person, and says that nothing was
  // sent; an UncertainError says that it may have been: then `confirm` is asked.
  async handle({ submissionId, submissionAnswers }, { attachments, signal }) {
    const { yourname_text_1: name, yourmessage_textarea_1: message, itsdate_date_1: date = '' } = submissionAnswers
    const files = attachments.map((file) => file.url)
    return { reference: await sendEmail(submissionId, { name, message, date, files }, signal) }
  },

  async confirm({ submissionId }, { signal }) {
    const reference = await findEmail(submissionId, signal)
    return reference === undefined ? undefined : { reference }
  },
})
