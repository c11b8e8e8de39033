/** The form "Make a complaint": where it arrives, what its answers are, and what becomes of it. */
import { defineForm, PermanentError } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { openCase } from './case-system.ts'

export const complaint = defineForm({
  // What Form Builder is given as the endpoint ends in this path.
  path: '/v2/complaint',

  // The ids of the questions, as the form has them. Any Standard Schema does: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourcomplaint_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Resolving is success. What is thrown is retried for days; a PermanentError waits for a person instead.
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
