/** Parses the `requested_scope` claim. */

/** The parts of a `requested_scope`. */
export interface RequestedScope {
  readonly resources: string
  readonly confidentiality: 'conf/N' | 'conf/R'
}

/**
 * Parses the claim: exactly one of the four scopes, from 1.6.0 optionally followed by one space and `conf/N` or `conf/R`.
 * Returns undefined for anything else.
 */
export function parseScope(claim: unknown, confidentiality: boolean): RequestedScope | undefined {
  if (typeof claim !== 'string') return undefined
  const [resources = '', conf, ...more] = claim.split(' ')
  if (!SCOPES.has(resources) || more.length > 0) return undefined
  if (conf === undefined) return { resources, confidentiality: 'conf/N' }
  if (!confidentiality || (conf !== 'conf/N' && conf !== 'conf/R')) return undefined
  return { resources, confidentiality: conf }
}

const SCOPES: ReadonlySet<string> = new Set([
  'patient/*.read',
  'patient/*.write',
  'organization/*.read',
  'organization/*.write',
])
