import type { Context } from '@formbuilder/adapter-sdk'
import { expect } from 'chai'
import { feedback } from '../../src/index.ts'
import { startOpticsStandIn } from '../../src/stand-in/index.ts'
import { complaintWith, field, map, recorded, recordedAs } from '../mapping.ts'
import { client, KEYS, SUBMISSION_ID } from '../optics-client.ts'

const FILES = ['complaint-v2', 'comment-v2', 'feedback-v2', 'enquiry-v2']

describe('the bodies of createcase', () => {
  for (const file of FILES)
    for (const example of recorded(file))
      it(`are the recorded bytes: ${example.name}`, async () => {
        expect(await map(example)).to.deep.equal({ body: example.expect.opticsRequestBodyRaw })
      })

  it('contain a comment type of "" when none is configured', async () => {
    const example = recordedAs('comment-v2', 'comment-v2-full')
    const { COMMENT_TYPE: _, ...env } = example.env

    expect(await field({ ...example, env }, 'Type')).to.equal('')
  })

  for (const [what, value, sent] of [
    ['null', null, 'null'],
    ['a number', 12.5, '12.5'],
    ['a list', ['a', '<b>'], '["a","\\u003cb\\u003e"]'],
    ['an object', { '&': [1] }, '{"\\u0026":[1]}'],
    ['false', false, 'false'],
    ['line separators', 'a\u2028b\u2029c', '"a\\u2028b\\u2029c"'],
    ['control characters', '\b\t\n\f\r\u0000\u001f\u007f', '"\\b\\t\\n\\f\\r\\u0000\\u001f\u007f"'],
    ['an emoji', '🐑', '"🐑"'],
  ] as const)
    it(`pass on ${what}`, async () => {
      const mapped = await map(complaintWith({ yourcomplaint_textarea_1: value }))

      expect(mapped).to.have.property('body').that.includes(`"Details":${sent},"Reference":""`)
    })

  it('end with the submissionId as ExternalId when cases can be looked up', async () => {
    const example = recordedAs('feedback-v2', 'feedback-v2-full')

    const mapped = await map(example, { externalId: true })

    const plain = example.expect.opticsRequestBodyRaw
    expect(mapped).to.deep.equal({ body: plain.replace(/}$/, ',"ExternalId":"72c49803-e9c3-42ac-bde1-09c04595a2d3"}') })
  })
})

describe('submissions that the Ruby adapter accepts and then fails to deliver', () => {
  it('are refused with the name of the field when a complaint has no team', async () => {
    const mapped = await map(recordedAs('job-failures', 'fail-complaint-no-team'))

    expect(mapped).to.deep.equal({ refused: ['courtortribunalyourcomplaintisabout_autocomplete_1'] })
  })

  // The SDK decides whether a list of attachments may be null and which members an attachment may have. The mapping
  // accepts both.
  for (const [name, documents] of [
    ['fail-complaint-attachments-null', 0],
    ['fail-complaint-attachment-unknown-key', 1],
  ] as const)
    it(`become cases when no required answer is missing: ${name}`, async () => {
      const mapped = await map(recordedAs('job-failures', name))

      expect(mapped).to.have.property('body')
      expect((mapped as { body: string }).body.match(/"Document\d+\.URL"/g) ?? []).to.have.length(documents)
    })

  it('are refused when there are no answers', async () => {
    expect(await map(recordedAs('job-failures', 'fail-comment-no-answers'))).to.deep.equal({ refused: [''] })
  })
})

describe('a case that Optics made and did not name', () => {
  it('is a warning in the log, where that is allowed', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('case-then-answer', { body: '<createcaseresponse><team>IN</team></createcaseresponse>' })
    const logged: unknown[] = []
    const log = { warn: (about: object, message: string) => logged.push([about, message]) }
    const context = { signal: new AbortController().signal, receivedAt: new Date(), attachments: [], log }
    const form = feedback(client(standIn.url, { caseId: 'optional' }))
    const submission = { serviceSlug: 'feedback', submissionId: SUBMISSION_ID, submissionAnswers: {} }

    const outcome = await form.handle(submission, { ...context, acting: async () => undefined } as unknown as Context)

    expect(outcome).to.deep.equal({})
    expect(logged).to.deep.equal([[{ event: 'optics.case.unnamed' }, 'optics.case.unnamed']])
  })
})
