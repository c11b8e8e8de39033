/** Parses the `requested_scope` claim. */

/** The parts of a `requested_scope`. */
export interface RequestedScope {
  readonly resources: string
  readonly confidentiality: 'conf/N' | 'conf/R'
}

/**
 * Parses the claim: exactly one of the four scopes. From 1.6.0 it may be followed or preceded by `conf/N` or `conf/R`: several
 * values are separated by spaces, and nothing gives them an order (nhsconnect/gpconnect at 48b5e69,
 * integration_cross_organisation_audit_and_provenance.md, line 223). Returns undefined for anything else.
 */
export function parseScope(claim: unknown, confidentiality: boolean): RequestedScope | undefined {
  if (typeof claim !== 'string') return undefined
  const values = claim.split(' ')
  const resources = values.filter((one) => SCOPES.has(one))
  const confidentialities = values.filter(isConfidentiality)
  const [scope] = resources
  const [conf = 'conf/N'] = confidentialities
  if (scope === undefined || resources.length > 1 || confidentialities.length > (confidentiality ? 1 : 0))
    return undefined
  if (resources.length + confidentialities.length !== values.length) return undefined
  return { resources: scope, confidentiality: conf }
}

function isConfidentiality(value: string): value is RequestedScope['confidentiality'] {
  return value === 'conf/N' || value === 'conf/R'
}

const SCOPES: ReadonlySet<string> = new Set([
  'patient/*.read',
  'patient/*.write',
  'organization/*.read',
  'organization/*.write',
])
