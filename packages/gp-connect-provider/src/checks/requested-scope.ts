/** Compares the `requested_scope` claim with the endpoint that is asked for. */
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import type { KnownInteraction } from '../roots/service-root.ts'
import { parseScope, type RequestedScope } from '../token/scope.ts'
import { claimsOf } from './claims.ts'

/** `requested_scope` is one of the values that exist. */
export function scopeIsWellFormed(exchange: Exchange): void {
  const scope = parseScope(claimsOf(exchange)['requested_scope'], exchange.rules.confidentiality)
  if (scope === undefined) {
    throw new ProviderError('BAD_REQUEST', 'The requested_scope claim is missing or not a scope', {
      bearer: 'invalid_token',
    })
  }
  exchange.scope = scope
}

/** `requested_scope` opens the endpoint, by resource and by read or write. */
export function scopeOpensEndpoint(exchange: Exchange): void {
  const { scope, interaction } = exchange
  if (!exchange.rules.scopeEndpoints || scope === undefined || interaction === undefined) return
  if (!opens(scope, interaction)) {
    throw new ProviderError('BAD_REQUEST', 'The requested_scope claim does not open this endpoint', {
      bearer: 'insufficient_scope',
    })
  }
}

/** Same resources, same direction, and `conf/R` only for a transfer of a record. */
function opens(scope: RequestedScope, interaction: KnownInteraction): boolean {
  return scope.resources === interaction.scope && (scope.confidentiality === 'conf/N' || interaction.migration === true)
}
