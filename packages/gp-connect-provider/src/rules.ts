/** The rules: settings for points that the specification leaves open or on which it contradicts itself. */
import { isObject } from './strict-json.ts'

/** The rules of a service root. */
export interface Rules {
  /** Ssp-TraceID must be a UUID (`uuid`), or can be any text that is not blank (`any`). */
  readonly traceId: 'uuid' | 'any'
  /** Ssp-From must be twelve digits (`digits`, the convention), or can be any text that is not blank (`any`). */
  readonly asid: 'digits' | 'any'
  /** Status for a path that no interaction has: 400, or 404 like the GP Connect demonstrator. */
  readonly unknownPath: 400 | 404
  /** Bearer token errors get 400 as GP Connect's tests expect (`gp-connect`), or 401 and 403 (`rfc6750`). */
  readonly bearerErrors: 'gp-connect' | 'rfc6750'
  /** Whether 1.x also accepts the fixed audience of 0.x instead of the service root URL. */
  readonly legacyAudience: boolean
  /**
   * Accepted values of `aud` besides those: none (`service-root`), every text (`any`), or those of a list, for consumers that
   * write the URL of the service root in another way.
   */
  readonly audience: 'service-root' | 'any' | readonly string[]
  /** Spine code for a claim that is not a valid FHIR resource. */
  readonly claimResourceCode: 'INVALID_RESOURCE' | 'BAD_REQUEST'
  /** Status for an unknown resourceType in a claim: 422 in 1.x, 400 in 0.x. */
  readonly unknownResourceType: 400 | 422
  /** Whether 1.x ignores `requested_record`, or rejects it like the demonstrator. 0.x always requires it. */
  readonly requestedRecord: 'ignore' | 'reject'
  /** Accepted values of `reason_for_request`. */
  readonly reasons: readonly string[]
  /** Whether a migration needs the whole `requesting_practitioner`, which release 1.6.0 only recommends (SHOULD). */
  readonly migrationPractitioner: 'optional' | 'required'
  /** Whether `requested_scope` may add `conf/N` or `conf/R` (1.6.0). */
  readonly confidentiality: boolean
  /** Whether `requested_scope` must match the endpoint, which is a MAY. Its form is always checked. */
  readonly scopeEndpoints: boolean
  /** Seconds for which an expired token is still accepted (0 to 600). The specification gives none. */
  readonly expiryLeewaySeconds: number
  /** Seconds that `iat` may be in the future. Undefined: not compared with the clock, as NHS Digital asks. */
  readonly futureIatSeconds: number | undefined
  /** Longest bearer token in characters. */
  readonly maxTokenLength: number
  /** The kind of resource in `coding.system` of an OperationOutcome in 1.x. */
  readonly codingSystem: 'ValueSet' | 'CodeSystem'
  /** `issue.code` of an unexpected error: the specification's table and its example differ. */
  readonly unexpectedIssue: 'processing' | 'exception'
  /** Spelling of the Spine code for a disabled capability. */
  readonly accessDenied: 'ACCESS_DENIED' | 'ACCESS DENIED'
  /** `issue.code` of a refused client certificate. */
  readonly certificateIssue: 'forbidden' | 'invalid'
}

/** The default rules. A preset can change them; the rules of the provider and of a service root override both. */
export const DEFAULT_RULES: Rules = {
  traceId: 'uuid',
  asid: 'digits',
  unknownPath: 400,
  bearerErrors: 'gp-connect',
  legacyAudience: true,
  audience: 'service-root',
  claimResourceCode: 'INVALID_RESOURCE',
  unknownResourceType: 422,
  requestedRecord: 'ignore',
  reasons: ['directcare'],
  migrationPractitioner: 'optional',
  confidentiality: false,
  scopeEndpoints: true,
  expiryLeewaySeconds: 0,
  futureIatSeconds: undefined,
  maxTokenLength: 8192,
  codingSystem: 'ValueSet',
  unexpectedIssue: 'processing',
  accessDenied: 'ACCESS_DENIED',
  certificateIssue: 'forbidden',
}

/** The problems of rules, which may come from JSON: unknown names and invalid values. */
export function ruleProblems(rules: unknown, of: string): string[] {
  if (!isObject(rules)) return [`the rules of ${of} are not an object`]
  return Object.entries(rules).flatMap(([name, value]) => {
    if (!Object.hasOwn(ACCEPTS, name)) return [`the rule ${name} of ${of} does not exist`]
    return ACCEPTS[name as keyof Rules](value) ? [] : [`the rule ${name} of ${of} cannot have this value`]
  })
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && one.trim() !== '')
}

type Accepts = (value: unknown) => boolean

const oneOf =
  (...values: readonly unknown[]): Accepts =>
  (value) =>
    values.includes(value)
const isBoolean = oneOf(true, false)
const between =
  (min: number, max: number): Accepts =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max

const ACCEPTS: Readonly<Record<keyof Rules, Accepts>> = {
  traceId: oneOf('uuid', 'any'),
  asid: oneOf('digits', 'any'),
  unknownPath: oneOf(400, 404),
  bearerErrors: oneOf('gp-connect', 'rfc6750'),
  legacyAudience: isBoolean,
  audience: (value) => value === 'service-root' || value === 'any' || isTexts(value),
  claimResourceCode: oneOf('INVALID_RESOURCE', 'BAD_REQUEST'),
  unknownResourceType: oneOf(400, 422),
  requestedRecord: oneOf('ignore', 'reject'),
  reasons: isTexts,
  migrationPractitioner: oneOf('optional', 'required'),
  confidentiality: isBoolean,
  scopeEndpoints: isBoolean,
  expiryLeewaySeconds: between(0, 600),
  futureIatSeconds: (value) => value === undefined || between(0, Number.MAX_SAFE_INTEGER)(value),
  maxTokenLength: between(1, Number.MAX_SAFE_INTEGER),
  codingSystem: oneOf('ValueSet', 'CodeSystem'),
  unexpectedIssue: oneOf('processing', 'exception'),
  accessDenied: oneOf('ACCESS_DENIED', 'ACCESS DENIED'),
  certificateIssue: oneOf('forbidden', 'invalid'),
}
