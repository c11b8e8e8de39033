/** The form "Make a complaint": its path, its answers, and how each submission becomes a case. */
import { defineForm, PermanentError } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { openCase } from './case-system.ts'

export const complaint = defineForm({
  // The endpoint that you enter in Form Builder ends with this path.
  path: '/v2/complaint',

  // The case system recognises a key that it has seen, so handling a submission twice does no harm. If yours does not: false.
  repeatable: true,

  // The ids of the questions in your form. You can use any Standard Schema here: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourcomplaint_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Return to report success. A thrown error is retried for days, except a PermanentError, which waits for a person.
  async handle({ submissionId, submissionAnswers }, { attachments, signal }) {
    const reference = await openCase(
      {
        key: submissionId,
        name: submissionAnswers.yourname_text_1,
        complaint: submissionAnswers.yourcomplaint_textarea_1,
        date: submissionAnswers.itsdate_date_1,
        files: attachments.map((file) => file.url),
      },
      signal,
    )
    if (reference === undefined) throw new PermanentError('the case system refused the complaint')
    return { reference }
  },
})
