/** Checks the Authorization header: a bearer token in the unsigned form that GP Connect uses. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bearerToken, decodeJsonPart, isUnsecuredHeader, splitToken, type TokenParts } from '../token/bearer-token.ts'

/** The request has a bearer token, and it is not too long. */
export function tokenIsPresent(exchange: Exchange): void {
  const token = tokenOf(exchange)
  if (token === undefined) {
    throw new ProviderError('BAD_REQUEST', 'Authorization has no bearer token', { bearer: 'invalid_request' })
  }
  if (token.length > exchange.rules.maxTokenLength) {
    throw new ProviderError('BAD_REQUEST', 'The bearer token is longer than allowed', { bearer: 'invalid_request' })
  }
}

/** The token has exactly three parts. */
export function tokenHasThreeParts(exchange: Exchange): void {
  if (partsOf(exchange).count !== 3) throw refused('The bearer token does not have three parts')
}

/** The token's header is exactly that of an unsecured JWT. */
export function tokenHeaderIsUnsecured(exchange: Exchange): void {
  if (!isUnsecuredHeader(partsOf(exchange).header)) {
    throw refused('The header of the bearer token is not alg none, typ JWT')
  }
}

/** The signature is empty, because no one could verify one. */
export function tokenIsUnsigned(exchange: Exchange): void {
  if (partsOf(exchange).signature !== '') throw refused('The signature of the bearer token is not empty')
}

/** The payload is a JSON object in base64url. Sets the claims of the exchange. */
export function tokenPayloadDecodes(exchange: Exchange): void {
  const claims = decodeJsonPart(partsOf(exchange).payload)
  if (claims === undefined) throw refused('The payload of the bearer token is not a JSON object in base64url')
  exchange.claims = claims
}

function tokenOf({ headers }: Exchange): string | undefined {
  return headers.authorization === undefined ? undefined : bearerToken(headers.authorization)
}

function partsOf(exchange: Exchange): TokenParts {
  exchange.token ??= splitToken(tokenOf(exchange) ?? '')
  return exchange.token
}

function refused(diagnostics: string): ProviderError {
  return new ProviderError('BAD_REQUEST', diagnostics, { bearer: 'invalid_token' })
}
