import { expect } from 'chai'
import { parseSubmission, submissionJsonSchema } from '../../src/protocol/index.ts'
import { complaint, outcome } from './outcome.ts'
import { incompleteSubmissions } from './vectors.ts'

const LINK = {
  url: 'https://moj-forms-external.s3.eu-west-2.amazonaws.com/1b9d6bcd?X-Amz-Signature=001',
  encryption_key: 'ofMQxgQk3e7aVp5NOZk8aXByEHl6a+7xI9+O4mrssos=',
  encryption_iv: 'ygxI/L47W0laWy8ie8fY9A==',
  mimetype: 'image/png',
  filename: 'a.png',
}
const SUBMISSION = {
  serviceSlug: 'hmcts-complaint-form-eng',
  submissionId: '72c49803-e9c3-42ac-bde1-09c04595a2d3',
  submissionAnswers: { yourname_text_1: 'Ann' },
  attachments: [LINK],
}

const parse = (submission: unknown) => parseSubmission(Buffer.from(JSON.stringify(submission)))
/** The submission with one part exchanged; `undefined` leaves it out. */
const having = (change: Record<string, unknown>) => ({ ...SUBMISSION, ...change })
const havingLink = (change: Record<string, unknown>) => having({ attachments: [LINK, { ...LINK, ...change }] })

describe('a submission', () => {
  it('is read as it was sent', () => {
    expect(parse(SUBMISSION)).to.deep.equal(SUBMISSION)
  })

  it('carries answers of any kind: the form decides what they are', () => {
    const submissionAnswers = {
      a_text_1: '',
      b_address_1: { address_line_one: '1 High St', country: 'United Kingdom' },
      submissionDate: 1577836800000,
      c_null_1: null,
      d_list_1: ['x', 1, true],
      constructor: 'x',
    }

    expect(parse(having({ submissionAnswers })).submissionAnswers).to.deep.equal(submissionAnswers)
  })

  it('may have no answers', () => {
    expect(parse(having({ submissionAnswers: {} })).submissionAnswers).to.deep.equal({})
  })

  for (const attachments of [undefined, null, []])
    it(`has no files when attachments are ${JSON.stringify(attachments) ?? 'absent'}`, () => {
      expect(parse(having({ attachments })).attachments).to.deep.equal([])
    })

  for (const missing of [null, undefined])
    it(`has files without name and type when they are ${missing}`, () => {
      const [, link] = parse(havingLink({ filename: missing, mimetype: missing })).attachments

      expect(link).to.deep.equal({ ...LINK, filename: null, mimetype: null })
    })

  it('ignores members that it does not know', () => {
    const more = { ...havingLink({ size: 123, sha256: { a: 1 } }), schema: 2, meta: { language: 'cy' } }

    expect(parse(more)).to.deep.equal(having({ attachments: [LINK, LINK] }))
  })

  it('leaves the strength of file keys to whoever uses them', async () => {
    expect(await outcome(() => parse(havingLink({ encryption_key: 'short', encryption_iv: '' })))).to.equal('accepted')
  })

  for (const [what, submission, problem] of [
    ['null', null, 'the submission is not an object'],
    ['an array', [SUBMISSION], 'the submission is not an object'],
    ['a string', 'x', 'the submission is not an object'],
    ['a number', 1, 'the submission is not an object'],
    ['an empty object', {}, 'serviceSlug is missing'],
    ['no serviceSlug', having({ serviceSlug: undefined }), 'serviceSlug is missing'],
    ['serviceSlug null', having({ serviceSlug: null }), 'serviceSlug is not a string'],
    ['serviceSlug a number', having({ serviceSlug: 1 }), 'serviceSlug is not a string'],
    ['serviceSlug empty', having({ serviceSlug: '' }), 'serviceSlug is empty'],
    ['a long serviceSlug', having({ serviceSlug: 'x'.repeat(256) }), 'serviceSlug is longer than 255 characters'],
    ['a line break in serviceSlug', having({ serviceSlug: 'a\nb' }), 'serviceSlug has a character that is not allowed'],
    ['U+2028 in serviceSlug', having({ serviceSlug: 'a\u2028b' }), 'serviceSlug has a character that is not allowed'],
    ['no submissionId', having({ submissionId: undefined }), 'submissionId is missing'],
    ['submissionId a number', having({ submissionId: 42 }), 'submissionId is not a string'],
    ['submissionId empty', having({ submissionId: '' }), 'submissionId is empty'],
    ['a long submissionId', having({ submissionId: 'x'.repeat(129) }), 'submissionId is longer than 128 characters'],
    [
      'a header in submissionId',
      having({ submissionId: 'a\r\nb: c' }),
      'submissionId has a character that is not allowed',
    ],
    ['a null in submissionId', having({ submissionId: 'a\0' }), 'submissionId has a character that is not allowed'],
    [
      'a newline after submissionId',
      having({ submissionId: 'a\n' }),
      'submissionId has a character that is not allowed',
    ],
    ['a space in submissionId', having({ submissionId: 'a b' }), 'submissionId has a character that is not allowed'],
    [
      'a terminal escape in submissionId',
      having({ submissionId: '\u001b[2J' }),
      'submissionId has a character that is not allowed',
    ],
    [
      'a C1 control in serviceSlug',
      having({ serviceSlug: 'a\u009bb' }),
      'serviceSlug has a character that is not allowed',
    ],
    ['no submissionAnswers', having({ submissionAnswers: undefined }), 'submissionAnswers is missing'],
    ['submissionAnswers null', having({ submissionAnswers: null }), 'submissionAnswers is not an object'],
    ['submissionAnswers an array', having({ submissionAnswers: [] }), 'submissionAnswers is not an object'],
    ['submissionAnswers a string', having({ submissionAnswers: 'x' }), 'submissionAnswers is not an object'],
    ['attachments an object', having({ attachments: {} }), 'attachments is not an array or null'],
    ['attachments a string', having({ attachments: 'x' }), 'attachments is not an array or null'],
    ['too many attachments', having({ attachments: Array(501).fill(LINK) }), 'attachments has more than 500 elements'],
    ['an attachment null', having({ attachments: [LINK, null] }), 'attachments[1] is not an object'],
    ['an attachment without url', havingLink({ url: undefined }), 'attachments[1].url is missing'],
    ['an attachment with an empty url', havingLink({ url: '' }), 'attachments[1].url is empty'],
    ['an attachment with a url of numbers', havingLink({ url: 1 }), 'attachments[1].url is not a string'],
    ['a file key null', havingLink({ encryption_key: null }), 'attachments[1].encryption_key is not a string'],
    ['a file IV missing', havingLink({ encryption_iv: undefined }), 'attachments[1].encryption_iv is missing'],
    ['a file name that is a number', havingLink({ filename: 1 }), 'attachments[1].filename is not a string or null'],
    ['a file type in an array', havingLink({ mimetype: ['a'] }), 'attachments[1].mimetype is not a string or null'],
  ] as const)
    it(`is refused with ${what}`, async () => {
      expect(await outcome(() => parse(submission))).to.equal('ERR_SUBMISSION_INVALID')
      expect(await complaint(() => parse(submission))).to.equal(problem)
    })

  it('counts characters, not the halves of them', async () => {
    expect(await outcome(() => parse(having({ serviceSlug: '😀'.repeat(255) })))).to.equal('accepted')
  })

  it('is refused when its members are inherited or repeated', async () => {
    const text = JSON.stringify(SUBMISSION)
    const twice = text.replace('{', '{"submissionId":"other",')
    const inherited = `{"__proto__":${text}}`

    for (const spoilt of [twice, inherited])
      expect(await outcome(() => parseSubmission(Buffer.from(spoilt)))).to.equal('ERR_SUBMISSION_INVALID')
  })

  it('keeps to the limits it is given', async () => {
    const limits = { sizeBytes: 100, depth: 9, values: 99 }

    expect(await outcome(() => parseSubmission(Buffer.from(JSON.stringify(SUBMISSION)), limits))).to.equal(
      'ERR_SUBMISSION_INVALID',
    )
  })

  for (const [name, expected] of [
    ['fail-complaint-no-team', 'accepted'],
    ['fail-complaint-attachments-null', 'accepted'],
    ['fail-complaint-attachment-unknown-key', 'accepted'],
    ['fail-comment-no-answers', 'ERR_SUBMISSION_INVALID'],
    ['fail-comment-null-payload', 'ERR_SUBMISSION_INVALID'],
  ] as const)
    it(`recorded as ${name} is ${expected}`, async () => {
      const recorded = incompleteSubmissions.find((one) => one.name === name)

      expect(await outcome(() => parse(recorded?.submission))).to.equal(expected)
    })
})

describe('the JSON Schema of a submission', () => {
  it('is one, and says what the parser checks', () => {
    expect(submissionJsonSchema.$schema).to.equal('https://json-schema.org/draft/2020-12/schema')
    expect(submissionJsonSchema.required).to.deep.equal(['serviceSlug', 'submissionId', 'submissionAnswers'])
    expect(Object.keys(submissionJsonSchema.properties.attachments.items.properties)).to.deep.equal(Object.keys(LINK))
  })

  it('survives being written to a file', () => {
    expect(JSON.parse(JSON.stringify(submissionJsonSchema))).to.deep.equal(submissionJsonSchema)
  })
})
