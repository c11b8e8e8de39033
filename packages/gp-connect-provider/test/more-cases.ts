/** Conformance cases of our own, in the shape of the fixture file: every row of the specification's tables. */
import type { Case, Expectation } from './cases.ts'
import type { ClientName } from './pki.ts'
import type { TokenOverrides } from './token.ts'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const STRUCTURED = 'urn:nhs:names:services:gpconnect:structured:fhir:'
const DOCUMENTS = 'urn:nhs:names:services:gpconnect:documents:fhir:'

/** What differs from a good request for the metadata of the v1.2 service root. */
interface Difference {
  readonly profiles?: readonly string[]
  readonly method?: string
  readonly path?: string
  readonly interaction?: string
  readonly scope?: unknown
  readonly headers?: Case['request']['headers']
  readonly authorization?: string | null
  readonly token?: TokenOverrides
  readonly body?: string
  readonly tls?: Partial<Case['request']['tls']>
}

const NO_STORE = { 'Cache-Control': 'contains:no-store' }
const BAD_REQUEST: Expectation = {
  status: 400,
  body: 'OperationOutcome',
  severity: 'error',
  issueCode: 'invalid',
  spineErrorCode: 'BAD_REQUEST',
  headers: NO_STORE,
}
const SERVED: Expectation = { status: 200, headers: { ...NO_STORE, 'Strict-Transport-Security': 'present' } }
const NO_FHIR: Expectation = {
  ...BAD_REQUEST,
  status: 422,
  spineErrorCode: 'INVALID_RESOURCE',
  bodyJson: { '/issue/0/diagnostics': 'present' },
}
const UNSUPPORTED: Expectation = {
  status: 415,
  body: 'OperationOutcome',
  severity: 'error',
  spineErrorCode: 'BAD_REQUEST',
  headers: NO_STORE,
}

function refusedCertificate(status: number): Expectation {
  return {
    anyOf: [
      { connection: 'closed' },
      { status: [status], body: 'OperationOutcome', spineErrorCode: 'BAD_REQUEST', headers: NO_STORE },
    ],
  }
}

function notFound(spineErrorCode: string): Expectation {
  return { ...BAD_REQUEST, status: 404, issueCode: 'not-found', spineErrorCode }
}

function xml(body: string, status = 200): Expectation {
  return { status, body, contentType: 'application/fhir+xml', headers: NO_STORE }
}

/** All of them. */
export function moreCases(): readonly Case[] {
  return [
    ...certificates(),
    ...suites(),
    ...sspHeaders(),
    ...interactions(),
    ...tokens(),
    ...claims(),
    ...scopes(),
    ...formats(),
    ...answers(),
    ...bodies(),
    ...releases(),
  ]
}

function one(id: string, difference: Difference, expect: Expectation): Case {
  const { method = 'GET', path = '/metadata', interaction = `${BASE}rest:read:metadata-1`, token = {} } = difference
  const hasBody = difference.body !== undefined
  return {
    id,
    profiles: difference.profiles ?? ['1.x'],
    request: {
      method,
      path: path.startsWith('raw:') ? path.slice(4) : `{{base}}${path}`,
      headers: {
        'Ssp-TraceID': '{{trace_id}}',
        'Ssp-From': '{{asid_from}}',
        'Ssp-To': '{{asid_to}}',
        'Ssp-InteractionID': interaction,
        Accept: 'application/fhir+json',
        ...(hasBody && { 'Content-Type': 'application/fhir+json' }),
        ...difference.headers,
      },
      ...(difference.authorization !== undefined && { rawAuthorization: difference.authorization }),
      jwtOverrides: { ...token, set: { '/requested_scope': difference.scope ?? 'organization/*.read', ...token.set } },
      ...(difference.body !== undefined && { body: difference.body }),
      tls: { protocol: 'TLSv1.2', clientCert: 'ssp-valid', ...difference.tls },
    },
    expect,
  }
}

function certificates(): Case[] {
  const refused: readonly (ClientName | 'none')[] = [
    'none',
    'ssp-expired',
    'ssp-not-yet-valid',
    'ssp-wrong-fqdn',
    'ssp-untrusted-ca',
    'ssp-revoked',
    'ssp-revoked-sub-ca',
    'cn-ssp-san-other',
    'san-wildcard',
    'eku-serverauth-only',
  ]
  return [
    one('own: a certificate with only a CN is matched by it', { tls: { clientCert: 'cn-only' } }, SERVED),
    ...refused.flatMap((clientCert) => [
      one(
        `own: ${clientCert} is refused`,
        { tls: { clientCert } },
        refusedCertificate(clientCert === 'none' ? 496 : 495),
      ),
      one(
        `own: ${clientCert} is refused outside every root`,
        { tls: { clientCert }, path: 'raw:/' },
        refusedCertificate(clientCert === 'none' ? 496 : 495),
      ),
    ]),
  ]
}

function suites(): Case[] {
  const good = [
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'DHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES256-SHA',
    'DHE-RSA-AES256-SHA256',
    'DHE-RSA-AES256-SHA',
  ]
  const bad = [
    'AES128-SHA256',
    'AES256-GCM-SHA384',
    'AES256-SHA',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'DHE-RSA-AES256-CCM',
    'ADH-AES256-SHA256:@SECLEVEL=0',
  ]
  return [
    ...good.map((ciphers) =>
      one(`own: ${ciphers} is spoken`, { tls: { ciphers } }, { ...SERVED, tls: { cipher: ciphers } }),
    ),
    ...bad.map((ciphers) =>
      one(`own: ${ciphers} is not spoken`, { tls: { ciphers } }, { connection: 'handshake-failure' }),
    ),
    one(
      'own: the server chooses the suite',
      { tls: { ciphers: 'DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384' } },
      { ...SERVED, tls: { cipher: 'ECDHE-RSA-AES256-GCM-SHA384' } },
    ),
    ...['TLSv1', 'TLSv1.1'].map((protocol) =>
      one(
        `own: ${protocol} is not spoken`,
        { tls: { protocol, ciphers: 'ALL:@SECLEVEL=0' } },
        { connection: 'handshake-failure' },
      ),
    ),
  ]
}

function sspHeaders(): Case[] {
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
    one('own: Ssp-TraceID is no UUID', with_({ 'Ssp-TraceID': 'trace-1' }), BAD_REQUEST),
    one('own: Ssp-TraceID is a UUID with something behind it', with_({ 'Ssp-TraceID': '{{trace_id}}x' }), BAD_REQUEST),
    one(
      'own: Ssp-TraceID is a UUID in capitals',
      with_({ 'Ssp-TraceID': 'A1B2C3D4-0000-4000-8000-00000000000F' }),
      SERVED,
    ),
    one('own: Ssp-From has eleven digits', with_({ 'Ssp-From': '20000000035' }), BAD_REQUEST),
    one('own: Ssp-From has thirteen digits', with_({ 'Ssp-From': '2000000003590' }), BAD_REQUEST),
    one('own: Ssp-To is another ASID', with_({ 'Ssp-To': '123456789123' }), BAD_REQUEST),
    one('own: Ssp-To is the ASID of another root', with_({ 'Ssp-To': '{{asid_of_other_practice}}' }), BAD_REQUEST),
    one('own: Ssp-To is ours with something behind it', with_({ 'Ssp-To': '{{asid_to}}0' }), BAD_REQUEST),
    one(
      'own: an interaction ID has a trailing space',
      with_({ 'Ssp-InteractionID': `${BASE}rest:read:metadata-1   ` }),
      { ...SERVED },
    ),
    one(
      'own: header names have no case',
      { headers: { 'Ssp-InteractionID': null, 'ssp-interactionid': `${BASE}rest:read:metadata-1` } },
      SERVED,
    ),
    one(
      'own: Authorization is sent twice',
      { authorization: null, headers: { Authorization: ['Bearer {{jwt}}', 'Bearer {{jwt}}'] } },
      { ...BAD_REQUEST },
    ),
    one('own: a Forwarded header is let through', with_({ Forwarded: 'for=192.0.2.60;proto=http' }), SERVED),
    one('own: Accept may come in parts', { headers: { Accept: ['text/html', 'application/fhir+json'] } }, SERVED),
  ]
}

function interactions(): Case[] {
  const get = (path: string, interaction: string, scope: string): Difference => ({
    path,
    interaction: `${BASE}${interaction}`,
    scope,
  })
  const patient = 'patient/*.read'
  const organization = 'organization/*.read'
  return [
    ...['rest:read:metadata', 'REST:READ:METADATA-1', 'rest:read:metadata-1x', 'rest:read:metadata-10', ''].map((id) =>
      one(`own: ${id} is no interaction`, get('/metadata', id, organization), BAD_REQUEST),
    ),
    one('own: an ID in another case is unknown', { interaction: `${BASE}rest:read:Metadata-1` }, BAD_REQUEST),
    one('own: an inherited name is no ID', { interaction: 'constructor' }, BAD_REQUEST),
    one('own: a read ID on a search', get('/Patient', 'rest:read:patient-1', patient), BAD_REQUEST),
    one('own: a search ID on a read', get('/Patient/1', 'rest:search:patient-1', patient), BAD_REQUEST),
    one('own: a read ID on a compartment', get('/Patient/1/Appointment', 'rest:read:patient-1', patient), BAD_REQUEST),
    one(
      'own: create with an id',
      {
        method: 'POST',
        path: '/Appointment/1',
        interaction: `${BASE}rest:create:appointment-1`,
        scope: 'patient/*.write',
        body: '{}',
      },
      BAD_REQUEST,
    ),
    one('own: a create ID on a GET', get('/Appointment', 'rest:create:appointment-1', 'patient/*.write'), BAD_REQUEST),
    one(
      'own: an operation ID on another operation',
      {
        method: 'POST',
        path: '/Patient/$gpc.registerpatient',
        interaction: `${BASE}operation:gpc.getstructuredrecord-1`,
        scope: patient,
        body: '{{structured_body}}',
      },
      BAD_REQUEST,
    ),
    ...[
      '/Patient//1',
      '/Patient/1/',
      '/Patient/./1',
      '/Patient/..',
      '/Patient/.',
      '/Patient/%31',
      '/Patient/1%2fAppointment',
      '/patient/1',
      '/Patient/1;x',
      '/Patient/a_b',
      `/Patient/${'a'.repeat(65)}`,
      '/x/Patient/1',
      '//Patient/1',
    ].map((path) =>
      one(`own: ${path.slice(0, 30)} is not Patient/{id}`, get(path, 'rest:read:patient-1', patient), BAD_REQUEST),
    ),
    ...['/metadatas', '/Metadata', '/metadata/', '/metadata/1', '/%6detadata', '', '/'].map((path) =>
      one(
        `own: ${path} is not /metadata`,
        { path },
        { status: [400, 404], body: 'OperationOutcome', headers: NO_STORE },
      ),
    ),
    ...[
      'raw:/',
      'raw:/metadata',
      'raw:/GP0001/STU3/1/other/metadata',
      'raw:/gp0001/STU3/1/gpconnect/metadata',
      'raw:/GP0001/STU3/1/gpconnectx/metadata',
      'raw:/x/GP0001/STU3/1/gpconnect/metadata',
      'raw:/GP0001/STU3/1/gpconnect/../gpconnect/metadata',
    ].map((path) =>
      one(`own: ${path.slice(4)} is below no root`, { path }, { ...BAD_REQUEST, contentType: 'application/fhir+json' }),
    ),
    ...['HEAD', 'OPTIONS', 'PATCH', 'DELETE', 'PUT', 'POST', 'TRACE'].map((method) =>
      one(
        `own: ${method} /metadata`,
        { method },
        { status: { not: 200 }, headers: NO_STORE, ...(method !== 'HEAD' && { body: 'OperationOutcome' }) },
      ),
    ),
    one('own: an empty id', get('/Appointment/', 'rest:read:appointment-1', patient), notFound('NO_RECORD_FOUND')),
    one(
      'own: an empty id with a query',
      get('/Appointment/?x=1', 'rest:read:appointment-1', patient),
      notFound('NO_RECORD_FOUND'),
    ),
    one('own: an empty patient id', get('/Patient/', 'rest:read:patient-1', patient), notFound('PATIENT_NOT_FOUND')),
    one(
      'own: a known interaction without a handler',
      get('/HealthcareService/1', 'rest:read:healthcareservice-1', organization),
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
    one(
      'own: updating has no handler',
      {
        method: 'PUT',
        path: '/Appointment/1',
        interaction: `${BASE}rest:update:appointment-1`,
        scope: 'patient/*.write',
        body: '{"resourceType":"Appointment"}',
      },
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
    one(
      'own: cancelling shares its route',
      {
        method: 'PUT',
        path: '/Appointment/1',
        interaction: `${BASE}rest:cancel:appointment-1`,
        scope: 'patient/*.write',
        body: '{"resourceType":"Appointment"}',
      },
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
    one('own: the structured metadata share the path', { interaction: `${STRUCTURED}rest:read:metadata-1` }, SERVED),
    one(
      'own: an interaction of a later release',
      { path: '/Binary/1', interaction: `${DOCUMENTS}rest:read:binary-1`, scope: patient },
      BAD_REQUEST,
    ),
    ...(
      [
        ['Patient', patient, 'PATIENT_NOT_FOUND'],
        ['Practitioner', organization, 'PRACTITIONER_NOT_FOUND'],
        ['Organization', organization, 'ORGANISATION_NOT_FOUND'],
        ['Location', organization, 'NO_RECORD_FOUND'],
        ['Appointment', patient, 'NO_RECORD_FOUND'],
      ] as const
    ).map(([type, scope, code]) =>
      one(
        `own: an unknown ${type}`,
        get(`/${type}/no-such-id`, `rest:read:${type.toLowerCase()}-1`, scope),
        notFound(code),
      ),
    ),
  ]
}

function tokens(): Case[] {
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
    one('own: the scheme has no case', { profiles: both, authorization: 'bearer {{jwt}}' }, SERVED),
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
      'own: the members of the header have no order',
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

function claims(): Case[] {
  const both = ['0.x', '1.x']
  const names = [
    'iss',
    'sub',
    'aud',
    'exp',
    'iat',
    'reason_for_request',
    'requested_scope',
    'requesting_device',
    'requesting_organization',
    'requesting_practitioner',
  ]
  const set = (pointer: string, value: unknown): TokenOverrides => ({ set: { [pointer]: value } })
  const wrong = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, BAD_REQUEST)
  const right = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, SERVED)
  const notFhir = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, NO_FHIR)
  return [
    ...names.flatMap((name) => [
      wrong(`${name} is missing`, { remove: [`/${name}`] }),
      wrong(`${name} is in another case`, { renameClaim: { [name]: name.toUpperCase() } }),
      ...[null, 0, 'invalid', '', true, [], {}]
        .filter((value) => !(isObject(value) && name.startsWith('requesting_')))
        .map((value) => wrong(`${name} is ${JSON.stringify(value)}`, set(`/${name}`, value))),
    ]),
    wrong('iss is a relative reference', set('/iss', '/consumer')),
    wrong('iss is no web address', set('/iss', 'urn:consumer')),
    wrong('sub is somebody else', set('/sub', '2')),
    wrong('the practitioner is somebody else', set('/requesting_practitioner/id', '2')),
    wrong('sub and practitioner are blank', { set: { '/sub': ' ', '/requesting_practitioner/id': ' ' } }),
    wrong('aud is another root of this server', set('/aud', 'https://provider.example.test/GP0002/STU3/1/gpconnect')),
    wrong('aud is a list', set('/aud', ['https://authorize.fhir.nhs.net/token'])),
    wrong('aud has a slash behind it', set('/aud', 'https://provider.example.test/GP0001/STU3/1/gpconnect/')),
    right('aud is the one of 0.x', set('/aud', 'https://authorize.fhir.nhs.net/token')),
    wrong('0.x wants its own audience', set('/aud', 'https://provider.example.test/GP0001/DSTU2/0/gpconnect'), ['0.x']),
    ...[299, 301, 0, -1, 600, 300.5].map((expAfterIatSeconds) =>
      wrong(`a token lives ${expAfterIatSeconds} seconds`, { expAfterIatSeconds }),
    ),
    wrong('a token expired a second ago', { iatOffsetSeconds: -301 }),
    wrong('a token expires now', { iatOffsetSeconds: -300 }),
    right('a token has ten seconds left', { iatOffsetSeconds: -290 }),
    right('iat lies in the future', { iatOffsetSeconds: 200 }),
    wrong('exp is a text', set('/exp', '4102444800')),
    wrong('iat is a text', set('/iat', '4102444500')),
    wrong('exp is a fraction', set('/exp', 4102444800.5)),
    wrong('reason_for_request in capitals', set('/reason_for_request', 'DirectCare')),
    wrong('reason_for_request is migration before 1.6', set('/reason_for_request', 'migration')),
    ...['requesting_device', 'requesting_organization', 'requesting_practitioner'].flatMap((claim) => [
      notFhir(`${claim} has an unknown element`, set(`/${claim}/invalidField`, 'x')),
      notFhir(`${claim} has an inherited name`, set(`/${claim}/constructor`, 'x')),
      notFhir(`${claim} has an unknown element in its identifier`, set(`/${claim}/identifier/0/invalidField`, 'x')),
      notFhir(`${claim} is an unknown resource`, set(`/${claim}/resourceType`, 'InvalidResourceType'), ['1.x']),
      wrong(`${claim} is an unknown resource in 0.x`, set(`/${claim}/resourceType`, 'InvalidResourceType'), ['0.x']),
      wrong(`${claim} is another resource`, set(`/${claim}/resourceType`, 'Observation')),
      wrong(`${claim} has no identifier`, { remove: [`/${claim}/identifier`] }),
      wrong(`${claim} has an empty list of identifiers`, set(`/${claim}/identifier`, [])),
      wrong(`${claim} has an identifier that is null`, set(`/${claim}/identifier`, null)),
      wrong(`${claim} has an identifier without a value`, { remove: [`/${claim}/identifier/0/value`] }),
      wrong(`${claim} has an identifier without a system`, { remove: [`/${claim}/identifier/0/system`] }),
      wrong(`${claim} has an identifier with a blank value`, set(`/${claim}/identifier/0/value`, ' ')),
      right(
        `${claim} has an extension`,
        set(`/${claim}/extension`, [{ url: 'https://example.test/x', valueString: 'x' }]),
      ),
      right(`${claim} has a meta`, set(`/${claim}/meta`, { profile: ['https://example.test/x'] })),
    ]),
    notFhir('STU3 has no expiry of a device', set('/requesting_device/expiry', '2030-01-01'), ['1.x']),
    notFhir('STU3 has no practitionerRole', set('/requesting_practitioner/practitionerRole', []), ['1.x']),
    notFhir('DSTU2 has no expirationDate', set('/requesting_device/expirationDate', '2030-01-01'), ['0.x']),
    notFhir('DSTU2 has no alias', set('/requesting_organization/alias', ['x']), ['0.x']),
    right('DSTU2 has an expiry', set('/requesting_device/expiry', '2030-01-01'), ['0.x']),
    right('a device says more', set('/requesting_device/manufacturer', 'x')),
    right('an organisation has an alias', set('/requesting_organization/alias', ['x']), ['1.x']),
    right('a practitioner has a telecom', set('/requesting_practitioner/telecom', [{ system: 'phone', value: 'x' }])),
    right('a primitive has an id', set('/requesting_practitioner/_gender', { id: 'g' })),
    notFhir('a complex element has no sibling', set('/requesting_practitioner/_name', [{}])),
    wrong('the device has no model', { remove: ['/requesting_device/model'] }),
    wrong('the device has no version', { remove: ['/requesting_device/version'] }),
    wrong('the device has a blank model', set('/requesting_device/model', '')),
    wrong('the device has no id in 0.x', { remove: ['/requesting_device/id'] }, ['0.x']),
    wrong('the organisation has no id in 0.x', { remove: ['/requesting_organization/id'] }, ['0.x']),
    wrong('the organisation has no name', { remove: ['/requesting_organization/name'] }),
    wrong(
      'the organisation has no ODS code',
      set('/requesting_organization/identifier/0/system', 'https://example.test/Id/x'),
    ),
    wrong(
      'the ODS code is that of 0.x',
      set('/requesting_organization/identifier/0/system', 'http://fhir.nhs.net/Id/ods-organization-code'),
      ['1.x'],
    ),
    wrong('the practitioner has no id', { remove: ['/requesting_practitioner/id'] }),
    wrong('the practitioner has no name', { remove: ['/requesting_practitioner/name'] }),
    wrong('the practitioner has no family name', { remove: ['/requesting_practitioner/name/0/family'] }, ['1.x']),
    wrong('the practitioner has no given name', { remove: ['/requesting_practitioner/name/0/given'] }, ['1.x']),
    wrong('the practitioner has no family name in 0.x', { remove: ['/requesting_practitioner/name/family'] }, ['0.x']),
    wrong('the practitioner has no given name in 0.x', { remove: ['/requesting_practitioner/name/given'] }, ['0.x']),
    right('the practitioner has no prefix', { remove: ['/requesting_practitioner/name/0/prefix'] }, ['1.x']),
    right('the practitioner has no role in 0.x', { remove: ['/requesting_practitioner/practitionerRole'] }, ['0.x']),
    wrong(
      'the practitioner has no SDS user id',
      set('/requesting_practitioner/identifier/0/system', 'https://example.test/Id/x'),
    ),
    right('the SDS user id is UNK', set('/requesting_practitioner/identifier/0/value', 'UNK')),
    right('the practitioner has the SDS user id only', {
      removeIdentifiersExcept: { '/requesting_practitioner/identifier': ['https://fhir.nhs.uk/Id/sds-user-id'] },
    }),
    wrong('requested_record is no part of 1.x', set('/requested_record', { resourceType: 'Patient' }), ['1.x']),
    wrong('requested_record is missing in 0.x', { remove: ['/requested_record'] }, ['0.x']),
    wrong('requested_record has an invalid NHS number', set('/requested_record/identifier/0/value', '9000000008'), [
      '0.x',
    ]),
    wrong('requested_record is another resource', set('/requested_record/resourceType', 'Observation'), ['0.x']),
    wrong('requested_record is an unknown resource', set('/requested_record/resourceType', 'InvalidResourceType'), [
      '0.x',
    ]),
    notFhir('requested_record has an unknown element', set('/requested_record/invalidField', 'x'), ['0.x']),
    right(
      'requested_record is an organisation',
      set('/requested_record', {
        resourceType: 'Organization',
        identifier: [{ system: 'http://fhir.nhs.net/Id/ods-organization-code', value: 'GPCA0001' }],
      }),
      ['0.x'],
    ),
  ]
}

function scopes(): Case[] {
  const all = ['patient/*.read', 'patient/*.write', 'organization/*.read', 'organization/*.write']
  const endpoints: readonly (readonly [string, string, string, string])[] = [
    ['GET', '/metadata', 'rest:read:metadata-1', 'organization/*.read'],
    ['GET', '/Patient/1', 'rest:read:patient-1', 'patient/*.read'],
    [
      'GET',
      '/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9000000009',
      'rest:search:patient-1',
      'patient/*.read',
    ],
    [
      'GET',
      '/Patient/1/Appointment?start=ge{{today}}&start=le{{today_plus_14}}',
      'rest:search:patient_appointments-1',
      'patient/*.read',
    ],
    ['GET', '/Appointment/1', 'rest:read:appointment-1', 'patient/*.read'],
    ['GET', '/Organization/1', 'rest:read:organization-1', 'organization/*.read'],
    [
      'GET',
      '/Organization?identifier=https://fhir.nhs.uk/Id/ods-organization-code%7C{{ods_code}}',
      'rest:search:organization-1',
      'organization/*.read',
    ],
    ['GET', '/Practitioner/1', 'rest:read:practitioner-1', 'organization/*.read'],
    [
      'GET',
      '/Practitioner?identifier=https://fhir.nhs.uk/Id/sds-user-id%7C{{sds_user_id}}',
      'rest:search:practitioner-1',
      'organization/*.read',
    ],
    ['GET', '/Location/1', 'rest:read:location-1', 'organization/*.read'],
    ['GET', '/Slot?start=ge{{today}}&end=le{{today_plus_7}}&status=free', 'rest:search:slot-1', 'organization/*.read'],
    ['POST', '/Patient/$gpc.getstructuredrecord', 'operation:gpc.getstructuredrecord-1', 'patient/*.read'],
    ['POST', '/Patient/$gpc.registerpatient', 'operation:gpc.registerpatient-1', 'patient/*.write'],
  ]
  const bodyOf = (path: string): object =>
    path.includes('$gpc.getstr')
      ? { body: '{{structured_body}}' }
      : path.includes('$gpc.reg')
        ? { body: '{{register_body}}' }
        : {}
  const writes = [
    ['POST', '/Appointment', 'rest:create:appointment-1'],
    ['PUT', '/Appointment/1', 'rest:update:appointment-1'],
    ['PUT', '/Appointment/1', 'rest:cancel:appointment-1'],
  ] as const
  const odd = [
    '',
    ' ',
    'badScope',
    'encounter/*.read',
    'Patient/*.read',
    'patient/*.READ',
    'patient/*.read ',
    ' patient/*.read',
    'patient/*.*',
    'patient/*',
    'patient/*.read patient/*.write',
    'patient/*.read,patient/*.write',
    'patient/*.read\n',
    ['patient/*.read'],
    'patient/*.read conf/N',
    'patient/*.read conf/R',
  ]
  return [
    ...endpoints.flatMap(([method, path, interaction, needed]) =>
      all.map((scope) =>
        one(
          `own: ${method} ${path.split('?')[0]} ${interaction} with ${scope}`,
          { method, path, interaction: `${BASE}${interaction}`, scope, ...bodyOf(path) },
          scope === needed
            ? SERVED
            : { ...BAD_REQUEST, headers: { ...NO_STORE, 'WWW-Authenticate': 'contains:insufficient_scope' } },
        ),
      ),
    ),
    ...writes.flatMap(([method, path, interaction]) =>
      all
        .filter((scope) => scope !== 'patient/*.write')
        .map((scope) =>
          one(
            `own: ${interaction} with ${scope}`,
            { method, path, interaction: `${BASE}${interaction}`, scope, body: '{"resourceType":"Appointment"}' },
            BAD_REQUEST,
          ),
        ),
    ),
    ...odd.map((scope) =>
      one(
        `own: ${JSON.stringify(scope)} is no scope`,
        { path: '/Patient/1', interaction: `${BASE}rest:read:patient-1`, scope },
        BAD_REQUEST,
      ),
    ),
  ]
}

function formats(): Case[] {
  const accept = (value: string | null, query = '', contentType?: string): Difference => ({
    path: `/metadata${query}`,
    headers: { Accept: value, ...(contentType !== undefined && { 'Content-Type': contentType }) },
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
    one('own: XML before anything', accept('application/fhir+xml, */*'), inXml),
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
        ['a text', '?_format=text/plain'],
        ['JSON that is not of FHIR', '?_format=application/json'],
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
    ].map((type) =>
      one(`own: Content-Type is ${JSON.stringify(type)}`, accept('application/fhir+json', '', type), UNSUPPORTED),
    ),
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
    one('own: gzip is not wanted', { headers: { 'Accept-Encoding': 'gzip;q=0' } }, json),
  ]
}

function answers(): Case[] {
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
      'own: a handler that asks to be cached',
      { path: '/__public-cache', interaction: 'urn:test:public-cache' },
      { ...SERVED, headers: { 'Cache-Control': 'equals:no-store' } },
    ),
    raw('own: no HTTP', 'BLAH\r\n\r\n', [400]),
    raw('own: no Host', 'GET {{base}}/metadata HTTP/1.1\r\n\r\n', [400]),
    raw(
      'own: two lengths',
      'POST {{base}}/metadata HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      [400],
    ),
    raw(
      'own: a length and chunks',
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
      'own: an outcome of 0.x has its own',
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

function bodies(): Case[] {
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
      'own: a body in XML that is not',
      post('{"resourceType":"Parameters"}', { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    one(
      'own: a body in XML with a document type',
      post(`<!DOCTYPE x [<!ENTITY a "b">]>${parameters}`, { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    one(
      'own: a body in XML that nests too deep',
      post(`${'<a>'.repeat(100)}${'</a>'.repeat(100)}`, { 'Content-Type': 'application/fhir+xml' }),
      BAD_REQUEST,
    ),
    ...['{', '[]', '"text"', 'null', '{"a":1,"a":2}', `{"a":${'['.repeat(60)}${']'.repeat(60)}}`].map((body) =>
      one(`own: the body is ${body.slice(0, 20)}`, post(body), BAD_REQUEST),
    ),
    one('own: a body nests very deep', post('[{{repeat:[:60000}}'), BAD_REQUEST),
    one('own: a body without a type', post('{{structured_body}}', { 'Content-Type': null }), UNSUPPORTED),
    one('own: a form', post('a=b', { 'Content-Type': 'application/x-www-form-urlencoded' }), UNSUPPORTED),
    one('own: a body in another coding', post('{{structured_body}}', { 'Content-Encoding': 'br' }), UNSUPPORTED),
    one('own: a body that is no gzip', post('{{structured_body}}', { 'Content-Encoding': 'gzip' }), BAD_REQUEST),
    one('own: a body that inflates beyond the bound', post('{{gzip_bomb}}', { 'Content-Encoding': 'gzip' }), tooLarge),
    one('own: a body that is larger than the bound', post('{"a":"{{repeat:a:300000}}"}'), tooLarge),
  ]
}

function releases(): Case[] {
  const migrate: Difference = {
    profiles: ['1.6+'],
    method: 'POST',
    path: '/Patient/$gpc.migratestructuredrecord',
    interaction: `${BASE}operation:gpc.migratestructuredrecord-1`,
    scope: 'patient/*.read conf/R',
    token: { set: { '/reason_for_request': 'migration' } },
    body: '{{migrate_body}}',
  }
  const patient: Difference = { profiles: ['1.6+'], path: '/Patient/1', interaction: `${BASE}rest:read:patient-1` }
  const care: Difference = {
    profiles: ['0.x'],
    method: 'POST',
    path: '/Patient/$gpc.getcarerecord',
    interaction: `${BASE}operation:gpc.getcarerecord`,
    scope: 'patient/*.read',
    body: '{{getcarerecord_body}}',
  }
  const documents: Difference = { profiles: ['documents'], interaction: `${DOCUMENTS}rest:read:metadata-1` }
  return [
    one('own: a record migrates', migrate, SERVED),
    one(
      'own: a record migrates without its practitioner details',
      {
        ...migrate,
        token: {
          set: { '/reason_for_request': 'migration' },
          remove: ['/requesting_practitioner/name', '/requesting_practitioner/identifier'],
        },
      },
      SERVED,
    ),
    one('own: a record migrates without sensitive parts', { ...migrate, scope: 'patient/*.read' }, SERVED),
    one('own: a record does not migrate to write', { ...migrate, scope: 'patient/*.write conf/R' }, BAD_REQUEST),
    one('own: a patient without sensitive parts', { ...patient, scope: 'patient/*.read conf/N' }, SERVED),
    one('own: sensitive parts are for migration', { ...patient, scope: 'patient/*.read conf/R' }, BAD_REQUEST),
    ...[
      'patient/*.read conf/X',
      'patient/*.read  conf/N',
      'conf/N patient/*.read',
      'conf/N',
      'patient/*.read conf/N conf/R',
      'patient/*.read conf/n',
    ].map((scope) => one(`own: 1.6 does not know ${scope}`, { ...patient, scope }, BAD_REQUEST)),
    one(
      'own: migration is a reason in 1.6',
      { ...patient, scope: 'patient/*.read', token: { set: { '/reason_for_request': 'migration' } } },
      SERVED,
    ),
    one('own: a care record', care, SERVED),
    one(
      'own: a care record of somebody else',
      { ...care, token: { set: { '/requested_record/identifier/0/value': '{{nhs_number_other}}' } } },
      BAD_REQUEST,
    ),
    one(
      'own: a care record of an organisation',
      {
        ...care,
        token: {
          set: {
            '/requested_record': {
              resourceType: 'Organization',
              identifier: [{ system: 'http://fhir.nhs.net/Id/ods-organization-code', value: 'GPCA0001' }],
            },
          },
        },
      },
      BAD_REQUEST,
    ),
    one('own: a care record of nobody', { ...care, body: '{"resourceType":"Parameters"}' }, BAD_REQUEST),
    ...['patient/*.write', 'organization/*.read', 'organization/*.write'].map((scope) =>
      one(`own: a care record with ${scope}`, { ...care, scope }, BAD_REQUEST),
    ),
    one(
      'own: 0.x speaks its own media types',
      { profiles: ['0.x'], headers: { Accept: 'application/fhir+xml' } },
      { status: 200, body: 'CapabilityStatement', contentType: 'application/fhir+xml' },
    ),
    one('own: the metadata of the documents root', documents, SERVED),
    one(
      'own: the documents root knows no appointments',
      { ...documents, path: '/Appointment/1', interaction: `${BASE}rest:read:appointment-1`, scope: 'patient/*.read' },
      BAD_REQUEST,
    ),
    one(
      'own: a document has no handler',
      { ...documents, path: '/Binary/1', interaction: `${DOCUMENTS}rest:read:binary-1`, scope: 'patient/*.read' },
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
  ]
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
