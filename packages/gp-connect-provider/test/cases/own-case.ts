/** Builds a further case from its difference to a valid request and its expected answer. */
import type { TokenOverrides } from '../token.ts'
import type { Case, Expectation } from './case.ts'

export const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
export const STRUCTURED = 'urn:nhs:names:services:gpconnect:structured:fhir:'
export const DOCUMENTS = 'urn:nhs:names:services:gpconnect:documents:fhir:'

/** The difference to a valid request for the metadata of the v1.2 service root. */
export interface Difference {
  readonly profiles?: readonly string[]
  readonly method?: string
  readonly path?: string
  readonly interaction?: string
  readonly scope?: unknown
  readonly headers?: Case['request']['headers']
  readonly authorization?: string | null
  readonly token?: TokenOverrides
  readonly body?: string
  readonly tls?: Partial<Case['request']['tls']>
}

export const NO_STORE = { 'Cache-Control': 'contains:no-store' }
export const BAD_REQUEST: Expectation = {
  status: 400,
  body: 'OperationOutcome',
  severity: 'error',
  issueCode: 'invalid',
  spineErrorCode: 'BAD_REQUEST',
  headers: NO_STORE,
}
export const SERVED: Expectation = { status: 200, headers: { ...NO_STORE, 'Strict-Transport-Security': 'present' } }
export const NO_FHIR: Expectation = {
  ...BAD_REQUEST,
  status: 422,
  spineErrorCode: 'INVALID_RESOURCE',
  bodyJson: { '/issue/0/diagnostics': 'present' },
}
export const UNSUPPORTED: Expectation = {
  status: 415,
  body: 'OperationOutcome',
  severity: 'error',
  spineErrorCode: 'BAD_REQUEST',
  headers: NO_STORE,
}

export function refusedCertificate(status: number): Expectation {
  return {
    anyOf: [
      { connection: 'closed' },
      { status: [status], body: 'OperationOutcome', spineErrorCode: 'BAD_REQUEST', headers: NO_STORE },
    ],
  }
}

export function notFound(spineErrorCode: string): Expectation {
  return { ...BAD_REQUEST, status: 404, issueCode: 'not-found', spineErrorCode }
}

export function xml(body: string, status = 200): Expectation {
  return { status, body, contentType: 'application/fhir+xml', headers: NO_STORE }
}

export function one(id: string, difference: Difference, expect: Expectation): Case {
  const { method = 'GET', path = '/metadata', interaction = `${BASE}rest:read:metadata-1`, token = {} } = difference
  const hasBody = difference.body !== undefined
  return {
    id,
    profiles: difference.profiles ?? ['1.x'],
    request: {
      method,
      path: path.startsWith('raw:') ? path.slice(4) : `{{base}}${path}`,
      headers: {
        'Ssp-TraceID': '{{trace_id}}',
        'Ssp-From': '{{asid_from}}',
        'Ssp-To': '{{asid_to}}',
        'Ssp-InteractionID': interaction,
        Accept: 'application/fhir+json',
        ...(hasBody && { 'Content-Type': 'application/fhir+json' }),
        ...difference.headers,
      },
      ...(difference.authorization !== undefined && { rawAuthorization: difference.authorization }),
      jwtOverrides: { ...token, set: { '/requested_scope': difference.scope ?? 'organization/*.read', ...token.set } },
      ...(difference.body !== undefined && { body: difference.body }),
      tls: { protocol: 'TLSv1.2', clientCert: 'ssp-valid', ...difference.tls },
    },
    expect,
  }
}

export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
