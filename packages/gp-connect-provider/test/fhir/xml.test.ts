import { expect } from 'chai'
import { parseFhirXml, writeFhirXml } from '../../src/fhir/xml.ts'

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

describe('FHIR XML', () => {
  it('writes an OperationOutcome as FHIR XML', () => {
    const written = writeFhirXml({
      resourceType: 'OperationOutcome',
      meta: { profile: ['https://example.test/profile'] },
      issue: [{ severity: 'error', details: { coding: [{ system: 's', code: 'BAD_REQUEST' }] }, diagnostics: 'why' }],
    })

    expect(written).to.equal(
      `${HEAD}<OperationOutcome xmlns="http://hl7.org/fhir"><meta><profile value="https://example.test/profile"/></meta>` +
        '<issue><severity value="error"/><details><coding><system value="s"/><code value="BAD_REQUEST"/></coding></details>' +
        '<diagnostics value="why"/></issue></OperationOutcome>',
    )
  })

  it('writes nested resources, numbers, extensions, primitive siblings and narrative', () => {
    const written = writeFhirXml({
      resourceType: 'Bundle',
      total: 1,
      entry: [
        {
          resource: {
            resourceType: 'Patient',
            id: '1',
            text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>' },
            extension: [{ url: 'https://example.test/e', valueBoolean: true }],
            active: true,
            _birthDate: { id: 'b' },
            name: [{ id: 'n', given: ['A', null], _given: [null, { extension: [{ url: 'u', valueString: 'v' }] }] }],
          },
        },
      ],
    })

    expect(written).to.equal(
      `${HEAD}<Bundle xmlns="http://hl7.org/fhir"><total value="1"/><entry><resource><Patient><id value="1"/>` +
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">x</div></text>' +
        '<extension url="https://example.test/e"><valueBoolean value="true"/></extension><active value="true"/>' +
        '<birthDate id="b"></birthDate><name id="n"><given value="A"/><given><extension url="u"><valueString value="v"/>' +
        '</extension></given></name></Patient></resource></entry></Bundle>',
    )
  })

  it('escapes any text', () => {
    const written = writeFhirXml({ resourceType: 'Basic', language: '<a b="c">&\u0000\ud800\n' })

    expect(written).to.include('<language value="&lt;a b=&quot;c&quot;&gt;&amp;\ufffd\ufffd&#10;"/>')
  })

  it('reads what it writes', () => {
    const resource = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'patientNHSNumber', valueIdentifier: { system: 's', value: '9000000009 & <b>' } },
        { name: 'registerPatient', resource: { resourceType: 'Patient', id: '1' } },
      ],
    }

    expect(parseFhirXml(writeFhirXml(resource), 20)).to.deep.equal(resource)
  })

  for (const [text, why] of [
    ['', 'an empty text'],
    ['<a>', 'an element without an end'],
    ['<a></b>', 'an element with a different end tag'],
    ['<a/><b/>', 'two roots'],
    ['<!DOCTYPE a [<!ENTITY x "y">]><a/>', 'a document type'],
    ['<!doctype a><a/>', 'a document type in lower case'],
    [`${'<a>'.repeat(60)}${'</a>'.repeat(60)}`, 'nesting that is too deep'],
    ['text', 'plain text'],
  ] as const) {
    it(`refuses ${why}`, () => expect(parseFhirXml(text, 50)).to.equal(undefined))
  }
})
