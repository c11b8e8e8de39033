/** The form "Make a complaint": its path, its answers, and how each submission becomes a case. */
import { defineForm, PermanentError, UncertainError } from '@formbuilder/adapter-sdk'
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

  // Return to report success. A thrown error is retried for days. A PermanentError waits for a person, and says that no case was
  // made; an UncertainError says that there may be one; a RetryError says when to come back.
  async handle({ submissionId, submissionAnswers }, { attachments, signal }) {
    const { refused, number: reference } = await openCase(
      {
        key: submissionId,
        name: submissionAnswers.yourname_text_1,
        complaint: submissionAnswers.yourcomplaint_textarea_1,
        date: submissionAnswers.itsdate_date_1,
        files: attachments.map((file) => file.url),
      },
      signal,
    )
    // A refusal makes no case, and repeating it cannot help.
    if (refused) throw new PermanentError('the case system refused the complaint')
    // It accepted the complaint and named no case. One may exist: nobody may be told that none was made.
    if (reference === undefined) throw new UncertainError('the case system answered, and named no case')
    return { reference }
  },
})
