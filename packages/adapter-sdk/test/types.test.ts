import { type } from 'arktype'
import { expect } from 'chai'
import * as v from 'valibot'
import { z } from 'zod'
import { type address, answers, type checkboxes, date, number, optional, radios, text } from '../src/answers.ts'
import { type Answers, createAdapter, defineForm, type Form } from '../src/index.ts'

/** Holds when two types are the same, neither wider nor narrower. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>): void {}

// The compiler checks these: a line that must not compile has `@ts-expect-error`, which is itself an error if the line
// compiles.
describe('the types of an adapter', () => {
  it("give every handler the answers of its own form's schema, whichever library made it", () => {
    const adapter = createAdapter({
      forms: {
        zod: {
          path: '/zod',
          answers: z.object({ name_text_1: z.string(), age_number_1: z.coerce.number() }),
          async handle({ submissionAnswers, submissionId }, { attachments, signal, attempt, log, previousReference }) {
            same<typeof submissionAnswers, { name_text_1: string; age_number_1: number }>(true)
            same<typeof previousReference, string | undefined>(true)
            log.info({ submissionId, attempt, files: attachments.length }, 'making a case')
            signal.throwIfAborted()
            // @ts-expect-error: no such answer
            submissionAnswers.nickname_text_1
            // @ts-expect-error: the attachments are read-only
            attachments.push()
          },
          async confirm({ submissionAnswers }) {
            same<typeof submissionAnswers, { name_text_1: string; age_number_1: number }>(true)
            return undefined
          },
        },
        valibot: {
          path: '/valibot',
          answers: v.object({ name_text_1: v.string() }),
          async handle({ submissionAnswers }) {
            same<typeof submissionAnswers, { name_text_1: string }>(true)
            // @ts-expect-error: no such answer
            submissionAnswers.nickname_text_1
          },
        },
        arktype: {
          path: '/arktype',
          answers: type({ name_text_1: 'string' }),
          async handle({ submissionAnswers }) {
            same<typeof submissionAnswers, { name_text_1: string }>(true)
            // @ts-expect-error: no such answer
            submissionAnswers.nickname_text_1
          },
        },
        helpers: {
          path: '/helpers',
          answers: answers({
            name_text_1: text,
            phone_number_1: number,
            born_date_1: optional(date),
            how_radios_1: radios(['Post', 'Email']),
          }),
          async handle({ submissionAnswers }) {
            type Expected = {
              readonly name_text_1: string
              readonly phone_number_1: number | string
              readonly how_radios_1: 'Post' | 'Email'
            } & {
              readonly born_date_1?: string | undefined
            }
            same<typeof submissionAnswers, { [Name in keyof Expected]: Expected[Name] }>(true)
            // @ts-expect-error: a telephone number stays text
            submissionAnswers.phone_number_1.toFixed()
            // @ts-expect-error: it may have been left blank
            submissionAnswers.born_date_1.length
            // @ts-expect-error: not an option
            return submissionAnswers.how_radios_1 === 'Fax' ? { reference: '1' } : undefined
          },
        },
        'no-schema': {
          path: '/no-schema',
          async handle({ submissionAnswers }) {
            same<typeof submissionAnswers, Readonly<Record<string, unknown>>>(true)
            // @ts-expect-error: its type is not known without a schema
            submissionAnswers['name_text_1'].length
          },
        },
      },
    })
    expect(adapter.forms).to.deep.equal(['zod', 'valibot', 'arktype', 'helpers', 'no-schema'])
  })

  it('are the same for a form in its own file', () => {
    const complaint = defineForm({
      path: '/v2/complaint',
      answers: z.object({ name_text_1: z.string() }),
      async handle({ submissionAnswers }) {
        same<typeof submissionAnswers, { name_text_1: string }>(true)
        // @ts-expect-error: no such answer
        return { reference: submissionAnswers.nickname_text_1 }
      },
    })
    const plain = defineForm({
      path: '/plain',
      async handle({ submissionAnswers }) {
        same<typeof submissionAnswers, Readonly<Record<string, unknown>>>(true)
      },
    })
    const annotated: Form<z.ZodType<{ name_text_1: string }>> = complaint
    const mixed = {
      path: '/mixed',
      answers: answers({ a: text }),
      async handle(submission: { submissionAnswers: Answers<typeof complaint.answers & object> }) {
        return { reference: submission.submissionAnswers.name_text_1 }
      },
    }

    expect(createAdapter({ forms: { complaint, plain } }).forms).to.have.length(2)
    expect(createAdapter({ forms: { annotated } }).forms).to.have.length(1)
    // @ts-expect-error: the handler expects other answers than the schema returns
    createAdapter({ forms: { mixed } })
  })

  it('refuse what cannot work', () => {
    const path = '/v2/complaint'
    const handle = async () => undefined
    const wrong = [
      // @ts-expect-error: no path
      () => createAdapter({ forms: { complaint: { handle } } }),
      // @ts-expect-error: no handler
      () => createAdapter({ forms: { complaint: { path } } }),
      // @ts-expect-error: no forms
      () => createAdapter({}),
      // @ts-expect-error: a list of forms has no names
      () => createAdapter({ forms: [{ path, handle }] }),
      // @ts-expect-error: the outcome of a handler is `reference`
      () => createAdapter({ forms: { complaint: { path, handle: async () => ({ id: '1' }) } } }),
      // @ts-expect-error: a reference is a string
      () => createAdapter({ forms: { complaint: { path, handle: async () => ({ reference: 1 }) } } }),
      // @ts-expect-error: a handler is asynchronous
      () => createAdapter({ forms: { complaint: { path, handle: () => ({ reference: '1' }) } } }),
      // @ts-expect-error: not a schema
      () => createAdapter({ forms: { complaint: { path, handle, answers: { name_text_1: 'string' } } } }),
      // @ts-expect-error: not one of the three
      () => createAdapter({ forms: { complaint: { path, handle, repeatable: 'never' } } }),
      // @ts-expect-error: confirm returns an outcome or undefined, not a boolean
      () => createAdapter({ forms: { complaint: { path, handle, confirm: async () => true } } }),
      // @ts-expect-error: there is nothing to acknowledge
      () => defineForm({ path, handle: async (_submission, context) => context.ack() }),
      // @ts-expect-error: a schema inside `answers` is a Standard Schema
      () => answers({ name_text_1: String }),
      // @ts-expect-error: the answer to checkboxes is a list
      () => same<Answers<ReturnType<typeof checkboxes<'a'>>>, 'a'>(true),
      // @ts-expect-error: an address has no line three
      () => same<Answers<typeof address>['address_line_three'], string>(true),
    ]
    expect(wrong).to.have.length(14)
  })
})
