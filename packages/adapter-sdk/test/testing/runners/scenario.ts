import { createAdapter } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'

/** What a team's own test does, whatever runs it: the reference that the handler returned is on record. */
export async function referenceOnRecord(): Promise<string | null> {
  const adapter = createAdapter({
    forms: {
      complaint: {
        path: '/v2/complaint',
        answers: answers({ name_text_1: text }),
        async handle({ submissionAnswers }) {
          return { reference: `case of ${submissionAnswers.name_text_1.length} letters` }
        },
      },
    },
  })
  const test = await startTestAdapter(adapter)
  try {
    const { submissionId } = await test.send('/v2/complaint', { submissionAnswers: { name_text_1: 'Ada' } })
    const { reference } = await test.ended(submissionId)
    return reference
  } finally {
    await test.stop()
  }
}
