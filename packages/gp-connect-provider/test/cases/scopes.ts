/** Cases for requested_scope and the endpoints that it allows. */
import type { Case } from './case.ts'
import { BAD_REQUEST, BASE, NO_STORE, one, SERVED } from './own-case.ts'

export function scopes(): Case[] {
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
        `own: ${JSON.stringify(scope)} is not a scope`,
        { path: '/Patient/1', interaction: `${BASE}rest:read:patient-1`, scope },
        BAD_REQUEST,
      ),
    ),
  ]
}
