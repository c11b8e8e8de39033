/** Genuine tokens with a payload that no sender makes: what a leaked key, or a defect of the sender, could bring. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { encryptCompact } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { z } from 'zod'

const ENVELOPE = '"serviceSlug":"test-form","submissionId":"ID","attachments":[]'
const withAnswers = (answers: string) => `{${ENVELOPE},"submissionAnswers":${answers}}`

describe('payload abuse of an adapter', () => {
  let adapter: TestAdapter
  before(async () => {
    const forms = {
      complaint: { path: '/v2/complaint', handle: async () => undefined },
      strict: {
        path: '/v2/strict',
        answers: z.record(z.string(), z.literal('a')),
        handle: async () => undefined,
      },
    }
    adapter = await startTestAdapter(createAdapter({ forms }))
  })
  after(() => adapter.stop())

  const post = async (payload: string | Uint8Array, path = '/v2/complaint') => {
    const body = await encryptCompact(payload, adapter.key)
    return await adapter.request('POST', path, { headers: { 'Content-Type': 'application/jose' }, body })
  }

  it('a payload of the same make with nothing wrong in it is taken in', async () => {
    const payload = withAnswers('{"a":{"b":["c",1,true,null]}}').replace('ID', crypto.randomUUID())

    expect((await post(payload)).status).to.equal(201)
  })

  const BOMBS: readonly (readonly [what: string, payload: () => string | Uint8Array])[] = [
    ['objects nested 100,000 deep', () => withAnswers(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)],
    ['arrays nested 500,000 deep', () => withAnswers(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`)],
    ['arrays that never end', () => '['.repeat(1_400_000)],
    ['300,000 answers', () => withAnswers(`{${Array.from({ length: 100_000 }, (_, i) => `"${i}":1`).join()}}`)],
    ['700,000 elements', () => withAnswers(`{"a":[${'1,'.repeat(700_000)}1]}`)],
    ['700,000 empty objects', () => withAnswers(`{"a":[${'{},'.repeat(400_000)}{}]}`)],
    ['names that all collide in a bad hash', () => withAnswers(`{${'"\\u0000":1,'.repeat(60_000)}"a":1}`)],
    ['a backslash storm', () => withAnswers(`{"${'\\'.repeat(1_000_000)}`)],
    ['a quotation storm', () => withAnswers('""'.repeat(500_000))],
    ['a number of a million digits', () => withAnswers(`{"a":${'9'.repeat(1_000_000)}}`)],
    ['a number beyond range', () => withAnswers('{"a":1e400}')],
    ['more attachments than there may be', () => withAnswers('{}').replace('[]', `[${'{},'.repeat(600)}{}]`)],
    ['a repeated member of the envelope', () => withAnswers('{}').replace('{', '{"submissionId":"other",')],
    ['a repeated member, escaped', () => withAnswers('{"a":1,"\\u0061":2}')],
    ['__proto__ in the envelope', () => withAnswers('{}').replace('{', '{"__proto__":{"attachments":[]},')],
    ['__proto__ among the answers', () => withAnswers('{"__proto__":{"isAdmin":true}}')],
    ['__proto__, escaped', () => withAnswers('{"\\u005f_proto__":{"isAdmin":true}}')],
    ['constructor.prototype', () => withAnswers('{"constructor":{"prototype":{"isAdmin":true}}}')],
    ['a lone surrogate in an answer', () => withAnswers('{"a":"\\ud800"}')],
    ['a lone surrogate in a name', () => withAnswers('{"\\udfff":"a"}')],
    ['a lone surrogate in the id', () => withAnswers('{}').replace('ID', '\\ud800')],
    ['invalid UTF-8', () => Buffer.from(withAnswers('{"a":"\xff"}'), 'latin1')],
    ['overlong UTF-8', () => Buffer.from(withAnswers('{"a":"\xc0\xaf"}'), 'latin1')],
    ['UTF-16', () => Buffer.from(withAnswers('{}'), 'utf16le')],
    ['a byte order mark', () => `\ufeff${withAnswers('{}')}`],
    ['a NUL before the JSON', () => `\0${withAnswers('{}')}`],
    ['two values', () => `${withAnswers('{}')}{}`],
    ['a number for the id', () => withAnswers('{}').replace('"ID"', '7')],
    ['a number for the service', () => withAnswers('{}').replace('"test-form"', '7')],
    [
      'a number for a link',
      () => withAnswers('{}').replace('[]', '[{"url":7,"encryption_key":"","encryption_iv":""}]'),
    ],
    [
      'a number for a file name',
      () => withAnswers('{}').replace('[]', '[{"url":"x","encryption_key":"","encryption_iv":"","filename":7}]'),
    ],
    ['an object for the id', () => withAnswers('{}').replace('"ID"', '{"toString":"x"}')],
    ['a line end in the id', () => withAnswers('{}').replace('ID', 'a\\r\\nSet-Cookie: x')],
    ['an escape sequence in the id', () => withAnswers('{}').replace('ID', '\\u001b[2J')],
    ['a C1 control in the id', () => withAnswers('{}').replace('ID', '\\u009b31m')],
    ['a line separator in the service', () => withAnswers('{}').replace('test-form', 'a\\u2028b')],
    ['a NUL in the service', () => withAnswers('{}').replace('test-form', 'a\\u0000b')],
    ['an id of 129 characters', () => withAnswers('{}').replace('ID', 'x'.repeat(129))],
  ]
  for (const [what, payload] of BOMBS) {
    it(`answers 422 to ${what}, and quotes none of it`, async () => {
      const answer = await post(payload())

      expect([answer.status, answer.body?.['code']]).to.deep.equal([422, 'ERR_SUBMISSION_INVALID'])
      expect(answer.text.length).to.be.below(300)
      expect(answer.text).not.to.match(/isAdmin|Cookie|31m|2J|other/)
    })
  }

  it('leaves every prototype as it was', () => {
    expect(({} as { isAdmin?: boolean }).isAdmin).to.equal(undefined)
    expect(Object.keys(Object.prototype)).to.deep.equal([])
  })

  it('is still there, and serves an honest sender, after all of them', async () => {
    const { status, submissionId } = await adapter.send('/v2/complaint')

    expect(status).to.equal(201)
    expect((await adapter.ended(submissionId)).state).to.equal('delivered')
  })

  it('names fields in a log and a reason as short pieces of one line, whatever they are called', async () => {
    const submissionAnswers = { ['a\u001b[2J\r\n\u009b31m\u2028\u202e']: 1, ['x'.repeat(5000)]: 1 }

    const { submissionId } = await adapter.send('/v2/strict', { submissionAnswers })
    const { code, reason } = await adapter.ended(submissionId)

    const told = adapter.events.find((event) => event.event === 'attempt.failed' && event.submissionId === submissionId)
    expect(code).to.equal('ERR_ANSWERS_INVALID')
    for (const text of [reason ?? '', told !== undefined && 'detail' in told ? (told.detail ?? '') : '']) {
      expect(text).to.match(/^the answers do not fit the schema at: a/)
      expect(text).not.to.match(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
      expect(text.length).to.be.below(300)
    }
  })

  const NAMES: readonly (readonly [what: string, sent: string | null, saved: string])[] = [
    ['as most are', 'report.pdf', 'report.pdf'],
    ['not at all', null, 'attachment'],
    ['as a path upwards', '../../../etc/passwd', 'passwd'],
    ['as a path of Windows', '..\\..\\Windows\\evil.exe', 'evil.exe'],
    ['with a drive', 'C:\\autorun.inf', 'autorun.inf'],
    ['as the folder above', '..', 'attachment'],
    ['as a slash', '/', 'attachment'],
    ['as a header of its own', 'a\r\nSet-Cookie: b=c.pdf', '"aSet-Cookie: b=c.pdf"'],
    ['with NULs', 'a\0.pdf\0.exe', 'a.pdf.exe'],
    ['as a second name', 'a"; filename="evil.exe', '"a\\"; filename=\\"evil.exe"'],
    ['from right to left', 'invoice\u202efdp.exe', 'invoicefdp.exe'],
    ['with C1 controls and a line separator', 'a\u0085\u009b31m\u2028b.pdf', 'a31mb.pdf'],

    ['as markup', '<script>alert(1)</script>', '"script>"'],
    [
      'in Persian, joined as Persian is',
      '\u0645\u06cc\u200c\u0634\u0648\u062f.pdf',
      '"??????.pdf"; filename*=UTF-8\'\'%D9%85%DB%8C%E2%80%8C%D8%B4%D9%88%D8%AF.pdf',
    ],
  ]
  for (const [what, filename, saved] of NAMES) {
    it(`serves a file that is named ${what} under a name that can be saved anywhere`, async () => {
      const upload = { filename, mimetype: 'text/html\r\nX-Mark: b', content: Buffer.from('<script>') }
      const { submissionId } = await adapter.send('/v2/complaint', { uploads: [upload] })
      await adapter.ended(submissionId)
      const { attachments } =
        adapter.handled.findLast(({ submission }) => submission.submissionId === submissionId) ?? {}

      const { status, headers } = await adapter.request('GET', new URL(attachments?.[0]?.url ?? '').pathname)

      expect(status).to.equal(200)
      expect(headers['content-disposition']).to.equal(`attachment; filename=${saved}`)
      expect(headers).to.include({
        'content-type': 'application/octet-stream',
        'content-security-policy': "default-src 'none'; sandbox",
        'x-content-type-options': 'nosniff',
      })
      expect(headers).not.to.have.any.keys('set-cookie', 'x-mark')
    })
  }
})
