/** Cases for interactions, methods and paths. */
import type { Case } from './case.ts'
import {
  BAD_REQUEST,
  BASE,
  type Difference,
  DOCUMENTS,
  NO_STORE,
  notFound,
  one,
  SERVED,
  STRUCTURED,
} from './own-case.ts'

export function interactions(): Case[] {
  const get = (path: string, interaction: string, scope: string): Difference => ({
    path,
    interaction: `${BASE}${interaction}`,
    scope,
  })
  const patient = 'patient/*.read'
  const organization = 'organization/*.read'
  return [
    ...['rest:read:metadata', 'REST:READ:METADATA-1', 'rest:read:metadata-1x', 'rest:read:metadata-10', ''].map((id) =>
      one(`own: ${id} is not an interaction`, get('/metadata', id, organization), BAD_REQUEST),
    ),
    one('own: an ID in a different case is unknown', { interaction: `${BASE}rest:read:Metadata-1` }, BAD_REQUEST),
    one('own: an inherited name is not an ID', { interaction: 'constructor' }, BAD_REQUEST),
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
      one(
        `own: ${path.slice(4)} is outside every root`,
        { path },
        { ...BAD_REQUEST, contentType: 'application/fhir+json' },
      ),
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
      'own: an empty id of a healthcare service',
      get('/HealthcareService/', 'rest:read:healthcareservice-1', organization),
      BAD_REQUEST,
    ),
    one(
      'own: an absolute target',
      { ...get('/Patient/1', 'rest:read:patient-1', patient), path: 'raw:https://localhost{{base}}/Patient/1' },
      SERVED,
    ),
    one(
      'own: an absolute target of another host',
      { ...get('/Patient/1', 'rest:read:patient-1', patient), path: 'raw:https://other.example{{base}}/Patient/1' },
      BAD_REQUEST,
    ),
    one(
      'own: a known interaction without a handler',
      get('/HealthcareService/1', 'rest:read:healthcareservice-1', organization),
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
    one(
      'own: an update without a handler',
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
      'own: a cancellation on the same path',
      {
        method: 'PUT',
        path: '/Appointment/1',
        interaction: `${BASE}rest:cancel:appointment-1`,
        scope: 'patient/*.write',
        body: '{"resourceType":"Appointment"}',
      },
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
    one('own: the structured metadata on the same path', { interaction: `${STRUCTURED}rest:read:metadata-1` }, SERVED),
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
