/** Reads identifiers and lists of resources that may not have been checked. */
import { isObject } from '../strict-json.ts'
import type { FhirRelease } from './format.ts'

/** The value of the first identifier with one of these systems. */
export function identifierValue(resource: Record<string, unknown>, systems: readonly string[]): string | undefined {
  for (const { system, value } of listOf(resource['identifier'])) {
    if (typeof system === 'string' && systems.includes(system) && isText(value)) return value
  }
  return undefined
}

/** The objects of a list; a single one counts as a list of one, as 0.x tokens send names. */
export function listOf(value: unknown): readonly Record<string, unknown>[] {
  if (!Array.isArray(value)) return isObject(value) ? [value] : []
  return value.every(isObject) ? value : value.filter(isObject)
}

/** A text that is not blank. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** The first of a list, or a single value. */
export function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value
}

/** Systems of an ODS code. */
export const ODS_CODE_SYSTEMS: Readonly<Record<FhirRelease, readonly string[]>> = {
  STU3: ['https://fhir.nhs.uk/Id/ods-organization-code'],
  DSTU2: ['http://fhir.nhs.net/Id/ods-organization-code'],
}

/** Systems of an SDS user id. 0.x writes it without `Id`. */
export const USER_ID_SYSTEMS: Readonly<Record<FhirRelease, readonly string[]>> = {
  STU3: ['https://fhir.nhs.uk/Id/sds-user-id'],
  DSTU2: ['http://fhir.nhs.net/sds-user-id', 'http://fhir.nhs.net/Id/sds-user-id'],
}
