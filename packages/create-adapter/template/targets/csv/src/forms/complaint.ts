/** A form: its path, its answers, and how each submission becomes a line of its spreadsheet. */
import { join } from 'node:path'
import { defineForm } from '@formbuilder/adapter-sdk'
import { answers, date, optional, text } from '@formbuilder/adapter-sdk/answers'
import { settings } from '../settings.ts'
import { addRow } from '../spreadsheet.ts'

export const complaintForm = defineForm({
  // The endpoint that you enter in Form Builder ends with this path.
  path: '/v2/complaint',

  // A submission that has its line gets no second one, so handling it twice does no harm.
  repeatable: true,

  // The ids of the questions in your form. You can use any Standard Schema here: zod, valibot, arktype.
  answers: answers({
    yourname_text_1: text,
    yourmessage_textarea_1: text,
    itsdate_date_1: optional(date),
  }),

  // Return to report success. A thrown error is retried for days; a PermanentError waits for a person.
  async handle({ submissionId, submissionAnswers }, { attachments, receivedAt }) {
    const { yourname_text_1: name, yourmessage_textarea_1: message, itsdate_date_1: date = '' } = submissionAnswers
    await addRow(join(settings().CSV_FOLDER, 'complaint.csv'), submissionId, {
      received: receivedAt.toISOString(),
      name,
      message,
      date,
      // Links work for seven days (ATTACHMENT_KEEP_DAYS). `stream()` of a file reads it, to keep it elsewhere.
      files: attachments.map((file) => file.url).join('\n'),
    })
    return { reference: 'complaint.csv' }
  },
})
