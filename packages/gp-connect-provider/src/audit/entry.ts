/** Builds audit entries: who sent a request, from where, what for, and with what result. */

import type { Exchange } from '../exchange.ts'
import { first, identifierValue, isText, listOf, ODS_CODE_SYSTEMS, USER_ID_SYSTEMS } from '../fhir/identifiers.ts'
import { isObject } from '../strict-json.ts'
import { type Claims, readableClaims } from '../token/bearer-token.ts'
import { type AuditEntry, entryWithoutRequest } from './record.ts'

/** The entry of a request. A refused request gets the same fields, as far as the request contains them. */
export function entryOfExchange(exchange: Exchange, status: number, errorCode: string | null): AuditEntry {
  const { headers } = exchange
  const user = userOf(exchange.claims ?? readableClaims(headers.authorization) ?? {})
  return {
    timestamp: new Date(exchange.receivedAt).toISOString(),
    outcome: status < 400 ? 'served' : status < 500 ? 'refused' : 'failed',
    traceId: bounded(headers['ssp-traceid']),
    from: bounded(headers['ssp-from']),
    to: bounded(headers['ssp-to']),
    interactionId: bounded(headers['ssp-interactionid']),
    userId: bounded(user.id),
    userName: bounded(user.name),
    userRole: bounded(user.role),
    organization: bounded(user.organization),
    device: bounded(user.device),
    dataId: bounded(exchange.dataId ?? requestedData(exchange), 2048),
    status,
    errorCode,
  }
}

/** The entry of a connection that was refused; `status` is null if it got no answer. */
export function entryOfConnection(at: number, status: number | null, errorCode: string): AuditEntry {
  return entryWithoutRequest(at, { outcome: 'refused', status, errorCode })
}

interface User {
  readonly id: string | undefined
  readonly name: string | undefined
  readonly role: string | undefined
  readonly organization: string | undefined
  readonly device: string | undefined
}

/** A refused request may have unchecked claims, so each value is used only if it has the expected type. */
function userOf(claims: Claims): User {
  const practitioner = resource(claims, 'requesting_practitioner')
  const organization = resource(claims, 'requesting_organization')
  const device = resource(claims, 'requesting_device')
  const [name] = listOf(practitioner['name'])
  const [identifier] = listOf(device['identifier'])
  const parts = [identifier?.['system'], identifier?.['value'], device['model'], device['version']].filter(isText)
  return {
    id: identifierValue(practitioner, USER_IDS) ?? text(claims['sub']),
    name: text(first(name?.['family'])),
    role: identifierValue(practitioner, ROLE_PROFILE_IDS) ?? jobRole(practitioner),
    organization: identifierValue(organization, ODS_CODES),
    device: parts.length === 0 ? undefined : parts.join(' '),
  }
}

/** In 0.x the role is a coding instead of a role profile id. */
function jobRole(practitioner: Record<string, unknown>): string | undefined {
  const [practitionerRole] = listOf(practitioner['practitionerRole'])
  const [role] = listOf(practitionerRole?.['role'])
  const [coding] = listOf(role?.['coding'])
  return text(coding?.['code'])
}

/** The requested path with its query. Only the audit trail may contain the query. */
function requestedData({ relative, target, query }: Exchange): string {
  if (relative === undefined) return target
  return query === '' ? relative : `${relative}?${query}`
}

function resource(claims: Claims, name: string): Record<string, unknown> {
  const value = claims[name]
  return isObject(value) ? value : {}
}

function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}

function bounded(value: string | undefined, length = 256): string | null {
  return value === undefined ? null : value.slice(0, length)
}

const USER_IDS = [...USER_ID_SYSTEMS.STU3, ...USER_ID_SYSTEMS.DSTU2]
const ODS_CODES = [...ODS_CODE_SYSTEMS.STU3, ...ODS_CODE_SYSTEMS.DSTU2]
const ROLE_PROFILE_IDS = [
  'https://fhir.nhs.uk/Id/sds-role-profile-id',
  'http://fhir.nhs.net/sds-role-profile-id',
  'http://fhir.nhs.net/Id/sds-role-profile-id',
]
