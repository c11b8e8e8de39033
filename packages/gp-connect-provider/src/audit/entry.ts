/** Builds audit entries: who sent a request, from where, what for, and with what result. */

import type { Exchange } from '../exchange.ts'
import { identifierValue, isText, listOf, ODS_CODE_SYSTEMS, USER_ID_SYSTEMS } from '../fhir/identifiers.ts'
import { identitiesOf } from '../fhir/identities.ts'
import { isObject } from '../strict-json.ts'
import { type Claims, readableClaims } from '../token/bearer-token.ts'
import { type AuditEntry, entryWithoutRequest } from './record.ts'

/**
 * The entry of a request. A refused request gets the same fields, as far as the request contains them. `status` is null if
 * the request got no answer.
 */
export function entryOfExchange(exchange: Exchange, status: number | null, errorCode: string | null): AuditEntry {
  const { headers } = exchange
  const claims = exchange.claims ?? readableClaims(headers.authorization) ?? {}
  const user = userOf(claims)
  return {
    timestamp: new Date(exchange.receivedAt).toISOString(),
    outcome: status === null || status >= 500 ? 'failed' : status < 400 ? 'served' : 'refused',
    traceId: bounded(headers['ssp-traceid']),
    from: bounded(headers['ssp-from']),
    to: bounded(headers['ssp-to']),
    interactionId: bounded(headers['ssp-interactionid']),
    userId: bounded(user.id),
    userLocalId: bounded(user.localId),
    userName: bounded(user.name),
    userRole: bounded(user.role),
    organization: bounded(user.organization),
    organizationName: bounded(user.organizationName),
    device: bounded(user.device),
    address: bounded(exchange.address),
    forwarded: bounded(headers.forwarded),
    dataId: bounded(exchange.dataId ?? requestedData(exchange, claims)),
    status,
    errorCode,
  }
}

/** The entry of a connection that was refused; `status` is null if it got no answer. */
export function entryOfConnection(at: number, status: number | null, errorCode: string, address: string): AuditEntry {
  return entryWithoutRequest(at, { outcome: 'refused', status, errorCode, address })
}

interface User {
  readonly id: string | undefined
  readonly localId: string | undefined
  readonly name: string | undefined
  readonly role: string | undefined
  readonly organization: string | undefined
  readonly organizationName: string | undefined
  readonly device: string | undefined
}

/** A refused request may have unchecked claims, so each value is used only if it has the expected type. */
function userOf(claims: Claims): User {
  const practitioner = resource(claims, 'requesting_practitioner')
  const organization = resource(claims, 'requesting_organization')
  const device = resource(claims, 'requesting_device')
  const identifiers = listOf(device['identifier']).flatMap(({ system, value }) => [system, value])
  const local = text(claims['sub']) ?? text(practitioner['id'])
  return {
    id: known(identifierValue(practitioner, USER_IDS)) ?? local,
    localId: localIdentifier(practitioner) ?? local,
    name: wholeName(practitioner['name']),
    role: known(identifierValue(practitioner, ROLE_PROFILE_IDS)) ?? jobRole(practitioner),
    organization: identifierValue(organization, ODS_CODES),
    organizationName: text(organization['name']),
    device: joined([...identifiers, device['model'], device['version']]),
  }
}

/** Users without a smartcard send `UNK` for the ids that would be on it. */
function known(id: string | undefined): string | undefined {
  return id === 'UNK' ? undefined : id
}

/** The identifier that the consumer's own system gives to the user: the one with neither system of the smartcard. */
function localIdentifier(practitioner: Record<string, unknown>): string | undefined {
  const own = listOf(practitioner['identifier']).find(({ system }) => !SMARTCARD_SYSTEMS.has(system))
  return text(own?.['value'])
}

/** The first name with all its parts: in 1.x the family name is a text, in 0.x a list. */
function wholeName(names: unknown): string | undefined {
  const [name = {}] = listOf(names)
  return joined([name['prefix'], name['given'], name['family'], name['suffix']].flat()) ?? text(name['text'])
}

function joined(parts: readonly unknown[]): string | undefined {
  const texts = parts.filter(isText)
  return texts.length === 0 ? undefined : texts.join(' ')
}

/** In 0.x the role is a coding instead of a role profile id. */
function jobRole(practitioner: Record<string, unknown>): string | undefined {
  const [practitionerRole] = listOf(practitioner['practitionerRole'])
  const [role] = listOf(practitionerRole?.['role'])
  const [coding] = listOf(role?.['coding'])
  return text(coding?.['code'])
}

/**
 * The requested path with its query, and whose data the body asks for; in 0.x the claim about the record says it as well. Only
 * the audit trail may contain them.
 */
function requestedData(exchange: Exchange, claims: Claims): string {
  const { relative, target, query, body } = exchange
  const path = relative === undefined ? target : query === '' ? relative : `${relative}?${query}`
  const named = identitiesOf([body, claims['requested_record']])
  return [path, ...named].join(' ')
}

function resource(claims: Claims, name: string): Record<string, unknown> {
  const value = claims[name]
  return isObject(value) ? value : {}
}

function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}

/** No claim is longer than its token, so that claims are recorded whole. What is cut nevertheless ends with an ellipsis. */
function bounded(value: string | undefined): string | null {
  if (value === undefined) return null
  return value.length > LENGTH_MAX ? `${value.slice(0, LENGTH_MAX)}…` : value
}

const LENGTH_MAX = 8192

const USER_IDS = [...USER_ID_SYSTEMS.STU3, ...USER_ID_SYSTEMS.DSTU2]
const ODS_CODES = [...ODS_CODE_SYSTEMS.STU3, ...ODS_CODE_SYSTEMS.DSTU2]
const ROLE_PROFILE_IDS = [
  'https://fhir.nhs.uk/Id/sds-role-profile-id',
  'http://fhir.nhs.net/sds-role-profile-id',
  'http://fhir.nhs.net/Id/sds-role-profile-id',
]
const SMARTCARD_SYSTEMS: ReadonlySet<unknown> = new Set([...USER_IDS, ...ROLE_PROFILE_IDS])
