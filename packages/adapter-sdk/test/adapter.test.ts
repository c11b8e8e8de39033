import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { PermanentError } from '../src/errors.ts'
import { startTestAdapter, type TestAdapter } from '../src/testing/index.ts'

describe('an adapter', () => {
  const handled: unknown[] = []
  let adapter: TestAdapter

  before(async () => {
    adapter = await startTestAdapter(
      createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            async handle(submission) {
              if ((submission.submissionAnswers as { fail?: boolean }).fail) throw new PermanentError('no team')
              handled.push(submission)
              return { reference: '492233' }
            },
          },
          comment: { path: '/v2/comment', repeatable: true, handle: async () => undefined },
        },
      }),
    )
  })
  after(() => adapter.stop())

  it('warns at its start of each form that does not say whether it is repeatable', () => {
    const warned = adapter.events.flatMap((event) => (event.event === 'form.unspecified' ? [event.form] : []))

    expect(warned).to.deep.equal(['complaint'])
  })

  it('handles a submission once, however often it is sent', async () => {
    const submissionId = crypto.randomUUID()

    const first = await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { a: 'b' } })
    const second = await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { a: 'b' } })
    const record = await adapter.ended(submissionId)

    expect([first.status, first.body]).to.deep.equal([201, { submissionId, status: 'accepted' }])
    expect([second.status, second.body]).to.deep.equal([200, { submissionId, status: 'duplicate' }])
    expect(record).to.include({ state: 'delivered', reference: '492233', attempts: 1 })
    expect(handled).to.deep.equal([{ serviceSlug: 'test-form', submissionId, submissionAnswers: { a: 'b' } }])
  })
})
