/** The values that the `requested_scope` claim may have. */

/** A `requested_scope` in its parts. */
export interface RequestedScope {
  readonly resources: string
  readonly confidentiality: 'conf/N' | 'conf/R'
}

/**
 * Reads the claim, exactly as written: one of the four scopes, and from 1.6.0 on `conf/N` or `conf/R` after one space.
 * Undefined for everything else.
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
