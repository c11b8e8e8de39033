/** The handlers of the interactions that the example implements. */
import {
  type FailureCode,
  type Interaction,
  isNhsNumber,
  ProviderError,
  parameter,
  parameterIdentifier,
  type Resource,
  type Transaction,
} from '@formbuilder/gp-connect-provider'
import { capabilityStatement } from './capability-statement.ts'
import { findByIdentifier, NHS_NUMBER_SYSTEM, RECORDS, REGISTERED_AT, SLOT, searchset } from './records.ts'

/** Two further interactions for tests: one fails, one sets Cache-Control. */
export const TEST_INTERACTIONS: readonly Interaction[] = [
  { id: 'urn:test:throw', method: 'GET', path: '__throw', scope: 'organization/*.read' },
  { id: 'urn:test:public-cache', method: 'GET', path: '__public-cache', scope: 'organization/*.read' },
]

/** What answers an interaction, with Koa or without: a resource, whose answer may get further headers. */
export type Handler = (transaction: Transaction, answer: AnswerHeaders) => Resource

/** The headers of an answer. Koa's context has this method, and the response of Express. */
export interface AnswerHeaders {
  set(name: string, value: string): unknown
}

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const STRUCTURED = 'urn:nhs:names:services:gpconnect:structured:fhir:'
const DOCUMENTS = 'urn:nhs:names:services:gpconnect:documents:fhir:'

/** The handlers by interaction ID. Other interactions are answered with 501. */
// biome-ignore format: a table
export const HANDLERS: Readonly<Record<string, Handler>> = {
  [`${BASE}rest:read:metadata`]:                      capabilityStatement,
  [`${BASE}rest:read:metadata-1`]:                    capabilityStatement,
  [`${STRUCTURED}rest:read:metadata-1`]:              capabilityStatement,
  [`${DOCUMENTS}rest:read:metadata-1`]:               capabilityStatement,
  [`${BASE}rest:read:patient-1`]:                     read('Patient', 'PATIENT_NOT_FOUND'),
  [`${BASE}rest:read:practitioner-1`]:                read('Practitioner', 'PRACTITIONER_NOT_FOUND'),
  [`${BASE}rest:read:organization-1`]:                read('Organization', 'ORGANISATION_NOT_FOUND'),
  [`${BASE}rest:read:location-1`]:                    read('Location', 'NO_RECORD_FOUND'),
  [`${BASE}rest:read:appointment-1`]:                 read('Appointment', 'NO_RECORD_FOUND'),
  [`${BASE}rest:search:patient-1`]:                   search('Patient'),
  [`${DOCUMENTS}rest:search:patient-1`]:              search('Patient'),
  [`${BASE}rest:search:practitioner-1`]:              search('Practitioner'),
  [`${BASE}rest:search:organization-1`]:              search('Organization'),
  [`${BASE}rest:search:slot-1`]:                      () => searchset([SLOT]),
  [`${BASE}rest:search:patient_appointments-1`]:      patientAppointments,
  [`${BASE}operation:gpc.getcarerecord`]:             patientRecord,
  [`${BASE}operation:gpc.getstructuredrecord-1`]:     restrictedRecord,
  [`${BASE}operation:gpc.migratestructuredrecord-1`]: restrictedRecord,
  [`${BASE}operation:gpc.registerpatient-1`]:         registerPatient,
  'urn:test:throw':                                   () => { throw new Error('an unexpected error in a handler') },
  'urn:test:public-cache':                            publicCache,
}

function read(type: string, absent: FailureCode): Handler {
  return ({ id }, answer) => {
    const resource = RECORDS.get(`${type}/${id}`)
    if (resource === undefined) throw new ProviderError(absent)
    answer.set('ETag', 'W/"1"')
    return resource
  }
}

function search(type: string): Handler {
  return ({ query }) => {
    const identifier = query.get('identifier')
    if (identifier === null) throw new ProviderError('BAD_REQUEST', 'The identifier parameter is missing')
    return searchset(findByIdentifier(type, identifier))
  }
}

function patientAppointments(transaction: Transaction): Resource {
  if (!RECORDS.has(`Patient/${transaction.id}`)) throw new ProviderError('PATIENT_NOT_FOUND')
  return searchset([...RECORDS.values()].filter(({ resourceType }) => resourceType === 'Appointment'))
}

function patientRecord(transaction: Transaction): Resource {
  const patient = patientOf(transaction)
  return { resourceType: 'Bundle', type: 'collection', entry: [{ resource: patient }] }
}

/** Sends a whole record, including its restricted parts, only to the practice where the patient is registered. */
function restrictedRecord(transaction: Transaction): Resource {
  const { claims, scope } = transaction
  const organization = claims['requesting_organization'] as { identifier: readonly { value: string }[] }
  if (scope?.confidentiality === 'conf/R' && !organization.identifier.some(({ value }) => value === REGISTERED_AT)) {
    throw new ProviderError('NO_RELATIONSHIP')
  }
  return patientRecord(transaction)
}

function registerPatient(transaction: Transaction): Resource {
  const registered = parameter(transaction.body, 'registerPatient')?.['resource']
  if (typeof registered !== 'object' || registered === null || !('resourceType' in registered)) {
    throw new ProviderError('INVALID_RESOURCE', 'The registerPatient parameter has no patient')
  }
  if (registered.resourceType !== 'Patient') {
    throw new ProviderError('INVALID_RESOURCE', 'The registerPatient parameter has no patient')
  }
  const identifiers = 'identifier' in registered ? [registered.identifier].flat() : []
  for (const { system, value } of identifiers as { system?: unknown; value?: unknown }[])
    if (system === NHS_NUMBER_SYSTEM && !isNhsNumber(String(value))) throw new ProviderError('INVALID_NHS_NUMBER')
  transaction.setDataId('Patient/1')
  return searchset([...RECORDS.values()].filter(({ resourceType }) => resourceType === 'Patient'))
}

function patientOf(transaction: Transaction): Resource {
  const nhsNumber = parameterIdentifier(transaction.body, 'patientNHSNumber')
  if (nhsNumber === undefined) throw new ProviderError('INVALID_PARAMETER', 'The patientNHSNumber parameter is missing')
  if (!isNhsNumber(nhsNumber)) throw new ProviderError('INVALID_NHS_NUMBER')
  const [patient] = findByIdentifier('Patient', `${NHS_NUMBER_SYSTEM}|${nhsNumber}`)
  if (patient === undefined) throw new ProviderError('PATIENT_NOT_FOUND')
  transaction.setDataId(`Patient/${patient['id']}`)
  return patient
}

function publicCache(transaction: Transaction, answer: AnswerHeaders): Resource {
  answer.set('Cache-Control', 'public, max-age=3600')
  return capabilityStatement(transaction)
}
