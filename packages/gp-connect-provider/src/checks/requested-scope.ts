/** Compares the `requested_scope` claim with the requested endpoint. */
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import type { KnownInteraction } from '../roots/service-root.ts'
import { parseScope, type RequestedScope } from '../token/scope.ts'
import { claimsOf } from './claims.ts'

/** `requested_scope` is one of the defined scopes. */
export function scopeIsWellFormed(exchange: Exchange): void {
  const scope = parseScope(claimsOf(exchange)['requested_scope'], exchange.rules.confidentiality)
  if (scope === undefined) {
    throw new ProviderError('BAD_REQUEST', 'The requested_scope claim is missing or not a scope', {
      bearer: 'invalid_token',
    })
  }
  exchange.scope = scope
}

/** `requested_scope` allows the endpoint: the same kind of resource, and read or write. */
export function scopeAllowsEndpoint(exchange: Exchange): void {
  const { scope, interaction } = exchange
  if (!exchange.rules.scopeEndpoints || scope === undefined || interaction === undefined) return
  if (!allows(scope, interaction)) {
    throw new ProviderError('BAD_REQUEST', 'The requested_scope claim does not allow this endpoint', {
      bearer: 'insufficient_scope',
    })
  }
}

/** `conf/R` is allowed only where release 1.6.0 lists it. Whether this organisation may use it, only the handler knows. */
function allows(scope: RequestedScope, interaction: KnownInteraction): boolean {
  return (
    scope.resources === interaction.scope && (scope.confidentiality === 'conf/N' || interaction.restricted === true)
  )
}
