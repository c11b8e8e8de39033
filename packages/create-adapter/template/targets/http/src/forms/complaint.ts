/** A form: its path, its answers, and how each submission becomes a case. */
import { defineForm } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { openCase } from '../case-system.ts'

export const complaintForm = defineForm({
  // The endpoint that you enter in Form Builder ends with this path.
  path: '/v2/complaint',

  // The case system recognises a key that it has seen, so handling a submission twice does no harm. If yours does not: false.
  repeatable: true,

  // The ids of the questions in your form. You can use any Standard Schema here: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourmessage_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Return to report success. A thrown error is retried for days. A PermanentError waits for a person, and says that no case was
  // made; an UncertainError says that there may be one; a RetryError says when to come back.
  async handle({ submissionId, submissionAnswers }, { attachments, signal }) {
    const { yourname_text_1: name, yourmessage_textarea_1: message, itsdate_date_1: date } = submissionAnswers
    const files = attachments.map((file) => file.url)
    return { reference: await openCase(submissionId, { name, message, date, files }, signal) }
  },
})
