/** Checks the simple claims of a bearer token, one function per claim. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { isText } from '../fhir/identifiers.ts'
import { isObject } from '../strict-json.ts'
import type { Claims } from '../token/bearer-token.ts'

/** `iss` is the absolute URL of the consumer's system. */
export function issuerIsUrl(exchange: Exchange): void {
  const { iss } = claimsOf(exchange)
  if (typeof iss !== 'string' || !/^https?:\/\//i.test(iss) || !URL.canParse(iss)) {
    throw wrong('The iss claim is missing or not an absolute URL')
  }
}

/** `sub` is the user, and equals the id of the requesting practitioner, which a migration may leave out. */
export function subjectIsPractitioner(exchange: Exchange): void {
  const { sub, requesting_practitioner: practitioner } = claimsOf(exchange)
  if (typeof sub !== 'string' || sub.trim() === '') throw wrong('The sub claim is missing or blank')
  if (!isObject(practitioner)) return
  if (practitioner['id'] === undefined && practitionerIsOptional(exchange)) return
  if (practitioner['id'] !== sub) {
    throw wrong('The sub claim is not the id of the requesting_practitioner claim')
  }
}

/** `aud` is the URL of this service root, or another accepted audience. */
export function audienceIsAccepted(exchange: Exchange): void {
  const { aud } = claimsOf(exchange)
  if (!isText(aud) || exchange.root?.isAudience(aud) !== true) {
    throw wrong('The aud claim is missing or not an audience of this service root')
  }
}

/** `exp` is in the future. From that second on the token has expired. */
export function tokenHasNotExpired(exchange: Exchange): void {
  const { exp } = claimsOf(exchange)
  if (!isSeconds(exp)) throw wrong('The exp claim is missing or not a number of seconds')
  if (exchange.receivedAt / 1000 >= exp + exchange.rules.expiryLeewaySeconds) throw wrong('The token has expired')
}

/** `iat` is a number of seconds. By default it is compared with `exp` only, not with the clock. */
export function issueTimeIsWellFormed(exchange: Exchange): void {
  const { iat } = claimsOf(exchange)
  if (!isSeconds(iat)) throw wrong('The iat claim is missing or not a number of seconds')
  const { futureIatSeconds } = exchange.rules
  if (futureIatSeconds !== undefined && iat > exchange.receivedAt / 1000 + futureIatSeconds) {
    throw wrong('The iat claim is in the future')
  }
}

/** A token is valid for exactly five minutes. Earlier checks ensure that both claims are numbers. */
export function lifetimeIsFiveMinutes(exchange: Exchange): void {
  const { exp, iat } = claimsOf(exchange)
  if (isSeconds(exp) && isSeconds(iat) && exp - iat !== LIFETIME_SECONDS) {
    throw wrong('The exp claim is not 300 seconds after the iat claim')
  }
}

/** `reason_for_request` is one of the accepted reasons. */
export function reasonIsAccepted(exchange: Exchange): void {
  const { reason_for_request: reason } = claimsOf(exchange)
  if (typeof reason !== 'string' || !exchange.rules.reasons.includes(reason)) {
    throw wrong('The reason_for_request claim is missing or not accepted here')
  }
}

/** Whether the request is a migration, and no rule requires its practitioner. */
export function practitionerIsOptional({ interaction, rules }: Exchange): boolean {
  return interaction?.migration === true && rules.migrationPractitioner === 'optional'
}

/** The claims of an exchange whose token is decoded. */
export function claimsOf(exchange: Exchange): Claims {
  return exchange.claims ?? {}
}

/** The error for a wrong claim. */
export function wrong(diagnostics: string): ProviderError {
  return new ProviderError('BAD_REQUEST', diagnostics, { bearer: 'invalid_token' })
}

const LIFETIME_SECONDS = 300

function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}
