/** The path of a form, as the compiler and the start see it. */
import { createAdapter, defineForm } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import { expect } from 'chai'

async function handle() {
  return undefined
}

describe('the path of a form', () => {
  const refuses = (create: () => unknown) => expect(create).to.throw().with.property('code', 'ERR_FORM_INVALID')

  it('does not compile where it does not begin with "/", and does not start either', () => {
    // @ts-expect-error
    refuses(() => createAdapter({ forms: { complaint: { path: 'v2/complaint', handle } } }))
    // @ts-expect-error
    refuses(() => createAdapter({ forms: { complaint: defineForm({ path: 'v2/complaint', handle }) } }))
    refuses(() =>
      // @ts-expect-error
      createAdapter({ forms: { complaint: { path: '/v2/complaint', aliases: ['v2/complaint.json'], handle } } }),
    )
  })

  it('may be computed: then it is checked when the adapter is created', () => {
    const path = (text: string): string => text

    expect(createAdapter({ forms: { complaint: { path: path('/v2/complaint'), handle } } }).forms).to.have.length(1)
    refuses(() => createAdapter({ forms: { complaint: { path: path('v2/complaint'), handle } } }))
  })

  it('leaves every handler the types of its own answers', () => {
    const adapter = createAdapter({
      forms: {
        complaint: {
          path: '/v2/complaint',
          aliases: ['/v2/complaint.json'],
          answers: answers({ name_text_1: text }),
          async handle({ submissionAnswers }) {
            const name: string = submissionAnswers.name_text_1
            return { reference: name }
          },
        },
        comment: {
          path: '/v2/comment',
          async handle({ submissionAnswers }) {
            // @ts-expect-error: as sent, and unknown.
            const name: string = submissionAnswers['name_text_1']
            return { reference: name }
          },
        },
      },
    })

    expect([...adapter.paths.values()].flat()).to.deep.equal(['/v2/complaint', '/v2/complaint.json', '/v2/comment'])
  })
})
