import { expect } from 'chai'
import { z } from 'zod'
import { checkAnswers } from '../../src/worker/answers-check.ts'

const envelope = (submissionAnswers: Record<string, unknown>) => ({
  serviceSlug: 'test-form',
  submissionId: 'b4ac1f0e-0000-4000-8000-000000000001',
  submissionAnswers,
  attachments: [],
})

describe('the check of answers', () => {
  it('returns the answers as the schema returns them', async () => {
    const checked = await checkAnswers(z.object({ age: z.coerce.number() }), envelope({ age: '66', other: 'x' }))

    expect(checked).to.have.nested.property('submission.submissionAnswers').that.deep.equals({ age: 66 })
  })

  it('returns the answers as they were sent if there is no schema', async () => {
    const checked = await checkAnswers(undefined, envelope({ age: '66' }))

    expect(checked).to.have.nested.property('submission.submissionAnswers').that.deep.equals({ age: '66' })
  })

  it('names the answers that do not fit, and quotes none of them', async () => {
    const schema = z.object({ age: z.number(), name: z.string().max(3), other: z.string() })

    const checked = await checkAnswers(schema, envelope({ name: 'Jarndyce', age: '66' }))

    expect(checked).to.deep.equal({ problem: 'the answers do not fit the schema at: age, name, other' })
  })

  it('names the answers as a whole if no single one is at fault', async () => {
    const checked = await checkAnswers(
      z.looseObject({}).refine(() => false),
      envelope({ name: 'Jarndyce' }),
    )

    expect(checked).to.deep.equal({ problem: 'the answers do not fit the schema at: (the answers as a whole)' })
  })

  it('shortens the names of fields to one piece of a line', async () => {
    const schema = z.record(z.string(), z.number())

    const checked = await checkAnswers(schema, envelope({ [`a\nb${'x'.repeat(200)}`]: 'Jarndyce' }))

    expect(checked).to.deep.equal({ problem: `the answers do not fit the schema at: a\ufffdb${'x'.repeat(97)}` })
  })
})
