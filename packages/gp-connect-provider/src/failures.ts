/** Every failure of a provider, with its HTTP status and GP Connect codes. */

/** The answer to a failure: HTTP status, `issue.code`, the Spine error code with its display, and a fixed text. */
export interface Failure {
  readonly status: number
  readonly issue: string
  readonly spineCode: string
  readonly display: string
  readonly diagnostics: string
}

const BAD_REQUEST = { spineCode: 'BAD_REQUEST', display: 'Bad request' } as const

/** Every failure by its code. README.md has the same table. */
export const FAILURES = {
  BAD_REQUEST: { status: 400, issue: 'invalid', ...BAD_REQUEST, diagnostics: 'The request is malformed or invalid' },
  INVALID_NHS_NUMBER: {
    status: 400,
    issue: 'value',
    spineCode: 'INVALID_NHS_NUMBER',
    display: 'Invalid NHS number',
    diagnostics: 'The NHS number is not valid',
  },
  INVALID_IDENTIFIER_SYSTEM: {
    status: 400,
    issue: 'value',
    spineCode: 'INVALID_IDENTIFIER_SYSTEM',
    display: 'Invalid identifier system',
    diagnostics: 'The system of the identifier is not the required one',
  },
  INVALID_IDENTIFIER_VALUE: {
    status: 400,
    issue: 'value',
    spineCode: 'INVALID_IDENTIFIER_VALUE',
    display: 'Invalid identifier value',
    diagnostics: 'The value of the identifier is not valid',
  },
  INVALID_ODS_CODE: {
    status: 400,
    issue: 'value',
    spineCode: 'INVALID_ODS_CODE',
    display: 'Invalid ODS code',
    diagnostics: 'The ODS code is not valid',
  },
  INVALID_PATIENT_DEMOGRAPHICS: {
    status: 400,
    issue: 'business-rule',
    spineCode: 'INVALID_PATIENT_DEMOGRAPHICS',
    display: 'Invalid patient demographics',
    diagnostics: 'The demographics of the patient could not be confirmed',
  },
  CONFLICTING_VALUES: {
    status: 400,
    issue: 'invalid',
    spineCode: 'CONFLICTING_VALUES',
    display: 'Conflicting values have been specified in different fields',
    diagnostics: 'Two parts of the request contradict each other',
  },
  ACCESS_DENIED: {
    status: 403,
    issue: 'forbidden',
    spineCode: 'ACCESS_DENIED',
    display: 'Access denied',
    diagnostics: 'This capability is disabled at the practice',
  },
  NO_RELATIONSHIP: {
    status: 403,
    issue: 'forbidden',
    spineCode: 'NO_RELATIONSHIP',
    display: 'No legitimate relationship exists with this patient',
    diagnostics: 'The patient is not registered at the requesting organisation',
  },
  NO_PATIENT_CONSENT: {
    status: 403,
    issue: 'forbidden',
    spineCode: 'NO_PATIENT_CONSENT',
    display: 'Patient has not provided consent to share data',
    diagnostics: 'The patient has not consented to sharing',
  },
  NO_ORGANISATION_CONSENT: {
    status: 403,
    issue: 'forbidden',
    spineCode: 'NO_ORGANISATION_CONSENT',
    display: 'Organisation has not provided consent to share data',
    diagnostics: 'The organisation has not consented to sharing',
  },
  NON_AUTHORITATIVE: {
    status: 403,
    issue: 'forbidden',
    spineCode: 'NON_AUTHORITATIVE',
    display: 'Non authoritative',
    diagnostics: 'This system does not hold the authoritative record',
  },
  PATIENT_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    spineCode: 'PATIENT_NOT_FOUND',
    display: 'Patient not found',
    diagnostics: 'There is no such patient here',
  },
  ORGANISATION_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    spineCode: 'ORGANISATION_NOT_FOUND',
    display: 'Organisation not found',
    diagnostics: 'There is no such organisation here',
  },
  PRACTITIONER_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    spineCode: 'PRACTITIONER_NOT_FOUND',
    display: 'Practitioner not found',
    diagnostics: 'There is no such practitioner here',
  },
  NO_RECORD_FOUND: {
    status: 404,
    issue: 'not-found',
    spineCode: 'NO_RECORD_FOUND',
    display: 'No record found',
    diagnostics: 'There is no such record here',
  },
  // The page has no code for a path that is not served; the demonstrator answers with this one.
  PATH_NOT_FOUND: {
    status: 404,
    issue: 'not-found',
    spineCode: 'REFERENCE_NOT_FOUND',
    display: 'FHIR reference not found',
    diagnostics: 'Nothing is served at this path',
  },
  REQUEST_TIMEOUT: { status: 408, issue: 'timeout', ...BAD_REQUEST, diagnostics: 'The request was not sent in time' },
  DUPLICATE_REJECTED: {
    status: 409,
    issue: 'duplicate',
    spineCode: 'DUPLICATE_REJECTED',
    display: 'Create would lead to creation of a duplicate resource',
    diagnostics: 'The resource exists already',
  },
  FHIR_CONSTRAINT_VIOLATION: {
    status: 409,
    issue: 'conflict',
    spineCode: 'FHIR_CONSTRAINT_VIOLATION',
    display: 'FHIR constraint violated',
    diagnostics: 'If-Match does not name the current version of the resource',
  },
  BODY_TOO_LARGE: { status: 413, issue: 'too-long', ...BAD_REQUEST, diagnostics: 'The body is larger than allowed' },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    issue: 'not-supported',
    ...BAD_REQUEST,
    diagnostics: 'Accept, _format, Content-Type or Content-Encoding is not supported',
  },
  EXPECTATION_FAILED: {
    status: 417,
    issue: 'not-supported',
    ...BAD_REQUEST,
    diagnostics: 'The Expect header is not supported',
  },
  INVALID_RESOURCE: {
    status: 422,
    issue: 'invalid',
    spineCode: 'INVALID_RESOURCE',
    display: 'Invalid validation of resource',
    diagnostics: 'A resource is not valid FHIR',
  },
  INVALID_CLAIM_RESOURCE: {
    status: 422,
    issue: 'invalid',
    spineCode: 'INVALID_RESOURCE',
    display: 'Invalid validation of resource',
    diagnostics: 'A claim of the bearer token is not a valid FHIR resource',
  },
  INVALID_PARAMETER: {
    status: 422,
    issue: 'invalid',
    spineCode: 'INVALID_PARAMETER',
    display: 'Invalid parameter',
    diagnostics: 'A parameter is missing or not valid',
  },
  REFERENCE_NOT_FOUND: {
    status: 422,
    issue: 'invalid',
    spineCode: 'REFERENCE_NOT_FOUND',
    display: 'FHIR reference not found',
    diagnostics: 'A reference of the resource cannot be found',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    issue: 'throttled',
    ...BAD_REQUEST,
    diagnostics: 'Too many requests; try again later',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    issue: 'too-long',
    ...BAD_REQUEST,
    diagnostics: 'The headers are larger than allowed',
  },
  CERTIFICATE_REFUSED: {
    status: 495,
    issue: 'forbidden',
    ...BAD_REQUEST,
    diagnostics: 'The client certificate is not accepted',
  },
  CERTIFICATE_MISSING: {
    status: 496,
    issue: 'forbidden',
    ...BAD_REQUEST,
    diagnostics: 'No client certificate was presented',
  },
  INTERNAL_SERVER_ERROR: {
    status: 500,
    issue: 'processing',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'An unexpected error',
  },
  AUDIT_UNAVAILABLE: {
    status: 500,
    issue: 'processing',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'The transaction cannot be audited, so it is refused',
  },
  NOT_IMPLEMENTED: {
    status: 501,
    issue: 'not-supported',
    spineCode: 'NOT_IMPLEMENTED',
    display: 'FHIR resource or operation not implemented at server',
    diagnostics: 'The interaction is known but not implemented here',
  },
  UPSTREAM_UNAVAILABLE: {
    status: 502,
    issue: 'transient',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'The system behind this server cannot be reached, or has not finished its answer',
  },
  UPSTREAM_INVALID: {
    status: 502,
    issue: 'exception',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'The answer of the system behind this server is not valid HTTP',
  },
  OVERLOADED: {
    status: 503,
    issue: 'transient',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'The server is busy; try again later',
  },
  UPSTREAM_TIMEOUT: {
    status: 504,
    issue: 'timeout',
    spineCode: 'INTERNAL_SERVER_ERROR',
    display: 'Internal server error',
    diagnostics: 'The system behind this server has not answered in time',
  },
} as const satisfies Record<string, Failure>

/** One of the codes in `FAILURES`. */
export type FailureCode = keyof typeof FAILURES

/** An error code for a bearer token, from RFC 6750 section 3.1. */
export type BearerError = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/**
 * Thrown by a check or a handler. The request is answered with this failure as an OperationOutcome.
 * `diagnostics` is sent to the consumer: it may name fields and rules, but never values from the request.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: FailureCode
  readonly diagnostics: string
  /** Set if the bearer token is wrong. The answer then carries `WWW-Authenticate`. */
  readonly bearer: BearerError | undefined

  constructor(code: FailureCode, diagnostics?: string, options: { bearer?: BearerError; cause?: unknown } = {}) {
    // A handler in JavaScript can pass any text. Its request then gets the answer of an unexpected error.
    const known = Object.hasOwn(FAILURES, code)
    const { cause } = known ? options : { cause: new TypeError('a handler threw a ProviderError with an unknown code') }
    super((known ? diagnostics : undefined) ?? FAILURES[known ? code : UNEXPECTED].diagnostics, { cause })
    this.code = known ? code : UNEXPECTED
    this.diagnostics = this.message
    this.bearer = options.bearer
  }
}

const UNEXPECTED = 'INTERNAL_SERVER_ERROR'

/** The failure for a status with which secure-server refuses a request before the guard runs. */
export function failureOfStatus(status: number): FailureCode {
  return OF_STATUS[status] ?? (status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST')
}

const OF_STATUS: Readonly<Record<number, FailureCode>> = {
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  417: 'EXPECTATION_FAILED',
  429: 'TOO_MANY_REQUESTS',
  431: 'HEADERS_TOO_LARGE',
  495: 'CERTIFICATE_REFUSED',
  496: 'CERTIFICATE_MISSING',
  503: 'OVERLOADED',
}
