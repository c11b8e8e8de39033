/** Cases for the form of answers. */
import type { Case } from './case.ts'
import { BAD_REQUEST, NO_STORE, one, SERVED } from './own-case.ts'

export function answers(): Case[] {
  const raw = (id: string, rawBytes: string, status: readonly number[]): Case => {
    const { request } = one(id, {}, SERVED)
    return {
      ...one(id, {}, { anyOf: [{ connection: 'closed' }, { status, headers: NO_STORE }] }),
      request: { ...request, rawBytes, rawAuthorization: null },
    }
  }
  return [
    one(
      'own: a handler that throws',
      { path: '/__throw', interaction: 'urn:test:throw' },
      {
        ...BAD_REQUEST,
        status: 500,
        issueCode: 'processing',
        spineErrorCode: 'INTERNAL_SERVER_ERROR',
        bodyNotContains: ['9000000009', 'odd', 'at '],
        operationalLogNotContains: ['9000000009'],
        bodyJson: { '/issue/0/diagnostics': 'present' },
      },
    ),
    one(
      'own: a handler that sets Cache-Control',
      { path: '/__public-cache', interaction: 'urn:test:public-cache' },
      { ...SERVED, headers: { 'Cache-Control': 'equals:no-store' } },
    ),
    raw('own: not HTTP', 'BLAH\r\n\r\n', [400]),
    raw('own: no Host', 'GET {{base}}/metadata HTTP/1.1\r\n\r\n', [400]),
    raw(
      'own: two lengths',
      'POST {{base}}/metadata HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      [400],
    ),
    raw(
      'own: a length and chunked coding',
      'POST {{base}}/metadata HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      [400],
    ),
    raw('own: an expectation', 'GET {{base}}/metadata HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n', [417, 400]),
    raw(
      'own: headers that are too large',
      'GET {{base}}/metadata HTTP/1.1\r\nHost: a\r\nX: {{repeat:a:20000}}\r\n\r\n',
      [431],
    ),
    raw('own: headers that never end', 'GET {{base}}/metadata HTTP/1.1\r\nHost: a\r\nX: ', [408]),
    raw('own: CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', [400, 405]),
    raw('own: absolute form', 'GET https://a{{base}}/metadata HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', [400]),
    one(
      'own: an outcome has its profile',
      { headers: { 'Ssp-To': null } },
      {
        ...BAD_REQUEST,
        bodyJson: {
          '/meta/profile/0': 'https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1',
          '/issue/0/details/coding': 'length:1',
          '/issue/0/details/coding/0/system': 'https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1',
          '/issue/0/details/coding/0/display': 'Bad request',
          '/issue': 'length:1',
        },
      },
    ),
    one(
      'own: an outcome of 0.x has its own profile',
      { profiles: ['0.x'], headers: { 'Ssp-To': null } },
      {
        ...BAD_REQUEST,
        contentType: 'application/fhir+json',
        bodyJson: {
          '/meta/profile/0': 'http://fhir.nhs.net/StructureDefinition/gpconnect-operationoutcome-1',
          '/issue/0/details/coding/0/system': 'http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1',
        },
      },
    ),
    one(
      'own: an outcome does not echo the path',
      { path: '/Patient/9000000009/x' },
      { ...BAD_REQUEST, bodyNotContains: ['9000000009'], operationalLogNotContains: ['9000000009'] },
    ),
    one(
      'own: an outcome does not echo the query',
      { path: '/Patient?identifier=9000000009', interaction: 'x' },
      { ...BAD_REQUEST, bodyNotContains: ['9000000009'], operationalLogNotContains: ['9000000009'] },
    ),
    one(
      'own: an outcome does not echo a header',
      { headers: { 'Ssp-TraceID': '9000000009' } },
      { ...BAD_REQUEST, bodyNotContains: ['9000000009'], operationalLogNotContains: ['9000000009'] },
    ),
    one(
      'own: an outcome does not echo a claim',
      { token: { set: { '/iss': '9000000009' } } },
      { ...BAD_REQUEST, bodyNotContains: ['9000000009'], operationalLogNotContains: ['9000000009'] },
    ),
  ]
}
