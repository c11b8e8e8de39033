/** Builds the OperationOutcome with which a failure is answered. */
import { FAILURES, type FailureCode } from '../failures.ts'
import type { Rules } from '../rules.ts'
import { isObject } from '../strict-json.ts'
import type { FhirRelease } from './format.ts'
import { isText, listOf } from './identifiers.ts'

/** A GP Connect OperationOutcome: one issue with one coding. */
export function operationOutcome(code: FailureCode, diagnostics: string, release: FhirRelease, rules: Rules): Resource {
  const { display } = FAILURES[code === 'INVALID_CLAIM_RESOURCE' ? rules.claimResourceCode : code]
  return {
    resourceType: 'OperationOutcome',
    meta: { profile: [PROFILE[release]] },
    issue: [
      {
        severity: 'error',
        code: issueOf(code, rules),
        details: { coding: [{ system: codingSystem(release, rules), code: spineCode(code, rules), display }] },
        diagnostics,
      },
    ],
  }
}

/** The HTTP status of a failure. */
export function statusOf(code: FailureCode, bearer: string | undefined, rules: Rules): number {
  if (rules.bearerErrors === 'rfc6750' && bearer === 'invalid_token') return 401
  if (rules.bearerErrors === 'rfc6750' && bearer === 'insufficient_scope') return 403
  return FAILURES[code].status
}

/** The Spine error code of a failure, for the answer and the audit trail. */
export function spineCode(code: FailureCode, rules: Rules): string {
  if (code === 'ACCESS_DENIED') return rules.accessDenied
  if (code === 'INVALID_CLAIM_RESOURCE') return rules.claimResourceCode
  return FAILURES[code].spineCode
}

/** The error code of an OperationOutcome that a handler has built itself; null if it reports no error. */
export function codeOfOutcome(resource: unknown): string | null {
  if (!isObject(resource) || resource['resourceType'] !== 'OperationOutcome') return null
  const error = listOf(resource['issue']).find(({ severity }) => severity === 'error' || severity === 'fatal')
  const details = error?.['details']
  const [coding] = listOf(isObject(details) ? details['coding'] : undefined)
  const code = coding?.['code'] ?? error?.['code']
  return isText(code) ? code : null
}

/** A FHIR resource in its JSON form. */
export type Resource = Readonly<Record<string, unknown>> & { readonly resourceType: string }

function issueOf(code: FailureCode, rules: Rules): string {
  const { issue, status } = FAILURES[code]
  if (issue === 'processing') return rules.unexpectedIssue
  return status === 495 || status === 496 ? rules.certificateIssue : issue
}

function codingSystem(release: FhirRelease, { codingSystem: resource }: Rules): string {
  return release === 'DSTU2'
    ? 'http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1'
    : `https://fhir.nhs.uk/STU3/${resource}/Spine-ErrorOrWarningCode-1`
}

const PROFILE: Readonly<Record<FhirRelease, string>> = {
  STU3: 'https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1',
  DSTU2: 'http://fhir.nhs.net/StructureDefinition/gpconnect-operationoutcome-1',
}
