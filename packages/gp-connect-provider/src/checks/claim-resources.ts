/** Checks the claims that are FHIR resources: the user, the user's organisation and the consumer's system. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { STU3_RESOURCES } from '../fhir/elements.ts'
import { first, identifierValue, isText, listOf, ODS_CODE_SYSTEMS, USER_ID_SYSTEMS } from '../fhir/identifiers.ts'
import { isStrictResource } from '../fhir/validation.ts'
import { isObject } from '../strict-json.ts'
import { claimsOf, practitionerIsOptional, wrong } from './claims.ts'

/** `requesting_device` identifies the consumer's system: it has an identifier, a model and a version. */
export function deviceIsNamed(exchange: Exchange): void {
  const release = exchange.fhir
  const device = claimResource(exchange, 'requesting_device', ['Device'])
  const identifiers = listOf(device['identifier'])
  if (identifiers.length === 0 || !identifiers.every((one) => isText(one['system']) && isText(one['value']))) {
    throw wrong('requesting_device.identifier is missing, or has no system or no value')
  }
  if (!isText(device['model'])) throw wrong('requesting_device.model is missing')
  if (!isText(device['version'])) throw wrong('requesting_device.version is missing')
  if (release === 'DSTU2' && !isText(device['id'])) throw wrong('requesting_device.id is missing')
}

/** `requesting_organization` has a name and an ODS code. */
export function organizationIsNamed(exchange: Exchange): void {
  const release = exchange.fhir
  const organization = claimResource(exchange, 'requesting_organization', ['Organization'])
  if (!isText(organization['name'])) throw wrong('requesting_organization.name is missing')
  if (identifierValue(organization, ODS_CODE_SYSTEMS[release]) === undefined) {
    throw wrong('requesting_organization.identifier has no ODS code')
  }
  if (release === 'DSTU2' && !isText(organization['id'])) throw wrong('requesting_organization.id is missing')
}

/**
 * `requesting_practitioner` identifies the user. For a migration its fields are only recommended (SHOULD, nhsconnect/gpconnect
 * at 48b5e69, integration_cross_organisation_audit_and_provenance.md, line 302), unless a rule requires them.
 */
export function practitionerIsNamed(exchange: Exchange): void {
  const release = exchange.fhir
  const optional = practitionerIsOptional(exchange)
  if (optional && claimsOf(exchange)['requesting_practitioner'] === undefined) return
  const practitioner = claimResource(exchange, 'requesting_practitioner', ['Practitioner'])
  if (optional) return
  if (!isText(practitioner['id'])) throw wrong('requesting_practitioner.id is missing')
  const [name] = listOf(practitioner['name'])
  if (!isText(first(name?.['family']))) throw wrong('requesting_practitioner.name has no family name')
  if (!isText(first(name?.['given']))) throw wrong('requesting_practitioner.name has no given name')
  if (identifierValue(practitioner, USER_ID_SYSTEMS[release]) === undefined) {
    throw wrong('requesting_practitioner.identifier has no SDS user id')
  }
}

/**
 * Returns a claim that must be a resource of one of these types and strict FHIR.
 * @throws {ProviderError} BAD_REQUEST: missing, not an object, or another resource. INVALID_CLAIM_RESOURCE: not FHIR.
 */
export function claimResource(exchange: Exchange, claim: string, types: readonly string[]): Record<string, unknown> {
  const resource = claimsOf(exchange)[claim]
  if (!isObject(resource)) throw wrong(`The ${claim} claim is missing or not a resource`)
  const type = resource['resourceType']
  if (typeof type !== 'string' || !types.includes(type)) {
    const known = typeof type === 'string' && STU3_RESOURCES.has(type)
    if (known || exchange.rules.unknownResourceType === 400) throw wrong(`The ${claim} claim is another resource`)
    throw notFhir(claim)
  }
  if (!isStrictResource(resource, type, exchange.fhir)) throw notFhir(claim)
  return resource
}

function notFhir(claim: string): ProviderError {
  return new ProviderError('INVALID_CLAIM_RESOURCE', `The ${claim} claim is not a valid FHIR resource`, {
    bearer: 'invalid_token',
  })
}
