/** A form: its path, its answers, and how each submission is saved. */
import { defineForm } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { save } from '../folder.ts'
import { settings } from '../settings.ts'

export const complaintForm = defineForm({
  // The endpoint that you enter in Form Builder ends with this path.
  path: '/v2/complaint',

  // A submission that has its folder gets no second one, so handling it twice does no harm.
  repeatable: true,

  // The ids of the questions in your form. You can use any Standard Schema here: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourmessage_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Return to report success. A thrown error is retried for days; a PermanentError waits for a person.
  async handle({ submissionId, submissionAnswers }, { attachments, receivedAt, signal }) {
    const record = { form: 'complaint', submissionId, receivedAt, answers: submissionAnswers }
    await save(settings().OUTPUT_FOLDER, submissionId, { record, files: attachments, signal })
    return { reference: submissionId }
  },
})
