/** Cases for the form of the bearer token. */
import type { Case, Expectation } from './case.ts'
import { BAD_REQUEST, NO_STORE, one, SERVED } from './own-case.ts'

export function tokens(): Case[] {
  const both = ['0.x', '1.x']
  const bearer: Expectation = { ...BAD_REQUEST, headers: { ...NO_STORE, 'WWW-Authenticate': 'contains:Bearer error=' } }
  const authorizations: readonly (string | null)[] = [
    null,
    '',
    'Bearer',
    'Bearer .',
    'Bearer ..',
    'Bearer ...',
    'Basic dXNlcjpwYXNz',
    'Bearer{{jwt}}',
    '{{jwt}}',
    'Bearer {{jwt}}.',
    'Bearer {{jwt}} x',
    'Bearer a.b.',
    'Bearer {{jwt}}{{jwt}}',
    'Digest {{jwt}}',
  ]
  return [
    ...authorizations.map((authorization) =>
      one(
        `own: Authorization is ${authorization === null ? 'missing' : `"${authorization}"`}`,
        { profiles: both, authorization },
        bearer,
      ),
    ),
    one('own: the scheme is case-insensitive', { profiles: both, authorization: 'bearer {{jwt}}' }, SERVED),
    ...[
      { alg: 'HS256', typ: 'JWT' },
      { alg: 'None', typ: 'JWT' },
      { alg: 'none' },
      { typ: 'JWT' },
      { alg: 'none', typ: 'jwt' },
      { alg: 'none', typ: 'JWT', kid: '1' },
      { ALG: 'none', typ: 'JWT' },
      ['none'],
      {},
    ].map((header) =>
      one(`own: the header is ${JSON.stringify(header)}`, { profiles: both, token: { header } }, bearer),
    ),
    one(
      'own: the members of the header are in another order',
      { profiles: both, token: { header: { typ: 'JWT', alg: 'none' } } },
      SERVED,
    ),
    one('own: there is a signature', { profiles: both, token: { signature: 'c2lnbmF0dXJl' } }, bearer),
    one('own: there is a fourth part', { profiles: both, token: { signature: '.' } }, bearer),
    one('own: the last dot is missing', { profiles: both, token: { omitTrailingDot: true } }, bearer),
    one(
      'own: base64url with padding',
      { profiles: both, token: { encoding: 'base64url-padded', set: { '/pad': 'xx' } } },
      bearer,
    ),
    one(
      'own: base64 instead of base64url',
      { profiles: both, token: { encoding: 'base64', set: { '/pad': '??>>??>>' } } },
      bearer,
    ),
    ...[
      '[]',
      'null',
      '"text"',
      '1',
      'true',
      '',
      '{',
      '{}x',
      "{'iss':1}",
      '{"iss":"https://x",}',
      '\ufeff{}',
      '{"a":"\u0000"}',
    ].map((rawPayload) =>
      one(`own: the payload is ${JSON.stringify(rawPayload)}`, { profiles: both, token: { rawPayload } }, bearer),
    ),
    one(
      'own: a claim is named twice',
      { profiles: both, token: { rawPayloadDuplicateKey: ['requested_scope', 'patient/*.read'] } },
      bearer,
    ),
    one(
      'own: a claim is named twice with the same value',
      { profiles: both, token: { rawPayloadDuplicateKey: ['reason_for_request', 'directcare'] } },
      bearer,
    ),
    one('own: a token nests 21 levels', { profiles: both, token: { nestDepth: 21 } }, bearer),
    one('own: a token nests 3000 levels', { profiles: both, token: { nestDepth: 3000 } }, bearer),
    one('own: a token of ten kilobytes', { profiles: both, token: { padPayloadBytes: 7000 } }, bearer),
    one('own: a longer user name', { profiles: ['1.x'], token: { padPayloadBytes: 3000 } }, SERVED),
    one(
      'own: unknown claims are ignored',
      { profiles: both, token: { set: { '/audit_event_id': '1', '/other': { deep: [1] } } } },
      SERVED,
    ),
  ]
}
