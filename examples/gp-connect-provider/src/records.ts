/** Fixture data: the records of one practice. Elements have the order of FHIR, so that they can be written as XML. */
import type { Resource } from '@formbuilder/gp-connect-provider'

/** The NHS number of the patient. */
export const NHS_NUMBER = '9000000009'
const ODS_CODE = 'GPCA0001'
const SDS_USER_ID = 'GCASDS0001'

/** The identifier system of NHS numbers. */
export const NHS_NUMBER_SYSTEM = 'https://fhir.nhs.uk/Id/nhs-number'

const VERSION = { versionId: '1', lastUpdated: '2026-01-05T09:00:00.000Z' }

const PATIENT: Resource = {
  resourceType: 'Patient',
  id: '1',
  meta: { ...VERSION, profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1'] },
  identifier: [{ system: NHS_NUMBER_SYSTEM, value: NHS_NUMBER }],
  active: true,
  name: [{ use: 'official', family: 'Jackson', given: ['Jane'], prefix: ['Miss'] }],
  gender: 'female',
  birthDate: '1952-05-31',
  generalPractitioner: [{ reference: 'Practitioner/1' }],
  managingOrganization: { reference: 'Organization/1' },
}

const ORGANIZATION: Resource = {
  resourceType: 'Organization',
  id: '1',
  meta: { ...VERSION, profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1'] },
  identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: ODS_CODE }],
  name: 'The Example Practice',
}

const PRACTITIONER: Resource = {
  resourceType: 'Practitioner',
  id: '1',
  meta: { ...VERSION, profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Practitioner-1'] },
  identifier: [{ system: 'https://fhir.nhs.uk/Id/sds-user-id', value: SDS_USER_ID }],
  name: [{ use: 'official', family: 'Gilbert', given: ['Nichole'], prefix: ['Dr'] }],
  gender: 'female',
}

const LOCATION: Resource = {
  resourceType: 'Location',
  id: '1',
  meta: { ...VERSION, profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Location-1'] },
  name: 'The Example Practice, main site',
  managingOrganization: { reference: 'Organization/1' },
}

const APPOINTMENT: Resource = {
  resourceType: 'Appointment',
  id: '1',
  meta: { ...VERSION, profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1'] },
  status: 'booked',
  description: 'Review',
  start: '2027-03-01T10:00:00+00:00',
  end: '2027-03-01T10:10:00+00:00',
  slot: [{ reference: 'Slot/1' }],
  participant: [
    { actor: { reference: 'Patient/1' }, status: 'accepted' },
    { actor: { reference: 'Location/1' }, status: 'accepted' },
  ],
}

/** A free slot. */
export const SLOT: Resource = {
  resourceType: 'Slot',
  id: '1',
  meta: { profile: ['https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Slot-1'] },
  schedule: { reference: 'Schedule/1' },
  status: 'free',
  start: '2027-03-01T10:10:00+00:00',
  end: '2027-03-01T10:20:00+00:00',
}

/** Every resource that can be read, by type and id. */
export const RECORDS: ReadonlyMap<string, Resource> = new Map(
  [PATIENT, ORGANIZATION, PRACTITIONER, LOCATION, APPOINTMENT].map((one) => [`${one.resourceType}/${one['id']}`, one]),
)

/** The ODS code of the practice where the patient is registered. */
export const REGISTERED_AT = ODS_CODE

/** The resources of a type with an identifier, which is written `system|value` as in a search. */
export function findByIdentifier(type: string, token: string): Resource[] {
  return [...RECORDS.values()].filter((one) => one.resourceType === type && identifiersOf(one).includes(token))
}

/** A Bundle of search results. */
export function searchset(resources: readonly Resource[]): Resource {
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total: resources.length,
    ...(resources.length > 0 && { entry: resources.map((resource) => ({ resource })) }),
  }
}

function identifiersOf(resource: Resource): string[] {
  const identifiers = resource['identifier'] as readonly { system: string; value: string }[] | undefined
  return (identifiers ?? []).map(({ system, value }) => `${system}|${value}`)
}
