/** Checks the `requested_record` claim, which 0.x requires and 1.x no longer has. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { identifierValue, ODS_CODE_SYSTEMS } from '../fhir/identifiers.ts'
import { isNhsNumber } from '../fhir/nhs-number.ts'
import { parameterIdentifier } from '../fhir/parameters.ts'
import { claimResource } from './claim-resources.ts'
import { claimsOf, wrong } from './claims.ts'

/** In 0.x the claim is a patient with an NHS number or an organisation with an ODS code. In 1.x a rule decides. */
export function requestedRecordIsWellFormed(exchange: Exchange): void {
  if (isRequired(exchange)) {
    recordOf(exchange)
  } else if (exchange.rules.requestedRecord === 'reject' && claimsOf(exchange)['requested_record'] !== undefined) {
    throw wrong('The requested_record claim is not part of this release')
  }
}

/** The claim is the patient that the body of an operation names. */
export function requestedRecordIsThePatient(exchange: Exchange): void {
  if (!isRequired(exchange) || exchange.method !== 'POST') return
  const nhsNumber = parameterIdentifier(exchange.body, 'patientNHSNumber')
  if (nhsNumber === undefined) throw new ProviderError('BAD_REQUEST', 'The body names no patient')
  const record = recordOf(exchange)
  if (record['resourceType'] !== 'Patient' || identifierValue(record, NHS_NUMBER_SYSTEMS) !== nhsNumber) {
    throw wrong('The requested_record claim is not the patient of the body')
  }
}

/** Identifier systems of NHS numbers. */
export const NHS_NUMBER_SYSTEMS: readonly string[] = [
  'https://fhir.nhs.uk/Id/nhs-number',
  'http://fhir.nhs.net/Id/nhs-number',
]

const ODS_SYSTEMS = [...ODS_CODE_SYSTEMS.DSTU2, ...ODS_CODE_SYSTEMS.STU3]

function isRequired({ fhir }: Exchange): boolean {
  return fhir === 'DSTU2'
}

function recordOf(exchange: Exchange): Record<string, unknown> {
  const record = claimResource(exchange, 'requested_record', ['Patient', 'Organization'])
  if (record['resourceType'] === 'Patient') {
    const nhsNumber = identifierValue(record, NHS_NUMBER_SYSTEMS)
    if (nhsNumber === undefined || !isNhsNumber(nhsNumber)) throw wrong('requested_record has no valid NHS number')
  } else if (identifierValue(record, ODS_SYSTEMS) === undefined) {
    throw wrong('requested_record has no ODS code')
  }
  return record
}
