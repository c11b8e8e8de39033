import { expect } from 'chai'
import { complaintWith, map, recorded, recordedAs } from '../mapping.ts'

const FILES = ['complaint-v2', 'comment-v2', 'feedback-v2', 'enquiry-v2']

describe('createcase bodies', () => {
  for (const file of FILES)
    for (const example of recorded(file))
      it(`are the recorded bytes: ${example.name}`, async () => {
        expect(await map(example)).to.deep.equal({ body: example.expect.opticsRequestBodyRaw })
      })

  it('send a comment type of "" when none is configured', async () => {
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
    it(`pass ${what} through`, async () => {
      const mapped = await map(complaintWith({ yourcomplaint_textarea_1: value }))

      expect(mapped).to.have.property('body').that.includes(`"Details":${sent},"Reference":""`)
    })

  it('add the submissionId as ExternalId, at the end, when duplicates are looked up', async () => {
    const example = recordedAs('feedback-v2', 'feedback-v2-full')

    const mapped = await map(example, { externalId: true })

    const plain = example.expect.opticsRequestBodyRaw
    expect(mapped).to.deep.equal({ body: plain.replace(/}$/, ',"ExternalId":"72c49803-e9c3-42ac-bde1-09c04595a2d3"}') })
  })
})

describe('an address', () => {
  const lines: readonly (readonly [unknown, unknown, string, string])[] = [
    ['1 Road', '', '1 Road', 'an empty line is dropped'],
    ['', '2 Lane', '2 Lane', 'an empty first line too'],
    ['\u00a0\u2003', ' x ', ' x ', 'a line of no-break spaces is dropped, another is not trimmed'],
    ['\u200b', 'x', '\u200b, x', 'a zero width space is no blank'],
    [null, 'x', 'x', 'null is dropped'],
    [0, 7, '0, 7', 'numbers are never blank'],
    [false, true, 'true', 'false is blank'],
    [[], {}, '', 'an empty list and an empty object are blank'],
    [['a', ['b', null]], 'c', 'a, b, , c', 'lists are joined flat, their blanks keep their place'],
    [[{}], 'x', '{}, x', 'an empty object in a list is written as Ruby writes it'],
  ]
  for (const [one, two, sent, why] of lines)
    it(`has its two lines in one field: ${why}`, async () => {
      const address = { address_line_one: one, address_line_two: two }

      expect(await field(complaintWith({ youraddress_address_1: address }), 'Customer.Address')).to.equal(sent)
    })

  it('passes town, county and postcode through, and a missing one is ""', async () => {
    const example = complaintWith({ youraddress_address_1: { city: null, county: ['a'] } })

    expect(await field(example, 'Customer.Town')).to.equal(null)
    expect(await field(example, 'Customer.County')).to.deep.equal(['a'])
    expect(await field(example, 'Customer.Postcode')).to.equal('')
  })

  for (const [what, value] of [
    ['null', null],
    ['""', ''],
  ] as const)
    it(`of ${what} is an address that was not given`, async () => {
      expect(await map(complaintWith({ youraddress_address_1: value }))).to.deep.equal(await map(complaintWith({})))
    })

  for (const [what, value] of [
    ['a text', '1 Road'],
    ['a list', ['1 Road']],
    ['a number', 1],
    ['true', true],
    ['an object as a line', { address_line_one: { street: '1 Road' } }],
  ] as const)
    it(`of ${what} is refused by name`, async () => {
      const mapped = await map(complaintWith({ youraddress_address_1: value }))

      expect(mapped).to.have.property('refused').with.length(1)
      expect((mapped as { refused: string[] }).refused[0]).to.match(/^youraddress_address_1/)
    })
})

describe('submissions that the live adapter accepts and then fails', () => {
  it('are refused with the name of the field when a complaint has no team', async () => {
    const mapped = await map(recordedAs('job-failures', 'fail-complaint-no-team'))

    expect(mapped).to.deep.equal({ refused: ['courtortribunalyourcomplaintisabout_autocomplete_1'] })
  })

  // Whether an attachment list may be null, and what an attachment may carry, is decided where submissions are parsed;
  // the mapping has nothing against either.
  for (const [name, documents] of [
    ['fail-complaint-attachments-null', 0],
    ['fail-complaint-attachment-unknown-key', 1],
  ] as const)
    it(`become cases when nothing that matters is missing: ${name}`, async () => {
      const mapped = await map(recordedAs('job-failures', name))

      expect(mapped).to.have.property('body')
      expect((mapped as { body: string }).body.match(/"Document\d+\.URL"/g) ?? []).to.have.length(documents)
    })

  it('are refused when there are no answers', async () => {
    expect(await map(recordedAs('job-failures', 'fail-comment-no-answers'))).to.deep.equal({ refused: [''] })
  })
})

async function field(example: Parameters<typeof map>[0], name: string): Promise<unknown> {
  const mapped = await map(example)
  return 'body' in mapped ? JSON.parse(mapped.body)[name] : mapped
}
