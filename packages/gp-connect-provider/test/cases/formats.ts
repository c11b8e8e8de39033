/** Cases for the formats of requests and answers. */
import type { Case, Expectation } from './case.ts'
import { BAD_REQUEST, BASE, type Difference, one, SERVED, UNSUPPORTED, xml } from './own-case.ts'

export function formats(): Case[] {
  const accept = (value: string | null, query = '', contentType?: string): Difference => ({
    path: `/metadata${query}`,
    headers: { Accept: value, ...(contentType !== undefined && { 'Content-Type': contentType }) },
  })
  const post = (contentType: string): Difference => ({
    method: 'POST',
    path: '/Patient/$gpc.getstructuredrecord',
    interaction: `${BASE}operation:gpc.getstructuredrecord-1`,
    scope: 'patient/*.read',
    headers: { 'Content-Type': contentType },
    body: '{{structured_body}}',
  })
  const json: Expectation = { ...SERVED, body: 'CapabilityStatement', contentType: 'application/fhir+json' }
  const inXml = xml('CapabilityStatement')
  return [
    one('own: JSON is the default', accept(null), json),
    one('own: any type is JSON', accept('*/*'), json),
    one('own: any application type is JSON', accept('application/*'), json),
    one('own: JSON by Accept', accept('application/fhir+json; charset=utf-8'), json),
    one('own: XML by Accept', accept('application/fhir+xml'), inXml),
    one('own: XML by Accept with parameters', accept('application/fhir+xml;charset=UTF-8;fhirVersion=3.0'), inXml),
    one('own: XML by weight', accept('application/fhir+json;q=0.1, application/fhir+xml'), inXml),
    one('own: XML before a wildcard', accept('application/fhir+xml, */*'), inXml),
    one('own: JSON by weight', accept('application/fhir+json, application/fhir+xml;q=0.9'), json),
    one('own: JSON among others', accept('text/html, application/fhir+json'), json),
    one('own: XML by _format', accept('application/fhir+json', '?_format=application%2Ffhir%2Bxml'), inXml),
    one('own: XML by _format with a plus', accept(null, '?_format=application/fhir+xml'), inXml),
    one('own: XML by a short _format', accept(null, '?_format=xml'), inXml),
    one('own: JSON by _format over Accept', accept('application/fhir+xml', '?_format=application%2Ffhir%2Bjson'), json),
    one('own: _format over an unsupported Accept', accept('text/plain', '?_format=application%2Ffhir%2Bjson'), json),
    one('own: JSON by Accept for a request in XML', accept('application/fhir+json', '', 'application/fhir+xml'), json),
    one('own: XML by Accept for a request in JSON', accept('application/fhir+xml', '', 'application/fhir+json'), inXml),
    one('own: XML by Content-Type', accept(null, '', 'application/fhir+xml'), inXml),
    one(
      'own: an error in XML',
      { path: '/metadatas', headers: { Accept: 'application/fhir+xml' } },
      xml('OperationOutcome', 400),
    ),
    one(
      'own: an early error in XML',
      { headers: { Accept: 'application/fhir+xml', 'Ssp-TraceID': null } },
      xml('OperationOutcome', 400),
    ),
    one(
      'own: an error outside every root in XML',
      { path: 'raw:/', headers: { Accept: 'application/fhir+xml' } },
      xml('OperationOutcome', 400),
    ),
    ...[
      'text/plain',
      'application/json',
      'application/xml',
      'application/fhir+turtle',
      'application/json+fhir',
      'text/html',
      'application/fhir+json;q=0',
      'nonsense',
    ].map((type) => one(`own: Accept is ${type}`, accept(type), UNSUPPORTED)),
    ...(
      [
        ['plain text', '?_format=text/plain'],
        ['JSON that is not FHIR', '?_format=application/json'],
        ['nothing', '?_format='],
        ['half an escape', '?_format=%'],
        ['two formats', '?_format=xml&_format=json'],
      ] as const
    ).map(([what, query]) => one(`own: _format asks for ${what}`, accept('application/fhir+json', query), UNSUPPORTED)),
    ...[
      'text/plain',
      'application/json',
      'application/x-www-form-urlencoded',
      'application/fhir+json; charset=iso-8859-1',
      '',
    ].map((type) => one(`own: Content-Type is ${JSON.stringify(type)}`, post(type), UNSUPPORTED)),
    ...['text/plain', 'application/json', 'application/fhir+json; charset=iso-8859-1', ''].flatMap((type) => [
      one(
        `own: a GET has the Content-Type ${JSON.stringify(type)}`,
        accept('application/fhir+xml', '', type),
        xml('CapabilityStatement'),
      ),
      one(`own: a GET has only the Content-Type ${JSON.stringify(type)}`, accept(null, '', type), SERVED),
    ]),
    one(
      'own: gzip',
      { headers: { 'Accept-Encoding': 'gzip, deflate, br' } },
      { ...json, headers: { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' } },
    ),
    one(
      'own: gzip of an error',
      { path: '/metadatas', headers: { 'Accept-Encoding': 'gzip' } },
      { ...BAD_REQUEST, headers: { 'Content-Encoding': 'gzip' } },
    ),
    one(
      'own: gzip of XML',
      { headers: { 'Accept-Encoding': 'gzip', Accept: 'application/fhir+xml' } },
      { ...inXml, headers: { 'Content-Encoding': 'gzip' } },
    ),
    one('own: gzip is refused', { headers: { 'Accept-Encoding': 'gzip;q=0' } }, json),
  ]
}
