/** The Authorization header: a bearer token of the one form that GP Connect knows. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { bearerToken, decodeJsonPart, isUnsecuredHeader, splitToken, type TokenParts } from '../token/bearer-token.ts'

/** There is a bearer token, and it is not longer than the rule allows. */
export function tokenIsPresent(exchange: Exchange): void {
  const token = tokenOf(exchange)
  if (token === undefined) {
    throw new ProviderError('BAD_REQUEST', 'Authorization holds no bearer token', { bearer: 'invalid_request' })
  }
  if (token.length > exchange.rules.maxTokenLength) {
    throw new ProviderError('BAD_REQUEST', 'The bearer token is longer than allowed', { bearer: 'invalid_request' })
  }
}

/** The token has exactly three parts. */
export function tokenHasThreeParts(exchange: Exchange): void {
  if (partsOf(exchange).count !== 3) throw refused('The bearer token does not have three parts')
}

/** The header states that the token is unsecured, and nothing more. */
export function tokenHeaderIsUnsecured(exchange: Exchange): void {
  if (!isUnsecuredHeader(partsOf(exchange).header)) {
    throw refused('The header of the bearer token is not alg none, typ JWT')
  }
}

/** The signature is empty: no other signature could be verified. */
export function tokenIsUnsigned(exchange: Exchange): void {
  if (partsOf(exchange).signature !== '') throw refused('The signature of the bearer token is not empty')
}

/** The payload is a JSON object, encoded as base64url; from here on its claims are known. */
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
