/** Cases for request bodies. */
import type { Case, Expectation } from './case.ts'
import { BAD_REQUEST, BASE, type Difference, NO_STORE, one, SERVED, UNSUPPORTED } from './own-case.ts'

export function bodies(): Case[] {
  const post = (body: string, headers: Difference['headers'] = {}): Difference => ({
    method: 'POST',
    path: '/Patient/$gpc.getstructuredrecord',
    interaction: `${BASE}operation:gpc.getstructuredrecord-1`,
    scope: 'patient/*.read',
    body,
    headers,
  })
  const tooLarge: Expectation = {
    anyOf: [{ connection: 'closed' }, { status: [413], body: 'OperationOutcome', headers: NO_STORE }],
  }
  const parameters =
    '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="patientNHSNumber"/><valueIdentifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9000000009"/></valueIdentifier></parameter></Parameters>'
  return [
    one('own: a body in JSON', post('{{structured_body}}'), SERVED),
    one('own: a body in XML', post(parameters, { 'Content-Type': 'application/fhir+xml' }), SERVED),
    one(
      'own: a body that is not well-formed XML',
      post('{"resourceType":"Parameters"}', { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    one(
      'own: a body in XML with a document type',
      post(`<!DOCTYPE x [<!ENTITY a "b">]>${parameters}`, { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    one(
      'own: a body in XML that nests too deeply',
      post(`${'<a>'.repeat(100)}${'</a>'.repeat(100)}`, { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    ...['{', '[]', '"text"', 'null', '{"a":1,"a":2}', `{"a":${'['.repeat(60)}${']'.repeat(60)}}`].map((body) =>
      one(`own: the body is ${body.slice(0, 20)}`, post(body), BAD_REQUEST),
    ),
    one('own: a body nests very deeply', post('[{{repeat:[:60000}}'), BAD_REQUEST),
    one('own: a body without a type', post('{{structured_body}}', { 'Content-Type': null }), UNSUPPORTED),
    one('own: a form', post('a=b', { 'Content-Type': 'application/x-www-form-urlencoded' }), UNSUPPORTED),
    one('own: a body in an unsupported coding', post('{{structured_body}}', { 'Content-Encoding': 'br' }), UNSUPPORTED),
    one('own: a body that is not gzip', post('{{structured_body}}', { 'Content-Encoding': 'gzip' }), BAD_REQUEST),
    one(
      'own: a body that decompresses beyond the limit',
      post('{{gzip_bomb}}', { 'Content-Encoding': 'gzip' }),
      tooLarge,
    ),
    one('own: a body that is larger than the limit', post('{"a":"{{repeat:a:300000}}"}'), tooLarge),
  ]
}
