import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { parseBody } from '../../src/client/body.ts'
import { readAnswer } from '../../src/client/case-id.ts'
import { client, complaintBody, messageOf, notAborted, outcomeOf, SUBMISSION_ID } from '../optics-client.ts'
import { answering } from './answering.ts'

const XML = 'text/xml;charset=UTF-8'
const JSON_TYPE = 'application/json;charset=UTF-8'
const NO_CASE = 'uncertain ERR_OPTICS_ANSWER_UNKNOWN'
const PAGE = '<!DOCTYPE html><html><body>caseid: <caseid>7</caseid> {"caseid":"7"}</body></html>'

/** Answers as recorded, and as their framing may change on the way. */
const NAMING_ONE: readonly Row[] = [
  [
    'XML as recorded',
    XML,
    '<?xml version="1.0" encoding="UTF-8"?>\n<createcaseresponse><caseid>492233</caseid><team>INBOXIR</team></createcaseresponse>',
  ],
  ['JSON as recorded', JSON_TYPE, '{"createcaseresponse":{"caseid":"492233"}}'],
  ['a type in capitals', 'TEXT/XML; CHARSET=utf-8', '<createcaseresponse><caseid>492233</caseid></createcaseresponse>'],
  ['no type', '', '{"createcaseresponse":{"caseid":"492233"}}'],
  ['plain text as the type', 'text/plain', '{"createcaseresponse":{"caseid":"492233"}}'],
  ['another letter case of the name', JSON_TYPE, '{"createcaseresponse":{"CaseId":492233}}'],
  ['the name that getcasedetails has', XML, '<r><CaseDetails.CaseId>492233</CaseDetails.CaseId></r>'],
  ['a byte order mark before XML', XML, '\uFEFF<createcaseresponse><caseid>492233</caseid></createcaseresponse>'],
  ['a byte order mark before JSON', JSON_TYPE, '\uFEFF{"createcaseresponse":{"caseid":"492233"}}'],
  ['white space around it', XML, '\r\n <r><caseid>\n 492233 </caseid></r>\r\n'],
  ['a CDATA section in the element', XML, '<r><caseid><![CDATA[ 492233 ]]></caseid></r>'],
  ['character references', XML, '<r><caseid>&#52;92233</caseid></r>'],
  ['an attribute of the element', XML, '<r><caseid type="internal">492233</caseid></r>'],
  ['a namespace', XML, '<c:r xmlns:c="urn:c"><c:caseid>492233</c:caseid></c:r>'],
  ['the same id twice', JSON_TYPE, '{"caseid":"492233","case":{"caseid":492233}}'],
  ['members of an error that are empty', JSON_TYPE, '{"caseid":"492233","error":null,"errors":[],"hasErrors":false}'],
  ['an empty element beside it', XML, '<r><caseid>492233</caseid><parent><caseid/></parent></r>'],
  ['UTF-16', 'text/xml;charset=UTF-16LE', Buffer.from('\uFEFF<r><caseid>492233</caseid></r>', 'utf16le')],
]

/** What is not an answer of createcase, although its status says that all is well. */
const NAMING_NONE: readonly Row[] = [
  ['the text of a proxy', 'text/plain', 'upstream connect error or disconnect/reset before headers'],
  ['an empty body', XML, ''],
  ['white space', JSON_TYPE, ' \r\n '],
  ['a page', 'text/html', PAGE],
  ['a page that is called XML', XML, PAGE],
  ['a page after a comment', XML, '<!-- proxy --><html><body><caseid>7</caseid></body></html>'],
  ['a page in XHTML', 'application/xhtml+xml', '<html><caseid>7</caseid></html>'],
  ['JSON with the type of a page', 'Text/HTML', '{"caseid":"7"}'],
  ['JSON null', JSON_TYPE, 'null'],
  ['an empty list', JSON_TYPE, '[]'],
  ['an empty object', JSON_TYPE, '{}'],
  ['a bare text', JSON_TYPE, '"492233"'],
  ['a bare number', JSON_TYPE, '492233'],
  ['an error in JSON', JSON_TYPE, '{"error":{"code":17001,"message":"Team not found"}}'],
  ['a problem in JSON', 'application/problem+json', '{"title":"Gateway time-out","status":504}'],
  ['an error in XML', XML, '<error><code>17001</code><message>Team not found</message></error>'],
  ['an error beside a case', JSON_TYPE, '{"createcaseresponse":{"caseid":"492233","error":"document not fetched"}}'],
  ['an error without words', XML, '<error/>'],
  ['an error above a case', XML, '<error><caseid>492233</caseid></error>'],
  ['no success beside a case', JSON_TYPE, '{"success":false,"caseid":"492233"}'],
  ['XML cut off in the id', XML, '<createcaseresponse><caseid>4922'],
  ['XML cut off after the id', XML, '<createcaseresponse><caseid>492233</caseid><team>INB'],
  ['JSON cut off in the id', JSON_TYPE, '{"createcaseresponse":{"caseid":"4922'],
  ['JSON cut off after the id', JSON_TYPE, '{"createcaseresponse":{"caseid":"492233","team":"INB'],
  ['text after the XML', XML, '<r><caseid>492233</caseid></r> upstream error'],
  ['text after the JSON', JSON_TYPE, '{"caseid":"492233"} upstream error'],
  ['an empty id', XML, '<r><caseid></caseid></r>'],
  ['a blank id', JSON_TYPE, '{"caseid":" \\t "}'],
  ['a null id', JSON_TYPE, '{"caseid":null}'],
  ['an id that is no text', JSON_TYPE, '{"caseid":{"value":"492233"}}'],
  ['an id that is a truth value', JSON_TYPE, '{"caseid":true}'],
  ['zero', JSON_TYPE, '{"caseid":0}'],
  ['the word null', XML, '<r><caseid>null</caseid></r>'],
  ['a negative number', JSON_TYPE, '{"caseid":-1}'],
  ['a number beyond exact integers', JSON_TYPE, '{"caseid":12345678901234567890}'],
  ['a very long id', JSON_TYPE, `{"caseid":"${'4'.repeat(65)}"}`],
  ['an id with a control character', JSON_TYPE, '{"caseid":"4922\\u000033"}'],
  ['an id with a direction mark', JSON_TYPE, '{"caseid":"4922\\u202e33"}'],
  ['an id with a line break', JSON_TYPE, '{"caseid":"4922\\n33"}'],
  ['an id with markup', JSON_TYPE, '{"caseid":"<script>1"}'],
  ['two ids that differ, in XML', XML, '<r><caseid>492233</caseid><caseid>492234</caseid></r>'],
  ['two ids that differ, in JSON', JSON_TYPE, '{"caseid":"492233","case":{"caseid":"492234"}}'],
  ['two ids of one name in one object', JSON_TYPE, '{"caseid":"492233","caseid":"492234"}'],
  ['two objects', JSON_TYPE, '{"caseid":"492233"}\n{"caseid":"492234"}'],
  ['an id in a comment', XML, '<r><!-- <caseid>492233</caseid> --></r>'],
  ['an element in a CDATA section', XML, '<r><![CDATA[<caseid>492233</caseid>]]></r>'],
  ['an element in escaped text', XML, '<r>&lt;caseid&gt;492233&lt;/caseid&gt;</r>'],
  ['a member in a text of JSON', JSON_TYPE, '{"message":"{\\"caseid\\":\\"492233\\"}"}'],
  ['an id from an entity', XML, '<!DOCTYPE r [<!ENTITY id "492233">]><r><caseid>&id;</caseid></r>'],
  ['an id in a processing instruction', XML, '<r><?x <caseid>492233</caseid> ?></r>'],
  ['elements inside of the id', XML, '<r><caseid>49<b>22</b>33</caseid></r>'],
  ['only the id of another thing', JSON_TYPE, '{"requestid":"492233","parentcaseid":"492232"}'],
  ['comments without end', XML, '<!-- -->'.repeat(8000)],
  ['nesting without end', JSON_TYPE, '['.repeat(30_000)],
  ['deep nesting', JSON_TYPE, `${'['.repeat(20_000)}{"caseid":"7"}${']'.repeat(20_000)}`],
  ['deep nesting in XML', XML, `${'<a>'.repeat(9000)}<caseid>7</caseid>${'</a>'.repeat(9000)}`],
]

/** Rows that name no case and no error. */
const OTHER_SHAPES = [
  ...['a blank id', 'an empty id', 'a null id', 'only the id of another thing', 'a member in a text of JSON'],
  ...['an id in a comment', 'an element in a CDATA section', 'an element in escaped text'],
  'an id in a processing instruction',
]
/** Rows with two cases, which only a lookup may find. */
const SEVERAL = ['two ids that differ, in XML', 'two ids that differ, in JSON', 'two objects']

type Row = readonly [what: string, type: string, body: string | Buffer]

describe('the case that an answer of createcase names', () => {
  for (const [what, type, body] of NAMING_ONE)
    for (const caseId of ['required', 'optional'] as const)
      it(`is read: ${what}, case id ${caseId}`, async () => {
        await using server = await answering({ status: 200, ...typed(type), body })

        const end = await outcomeOf(client(server.url, { caseId }).createCase(complaintBody(), notAborted))

        expect(end).to.deep.equal({ reference: '492233' })
      })

  for (const id of ['492233', 'A/1', 'HMCTS-492233', 'C.1_2', '2026 492233', 'Ymholiad 7'])
    it(`may be ${id}`, async () => {
      await using server = await answering({ status: 200, body: JSON.stringify({ caseid: id }) })

      expect(await client(server.url).createCase(complaintBody(), notAborted)).to.deep.equal({ reference: id })
    })

  for (const status of [200, 201, 202])
    it(`counts with ${status}`, async () => {
      await using server = await answering({ status, body: '<r><caseid>7</caseid></r>' })

      expect(await client(server.url).createCase(complaintBody(), notAborted)).to.deep.equal({ reference: '7' })
    })

  it('is read from a compressed answer', async () => {
    const body = gzipSync('<r><caseid>7</caseid></r>')
    await using server = await answering({ status: 200, headers: { 'Content-Encoding': 'gzip' }, body })

    expect(await client(server.url).createCase(complaintBody(), notAborted)).to.deep.equal({ reference: '7' })
  })
})

describe('an answer of createcase that does not name one case', () => {
  for (const [what, type, body] of NAMING_NONE)
    it(`leaves the outcome unknown: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      expect(await outcomeOf(client(server.url).createCase(complaintBody(), notAborted))).to.equal(NO_CASE)
    })

  for (const [what, type, body] of NAMING_ONE.slice(0, 2))
    it(`names no case wherever it is cut off: ${what}`, () => {
      const starts = Array.from({ length: body.length }, (_, length) => String(body).slice(0, length))

      expect(starts.filter((start) => readAnswer(type, start).verdict !== 'nothing')).to.deep.equal([])
      expect(readAnswer(type, String(body)).verdict).to.equal('named')
    })

  it('never throws, whatever it is', () => {
    const pieces = [
      '<',
      '>',
      '</r>',
      '<r>',
      '<caseid>',
      '</caseid>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '&#x31;',
      '&',
      '"',
    ]
    const piece = fc.oneof(fc.constantFrom(...pieces, '{', '}', '[', ']', ':', ',', '\\', 'caseid', '7'), fc.string())

    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
        expect(readAnswer('', parts.join('')).what).to.be.a('string')
      }),
      { numRuns: 3000 },
    )
  })

  for (const status of [201, 202, 204])
    it(`leaves the outcome unknown with ${status} and no body`, async () => {
      await using server = await answering({ status, body: '' })

      expect(await outcomeOf(client(server.url).createCase(complaintBody(), notAborted))).to.equal(NO_CASE)
    })

  it('leaves the outcome unknown when a compressed answer is cut off, which the HTTP client does not notice', async () => {
    const body = gzipSync(`<r><caseid>7</caseid><team>${'IN'.repeat(20)}</team></r>`).subarray(0, -20)
    await using server = await answering({ status: 200, headers: { 'Content-Encoding': 'gzip' }, body })

    expect(await outcomeOf(client(server.url).createCase(complaintBody(), notAborted))).to.equal(NO_CASE)
  })

  for (const [type, body, what] of [
    ['text/plain', 'upstream connect error', 'text that is neither JSON nor XML'],
    ['text/plain', '', 'an empty body'],
    ['text/html', PAGE, 'an HTML page'],
    [JSON_TYPE, '{"caseid":"4922', 'JSON that is incomplete or invalid'],
    [XML, '<r><caseid>492233', 'XML that is incomplete or invalid'],
    [JSON_TYPE, '{"team":"IN"}', 'JSON that names no case'],
    [JSON_TYPE, '{"caseid":"<b>"}', 'JSON that names a case id that cannot be used'],
    [XML, '<r><caseid>7</caseid><error>Jane</error></r>', 'XML that names an error, and case 7'],
    [XML, '<r><caseid>7</caseid><caseid>8</caseid></r>', 'XML that names several cases, 7, 8'],
  ] as const)
    it(`is described without its words: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      const message = await messageOf(client(server.url).createCase(complaintBody(), notAborted))

      expect(message).to.equal(`Optics answered createcase with 200 and ${what}`)
    })

  it('hands on the cases that it names beside an error', async () => {
    await using server = await answering({ status: 200, body: '<r><caseid>7</caseid><error>x</error></r>' })

    const thrown = await client(server.url)
      .createCase(complaintBody(), notAborted)
      .catch((error: unknown) => error)

    expect(thrown).to.have.property('reference', '7')
  })
})

describe('with OPTICS_CASE_ID=optional', () => {
  const accepted: readonly Row[] = [
    ['another shape in JSON', JSON_TYPE, '{"createcaseresponse":{"reference":"R-1","team":"IN"}}'],
    ['another shape in XML', XML, '<createcaseresponse><reference>R-1</reference></createcaseresponse>'],
    ['an empty response in JSON', JSON_TYPE, '{"createcaseresponse":{}}'],
    ['an empty response in XML', XML, '<createcaseresponse/>'],
    ['a list', JSON_TYPE, '[{"reference":"R-1"}]'],
    ['a status that is well', JSON_TYPE, '{"status":"OK","code":200,"success":true,"error":""}'],
    ['a blank case id', XML, '<createcaseresponse><caseid/></createcaseresponse>'],
    ['a word that holds the name of an error', JSON_TYPE, '{"team":"Default judgments"}'],
  ]
  for (const [what, type, body] of accepted)
    it(`takes ${what} for a case made, and says so`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })
      let unnamed = 0

      const step = { ...notAborted, unnamed: () => void unnamed++ }
      const end = await outcomeOf(client(server.url, { caseId: 'optional' }).createCase(complaintBody(), step))

      expect([end, unnamed]).to.deep.equal([{}, 1])
    })

  const saysError: readonly Row[] = [
    ['a message of a gateway', JSON_TYPE, '{"message":"Internal server error"}'],
    ['a message in a list', JSON_TYPE, '[{"message":"upstream connect error"}]'],
    ['a fault', XML, '<Envelope><Body><Fault><reason>x</reason></Fault></Body></Envelope>'],
    ['an attribute', XML, '<response error="17001"/>'],
    ['a status', JSON_TYPE, '{"status":"failed"}'],
    ['a status in figures', JSON_TYPE, '{"status":503,"path":"/createcase"}'],
    ['a message in XML', XML, '<message>Service unavailable</message>'],
  ]
  const still = NAMING_NONE.filter(([what]) => !OTHER_SHAPES.includes(what))
  for (const [what, type, body] of [...still, ...saysError])
    it(`still leaves the outcome unknown: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      const optics = client(server.url, { caseId: 'optional' })

      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal(NO_CASE)
    })

  it('a lookup still needs a case id', async () => {
    await using server = await answering({ status: 200, body: '{"getcaseattributeresponse":{"value":"7"}}' })

    const optics = client(server.url, { caseId: 'optional' })

    expect(await outcomeOf(find(optics))).to.equal('retry ERR_OPTICS_LOOKUP_FAILED')
  })
})

describe('a lookup that answers 200', () => {
  for (const [what, type, body] of NAMING_ONE)
    it(`finds the case: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      expect(await outcomeOf(find(client(server.url)))).to.deep.equal({ reference: '492233' })
    })

  for (const [what, type, body] of NAMING_NONE.filter(([what]) => !SEVERAL.includes(what)))
    it(`decides nothing: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      expect(await outcomeOf(find(client(server.url)))).to.equal('retry ERR_OPTICS_LOOKUP_FAILED')
    })

  for (const [what, type, body] of NAMING_NONE.filter(([what]) => SEVERAL.includes(what)))
    it(`names every case that shares the id: ${what}`, async () => {
      await using server = await answering({ status: 200, ...typed(type), body })

      expect(await outcomeOf(find(client(server.url)))).to.deep.equal({ reference: '492233, 492234' })
    })

  for (const status of [201, 202, 204, 206])
    it(`decides nothing with ${status}, which is not recorded`, async () => {
      await using server = await answering({ status, body: status === 204 ? '' : '{"CaseId":"7"}' })

      expect(await outcomeOf(find(client(server.url)))).to.equal('retry ERR_OPTICS_LOOKUP_FAILED')
    })
})

describe('a lookup that answers 400', () => {
  for (const [code, why, end] of [
    [undefined, 'the recorded answer to an unknown case', undefined],
    ['31002', 'the case cannot be identified', undefined],
    ['31000', 'the method is wrong', 'retry ERR_OPTICS_LOOKUP_FAILED'],
    ['31001', 'the API is not available', 'retry ERR_OPTICS_LOOKUP_FAILED'],
    ['31099', 'various', 'retry ERR_OPTICS_LOOKUP_FAILED'],
    ['19002', 'the token was refused', 'retry ERR_OPTICS_LOOKUP_FAILED'],
  ] as const)
    it(`and the code ${code}, because ${why}: ${end ?? 'no case'}`, async () => {
      const headers: Record<string, string> = code === undefined ? {} : { 'X-Application-Error-Code': code }
      await using server = await answering({ status: 400, headers, body: '<html></html>' })

      expect(await outcomeOf(find(client(server.url)))).to.equal(end)
    })
})

function typed(type: string): { headers?: Record<string, string> } {
  return type === '' ? {} : { headers: { 'Content-Type': type } }
}

function find(optics: ReturnType<typeof client>) {
  return optics.findCase?.(SUBMISSION_ID, notAborted) ?? Promise.resolve('no lookup')
}

describe('the body of an answer', () => {
  // Once from each quote to the end of the text would be 125 thousand million steps.
  it('of quotes that never end is read once, which does not hold up the process', () => {
    expect(parseBody('application/json', `{${'"\\'.repeat(500_000)}`)).to.deep.equal({
      what: 'JSON that is incomplete or invalid',
    })
  })
})
