import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

describe('the type of a served file', () => {
  let adapter: TestAdapter
  before(async () => {
    const forms = { complaint: { path: '/v2/complaint', repeatable: true, async handle() {} } }
    adapter = await startTestAdapter(createAdapter({ forms }))
  })
  after(() => adapter.stop())

  const OTHER = 'application/octet-stream'
  for (const [sent, served, why] of [
    ['application/pdf', 'application/pdf', 'as most are sent'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8', 'the character set is part of how the text is read'],
    ['text/plain;charset="UTF-8"', 'text/plain; charset=UTF-8', 'quotes do not count'],
    [
      'text/csv; header=present; charset=windows-1252',
      'text/csv; charset=windows-1252',
      'nothing but the character set',
    ],
    ['text/plain; charset=', 'text/plain', 'an empty character set is none'],
    ['text/plain; charset="a b"', 'text/plain', 'a character set is one word'],
    ['text/plain;', 'text/plain', 'a parameter may be missing'],
    ['application/pdf; name="Jane Citizen.pdf"', 'application/pdf', 'a name of a file may be a name of a person'],
    ['multipart/form-data; boundary=x', 'multipart/form-data', 'nothing but the character set'],
    ['Image/JPEG', 'image/jpeg', 'letter case does not count'],
    [' image/png ', 'image/png', 'blanks around it do not count'],
    [
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      'long and dotted',
    ],
    ['image/svg+xml; charset=utf-8', 'image/svg+xml; charset=utf-8', 'a suffix'],
    ['text/plain, text/html', OTHER, 'a file has one type'],
    ['text', OTHER, 'no subtype'],
    ['/', OTHER, 'nothing on either side'],
    ['*/*', OTHER, 'a range of types'],
    ['text/html\r\nX-Mark: b', OTHER, 'a header of its own'],
    ['text/plain; charset=utf-8\r\nX-Mark: b', 'text/plain', 'a header of its own in a parameter'],
    [`text/${'x'.repeat(128)}`, OTHER, 'longer than a type may be (RFC 6838)'],
    ['text/pläin', OTHER, 'not ASCII'],
    ['', OTHER, 'empty'],
    [null, OTHER, 'none'],
  ] as const)
    it(`is ${served} for ${JSON.stringify(sent)}: ${why}`, async () => {
      const upload = { filename: 'a', mimetype: sent, content: Buffer.from('a') }
      const { submissionId } = await adapter.send('/v2/complaint', { uploads: [upload] })
      await adapter.ended(submissionId)
      const { attachments } = adapter.handled.find(({ submission }) => submission.submissionId === submissionId) ?? {}

      const { status, headers } = await adapter.request('GET', `/v1/attachments/${attachments?.[0]?.id}`)

      expect([status, headers['content-type'], headers['x-mark']]).to.deep.equal([200, served, undefined])
    })
})
