/** Cases for the Ssp headers. */
import type { Case } from './case.ts'
import { BAD_REQUEST, BASE, type Difference, one, SERVED } from './own-case.ts'

export function sspHeaders(): Case[] {
  const names = ['Ssp-TraceID', 'Ssp-From', 'Ssp-To', 'Ssp-InteractionID']
  const values: Record<string, string> = {
    'Ssp-TraceID': '{{trace_id}}',
    'Ssp-From': '{{asid_from}}',
    'Ssp-To': '{{asid_to}}',
    'Ssp-InteractionID': `${BASE}rest:read:metadata-1`,
  }
  const with_ = (headers: Difference['headers'] & object): Difference => ({ profiles: ['0.x', '1.x'], headers })
  return [
    ...names.flatMap((name) => [
      one(`own: ${name} is missing`, with_({ [name]: null }), BAD_REQUEST),
      one(`own: ${name} is empty`, with_({ [name]: '' }), BAD_REQUEST),
      one(`own: ${name} is blank`, with_({ [name]: '   ' }), BAD_REQUEST),
      one(`own: ${name} is sent twice`, with_({ [name]: [values[name] ?? '', values[name] ?? ''] }), BAD_REQUEST),
      one(
        `own: ${name} is sent twice with different values`,
        with_({ [name]: [values[name] ?? '', 'other'] }),
        BAD_REQUEST,
      ),
    ]),
    one('own: Ssp-TraceID is not a UUID', with_({ 'Ssp-TraceID': 'trace-1' }), BAD_REQUEST),
    one('own: Ssp-TraceID is a UUID with trailing text', with_({ 'Ssp-TraceID': '{{trace_id}}x' }), BAD_REQUEST),
    one(
      'own: Ssp-TraceID is a UUID in capitals',
      with_({ 'Ssp-TraceID': 'A1B2C3D4-0000-4000-8000-00000000000F' }),
      SERVED,
    ),
    one('own: Ssp-From has eleven digits', with_({ 'Ssp-From': '20000000035' }), BAD_REQUEST),
    one('own: Ssp-From has thirteen digits', with_({ 'Ssp-From': '2000000003590' }), BAD_REQUEST),
    one('own: Ssp-To is another ASID', with_({ 'Ssp-To': '123456789123' }), BAD_REQUEST),
    one('own: Ssp-To is the ASID of another root', with_({ 'Ssp-To': '{{asid_of_other_practice}}' }), BAD_REQUEST),
    one('own: Ssp-To is the right ASID with a trailing digit', with_({ 'Ssp-To': '{{asid_to}}0' }), BAD_REQUEST),
    one(
      'own: an interaction ID has a trailing space',
      with_({ 'Ssp-InteractionID': `${BASE}rest:read:metadata-1   ` }),
      { ...SERVED },
    ),
    one(
      'own: header names are case-insensitive',
      { headers: { 'Ssp-InteractionID': null, 'ssp-interactionid': `${BASE}rest:read:metadata-1` } },
      SERVED,
    ),
    one(
      'own: Authorization is sent twice',
      { authorization: null, headers: { Authorization: ['Bearer {{jwt}}', 'Bearer {{jwt}}'] } },
      { ...BAD_REQUEST },
    ),
    one('own: a Forwarded header is accepted', with_({ Forwarded: 'for=192.0.2.60;proto=http' }), SERVED),
    one('own: Accept may be sent in parts', { headers: { Accept: ['text/html', 'application/fhir+json'] } }, SERVED),
  ]
}
