import { AssertionError } from 'node:assert'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import {
  expectNoPersonalData,
  startTestAdapter,
  type TestOutput,
  type TestSubmission,
} from '../../src/testing/index.ts'

const NAME = 'Zoë "Quill" O\'Hara'
const TEXT = `The usher would not let me in.\r\n${'Then I waited in the rain for the whole of the afternoon. '.repeat(3)}`
const PICTURE = Buffer.from(gzipSync(Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 7) % 251))))
const SUBMISSION: TestSubmission = {
  submissionId: '1b4f0e98-51ab-4a2e-8e5d-000000000001',
  serviceSlug: 'make-a-complaint',
  submissionAnswers: {
    yourname_text_1: NAME,
    yourcomplaint_textarea_1: TEXT,
    areyou_radios_1: 'yes',
    amount_number_1: 42,
    postcode_text_1: 'SW1H 9EA',
    town_text_1: 'Leeds',
    phone_text_1: '07700 900123',
    contactme_checkboxes_1: 'By carrier pigeon; By heliograph',
    youraddress_address_1: { address_line_one: '12 Wuthering Way', city: '', country: 'United Kingdom' },
    others_list_1: ['Cathy Earnshaw', null, true],
  },
  uploads: [
    { filename: 'my divorce.txt', mimetype: 'text/plain', content: Buffer.from('decree absolute of the third of May') },
    { filename: 'x.png', mimetype: 'image/png', content: PICTURE },
  ],
}
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64')

describe('what no output may have', () => {
  const problem = (
    output: TestOutput,
    submission: TestSubmission | readonly TestSubmission[] = SUBMISSION,
    except?: string[],
  ) => {
    try {
      expectNoPersonalData(output, submission, except && { except })
      return undefined
    } catch (error) {
      expect(error).to.be.instanceOf(AssertionError)
      return (error as Error).message
    }
  }
  const found = (field: string, place: string) => `the output has personal data: ${field} (${place})`
  const name = 'submissionAnswers.yourname_text_1'
  const text = 'submissionAnswers.yourcomplaint_textarea_1'

  for (const [what, output, field, how] of [
    ['as it is', `name=${NAME}.`, name, ''],
    ['in capitals', NAME.toUpperCase(), name, ''],
    ['without its accents', NAME.replace('ë', 'e'), name, ''],
    ['with a decomposed accent', NAME.normalize('NFD'), name, ''],
    ['over two lines', NAME.replaceAll(' ', '\n   '), name, 'over several lines'],
    ['in JSON', JSON.stringify({ name: NAME }), name, 'JSON-escaped'],
    ['in JSON in JSON', JSON.stringify({ line: JSON.stringify({ name: NAME }) }), name, 'JSON-escaped in JSON-escaped'],
    [
      'in JSON with escapes for all that is not ASCII',
      '{"name":"Zo\\u00eb \\u0022Quill\\u0022 O\\u0027Hara"}',
      name,
      'JSON-escaped',
    ],
    ['in a URL', `GET /cases?name=${encodeURIComponent(NAME)}`, name, 'URL-encoded'],
    ['in the body of a form', new URLSearchParams({ name: NAME }).toString(), name, 'URL-encoded'],
    ['encoded twice in a URL', encodeURIComponent(encodeURIComponent(NAME)), name, 'URL-encoded in URL-encoded'],
    ['in HTML', '<p>Zoë &quot;Quill&quot; O&#39;Hara</p>', name, 'HTML-escaped'],
    ['in HTML with numbers', '<p>Zo&#xEB; &#34;Quill&#34; O&#x27;Hara</p>', name, 'HTML-escaped'],
    ['in base64', `Authorization: Basic ${base64(NAME)}`, name, 'base64'],
    ['in base64 that begins in something else', `data/x/${base64(NAME)}`, name, 'base64'],
    ['in base64url', Buffer.from(`??>${NAME}`).toString('base64url'), name, 'base64'],
    ['in base64 of JSON', base64(JSON.stringify({ name: NAME })), name, 'JSON-escaped in base64'],
    [
      'in base64 of two lines',
      base64(`${'x'.repeat(50)}${NAME}`).replace(/.{76}/, '$&\r\n'),
      name,
      'base64, over several lines',
    ],
    ['in hexadecimal', `0x${Buffer.from(NAME).toString('hex')}`, name, 'hexadecimal'],
    ['cut off', `${TEXT.slice(40, 80)}...`, text, ''],
    ['cut off, in base64', base64(TEXT).slice(40, 120), text, 'base64'],
    ['one line of it', 'The usher would not let me in.', text, ''],
    ['without its space', 'postcode sw1h9ea', 'submissionAnswers.postcode_text_1', ''],
    ['with other spaces', 'tel:+44-077-0090-0123', 'submissionAnswers.phone_text_1', ''],
    ['a short word', 'sent to leeds.', 'submissionAnswers.town_text_1', ''],
    ['one of a joined list', 'answer: by heliograph', 'submissionAnswers.contactme_checkboxes_1', ''],
    ['in an address', '12 wuthering way', 'submissionAnswers.youraddress_address_1.address_line_one', ''],
    ['in a list', 'Cathy Earnshaw', 'submissionAnswers.others_list_1[0]', ''],
    ['the name of a file', 'saved my divorce.txt', 'uploads[0].filename', ''],
    ['what is in a file', 'DECREE ABSOLUTE OF THE THIRD OF MAY', 'uploads[0].content', ''],
    ['what is in a picture', PICTURE.subarray(100, 180).toString('base64'), 'uploads[1].content', 'base64'],
    [
      'what is in a picture, in hexadecimal',
      PICTURE.subarray(100, 180).toString('hex'),
      'uploads[1].content',
      'hexadecimal',
    ],
  ] as const) {
    it(`is found ${what}`, () => {
      const place = how.includes('over several lines') ? how : [how, 'line 1'].filter((part) => part !== '').join(', ')

      expect(problem(output)).to.equal(found(field, place))
    })
  }

  it('is named by the line, and all of it at once', () => {
    expect(problem(['{"level":30}\nno data', `to ${NAME}`, Buffer.from('SW1H 9EA')])).to.equal(
      `the output has personal data: ${name} (line 3), submissionAnswers.postcode_text_1 (line 4)`,
    )
  })

  it('is never quoted', () => {
    const everything = JSON.stringify(SUBMISSION)

    const message = problem(everything) ?? ''

    for (const part of ['Quill', 'usher', 'SW1H', 'Leeds', 'pigeon', 'Wuthering', 'Cathy', 'divorce', 'decree'])
      expect(message).not.to.contain(part)
  })

  for (const [what, output] of [
    ['nothing', ''],
    ['the names of answers', Object.keys(SUBMISSION.submissionAnswers ?? {}).join(' ')],
    ['ids and slugs', `${SUBMISSION.submissionId} ${SUBMISSION.serviceSlug}`],
    ['short answers', 'yes 42 {"retry":"yes","count":42}'],
    ['a short word in a longer one', 'needleeds Leedsham'],
    [
      'a log line',
      '{"level":30,"time":"2026-11-29T11:42:21.123Z","event":"attempt.started","form":"complaint","attempt":1}',
    ],
    ['words of an answer', 'the usher, the rain, an afternoon'],
    ['other base64', base64('nobody has written this, and it is long enough to be looked at')],
    ['zeros', '0'.repeat(10_000)],
  ] as const)
    it(`may be ${what}`, () => {
      expect(problem(output)).to.equal(undefined)
    })

  it('leaves out the answers that are excepted', () => {
    expect(problem('in Leeds', SUBMISSION, ['town_text_1'])).to.equal(undefined)
    expect(problem(`in Leeds: ${NAME}`, SUBMISSION, ['town_text_1'])).to.equal(found(name, 'line 1'))
  })

  for (const [what, submissions] of [
    ['nothing was submitted', []],
    [
      'all values are short',
      { submissionAnswers: { areyou_radios_1: 'yes', amount_number_1: 42, other_text_1: null } },
    ],
  ] as const)
    it(`cannot be tested for when ${what}`, () => {
      expect(problem('anything', submissions)).to.equal(
        'nothing to search for: no submission has a value of 5 or more letters and digits',
      )
    })

  it('is not searched for ever in a large log', () => {
    const line =
      '{"level":30,"time":"2026-11-29T11:42:21.123Z","event":"attempt.started","id":"1b4f0e98-51ab-4a2e-8e5d-00"}\n'

    expect(problem(line.repeat(20_000))).to.equal(undefined)
  })

  it('is all that was sent to an adapter under test, with the links and keys of its files', async () => {
    const forms = { complaint: { path: '/v2/complaint', repeatable: true, handle: async () => undefined } }
    await using adapter = await startTestAdapter(createAdapter({ forms }))
    const { submissionId } = await adapter.send('/v2/complaint', SUBMISSION)
    await adapter.delivered(submissionId)
    const [file] = adapter.handled[0]?.attachments ?? []

    adapter.expectNoPersonalData(`delivered ${submissionId} ${file?.url}`)
    const leak = () => adapter.expectNoPersonalData(`delivered to ${NAME}`)
    const excepted = () => adapter.expectNoPersonalData(`delivered to ${NAME}`, { except: ['yourname_text_1'] })

    expect(leak).to.throw(AssertionError, found(name, 'line 1'))
    expect(excepted).not.to.throw()
  })

  it('has links and their keys', async () => {
    const link = {
      url: 'https://bucket.s3.amazonaws.com/a/b-c-d?X-Amz-Signature=abcdef0123456789',
      encryption_key: 'ofMQxgQk3e7aVp5NOZk8aXByEHl6a+7xI9+O4mrssos=',
      encryption_iv: 'ygxI/L47W0laWy8ie8fY9A==',
      mimetype: null,
      filename: 'my divorce.txt',
    }
    const submission = { attachments: [link] }

    expect(problem(`GET ${link.url}`, submission)).to.equal(found('attachments[0].url', 'line 1'))
    expect(problem(`key ${link.encryption_key}`, submission)).to.equal(found('attachments[0].encryption_key', 'line 1'))
    expect(problem(`iv ${link.encryption_iv}`, submission)).to.equal(found('attachments[0].encryption_iv', 'line 1'))
    expect(problem('my divorce', submission)).to.equal(undefined)
    expect(problem('bucket.s3.amazonaws.com', submission)).to.equal(undefined)
  })
})
