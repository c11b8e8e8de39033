/** Reads identifiers and lists from resources that may be unchecked. */
import { isObject } from '../strict-json.ts'
import type { FhirRelease } from './format.ts'

/** The value of the first identifier with one of these systems. */
export function identifierValue(resource: Record<string, unknown>, systems: readonly string[]): string | undefined {
  for (const { system, value } of listOf(resource['identifier'])) {
    if (typeof system === 'string' && systems.includes(system) && isText(value)) return value
  }
  return undefined
}

/** The objects of a list. A single object counts as a list of one, because 0.x tokens send names like this. */
export function listOf(value: unknown): readonly Record<string, unknown>[] {
  if (!Array.isArray(value)) return isObject(value) ? [value] : []
  return value.every(isObject) ? value : value.filter(isObject)
}

/** Whether a value is a text that is not blank. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** The first item of a list, or the value itself. */
export function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value
}

/** Identifier systems of ODS codes. */
export const ODS_CODE_SYSTEMS: Readonly<Record<FhirRelease, readonly string[]>> = {
  STU3: ['https://fhir.nhs.uk/Id/ods-organization-code'],
  DSTU2: ['http://fhir.nhs.net/Id/ods-organization-code'],
}

/** Identifier systems of SDS user ids. 0.x is defined without `Id`; both forms are accepted. */
export const USER_ID_SYSTEMS: Readonly<Record<FhirRelease, readonly string[]>> = {
  STU3: ['https://fhir.nhs.uk/Id/sds-user-id'],
  DSTU2: ['http://fhir.nhs.net/sds-user-id', 'http://fhir.nhs.net/Id/sds-user-id'],
}
