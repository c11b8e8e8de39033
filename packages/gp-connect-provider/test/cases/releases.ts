/** Cases for the differences between releases. */
import type { Case, Expectation } from './case.ts'
import { BAD_REQUEST, BASE, type Difference, DOCUMENTS, one, SERVED } from './own-case.ts'

/** The documents have no handlers in tests: a request that passes the checks is answered with 501. */
const NOT_IMPLEMENTED: Expectation = { status: 501, body: 'OperationOutcome', spineErrorCode: 'NOT_IMPLEMENTED' }

export function releases(): Case[] {
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
  const structured: Difference = {
    profiles: ['1.6+'],
    method: 'POST',
    path: '/Patient/$gpc.getstructuredrecord',
    interaction: `${BASE}operation:gpc.getstructuredrecord-1`,
    body: '{{structured_body}}',
  }
  const search: Difference = {
    profiles: ['1.6+'],
    path: '/Patient/1/DocumentReference',
    interaction: `${DOCUMENTS}rest:search:documentreference-1`,
  }
  const retrieve: Difference = {
    profiles: ['1.6+'],
    path: '/Binary/1',
    interaction: `${DOCUMENTS}rest:read:binary-1`,
  }
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
    ...['', '/id', '/identifier', '/name'].map((element) =>
      one(
        `own: a record migrates without requesting_practitioner${element}`,
        {
          ...migrate,
          token: { set: { '/reason_for_request': 'migration' }, remove: [`/requesting_practitioner${element}`] },
        },
        SERVED,
      ),
    ),
    one(
      'own: a record does not migrate for another user',
      { ...migrate, token: { set: { '/reason_for_request': 'migration', '/requesting_practitioner/id': '2' } } },
      BAD_REQUEST,
    ),
    one(
      'own: a record does not migrate without sub',
      { ...migrate, token: { set: { '/reason_for_request': 'migration' }, remove: ['/sub'] } },
      BAD_REQUEST,
    ),
    one(
      'own: a record does not migrate for another resource',
      { ...migrate, token: { set: { '/reason_for_request': 'migration', '/requesting_practitioner': null } } },
      BAD_REQUEST,
    ),
    one('own: a record migrates without sensitive parts', { ...migrate, scope: 'patient/*.read' }, SERVED),
    one(
      'own: a record does not migrate with a write scope',
      { ...migrate, scope: 'patient/*.write conf/R' },
      BAD_REQUEST,
    ),
    one('own: a patient without sensitive parts', { ...patient, scope: 'patient/*.read conf/N' }, SERVED),
    one('own: a patient has no restricted parts', { ...patient, scope: 'patient/*.read conf/R' }, BAD_REQUEST),
    ...[
      'patient/*.read conf/X',
      'patient/*.read  conf/N',
      'conf/N conf/N patient/*.read',
      'patient/*.read patient/*.read',
      'conf/N  patient/*.read',
      ' conf/N patient/*.read',
      'conf/N',
      'patient/*.read conf/N conf/R',
      'patient/*.read conf/n',
    ].map((scope) => one(`own: 1.6 refuses ${scope}`, { ...patient, scope }, BAD_REQUEST)),
    ...['patient/*.read conf/R', 'conf/R patient/*.read', 'conf/N patient/*.read'].flatMap((scope) => [
      one(`own: 1.6 allows ${scope} for the structured record`, { ...structured, scope }, SERVED),
      one(`own: 1.6 allows ${scope} for a migration`, { ...migrate, scope }, SERVED),
      one(`own: 1.6 allows ${scope} for the search for documents`, { ...search, scope }, NOT_IMPLEMENTED),
      one(`own: 1.6 allows ${scope} for a document`, { ...retrieve, scope }, NOT_IMPLEMENTED),
    ]),
    one('own: 1.6 allows the confidentiality first', { ...patient, scope: 'conf/N patient/*.read' }, SERVED),
    one(
      'own: 1.2 has no restricted structured record',
      { ...structured, profiles: ['1.x'], scope: 'patient/*.read conf/R' },
      BAD_REQUEST,
    ),
    one(
      'own: documents before 1.6 have no restricted parts',
      { ...search, profiles: ['documents'], scope: 'patient/*.read conf/R' },
      BAD_REQUEST,
    ),
    one(
      'own: migration is a reason in 1.6',
      { ...patient, scope: 'patient/*.read', token: { set: { '/reason_for_request': 'migration' } } },
      SERVED,
    ),
    one('own: a care record', care, SERVED),
    one(
      'own: a care record of another patient',
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
    one('own: a care record without a patient', { ...care, body: '{"resourceType":"Parameters"}' }, BAD_REQUEST),
    ...['patient/*.write', 'organization/*.read', 'organization/*.write'].map((scope) =>
      one(`own: a care record with ${scope}`, { ...care, scope }, BAD_REQUEST),
    ),
    one(
      'own: 0.x uses its own media types',
      { profiles: ['0.x'], headers: { Accept: 'application/fhir+xml' } },
      { status: 200, body: 'CapabilityStatement', contentType: 'application/fhir+xml' },
    ),
    one('own: the metadata of the documents root', documents, SERVED),
    one(
      'own: the documents root has no appointments',
      { ...documents, path: '/Appointment/1', interaction: `${BASE}rest:read:appointment-1`, scope: 'patient/*.read' },
      BAD_REQUEST,
    ),
    one(
      'own: a document without a handler',
      { ...documents, path: '/Binary/1', interaction: `${DOCUMENTS}rest:read:binary-1`, scope: 'patient/*.read' },
      { ...BAD_REQUEST, status: 501, issueCode: 'not-supported', spineErrorCode: 'NOT_IMPLEMENTED' },
    ),
  ]
}
