/** The form "Make a complaint": a row of each. */
import { defineForm } from '@formbuilder/adapter-sdk'
import { answers, optional, text } from '@formbuilder/adapter-sdk/answers'
import { spreadsheet } from './spreadsheet.ts'

/** The questions whose answers become columns. */
const QUESTIONS = ['yourname_text_1', 'yourcomplaint_textarea_1', 'youremail_email_1'] as const

export function complaint(file: string) {
  const rows = spreadsheet(file, [...QUESTIONS, 'files'])
  return defineForm({
    path: '/v2/complaint',
    // A submission that has its row gets no other one.
    repeatable: true,
    answers: answers({
      yourname_text_1: text,
      yourcomplaint_textarea_1: text,
      youremail_email_1: optional(text),
    }),
    async handle({ submissionId, submissionAnswers }, { attachments, receivedAt, signal }) {
      const files = attachments.map(({ url }) => url).join(' ')
      const cells = [...QUESTIONS.map((question) => submissionAnswers[question] ?? ''), files]
      await rows.add({ submissionId, cells, receivedAt }, signal)
      return { reference: submissionId }
    },
  })
}
