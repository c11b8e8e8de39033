/** The claims of a bearer token, one rule each. */

import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { isObject } from '../strict-json.ts'
import type { Claims } from '../token/bearer-token.ts'

/** `iss` is the absolute URL of the consumer's system. */
export function issuerIsUrl(exchange: Exchange): void {
  const { iss } = claimsOf(exchange)
  if (typeof iss !== 'string' || !/^https?:\/\//i.test(iss) || !URL.canParse(iss)) {
    throw wrong('The iss claim is missing or not an absolute URL')
  }
}

/** `sub` is the user: the same as the id of the requesting practitioner. */
export function subjectIsPractitioner(exchange: Exchange): void {
  const { sub, requesting_practitioner: practitioner } = claimsOf(exchange)
  if (typeof sub !== 'string' || sub.trim() === '') throw wrong('The sub claim is missing or blank')
  if (isObject(practitioner) && practitioner['id'] !== sub) {
    throw wrong('The sub claim is not the id of the requesting_practitioner claim')
  }
}

/** `aud` is this service root, or another audience that is accepted here. */
export function audienceIsAccepted(exchange: Exchange): void {
  const { aud } = claimsOf(exchange)
  if (typeof aud !== 'string' || exchange.root?.audiences.has(aud) !== true) {
    throw wrong('The aud claim is missing or not an audience of this service root')
  }
}

/** `exp` lies in the future: on and after that second the token has expired. */
export function tokenHasNotExpired(exchange: Exchange): void {
  const { exp } = claimsOf(exchange)
  if (!isSeconds(exp)) throw wrong('The exp claim is missing or not a number of seconds')
  if (exchange.receivedAt / 1000 >= exp + exchange.rules.expiryLeewaySeconds) throw wrong('The token has expired')
}

/** `iat` is a number of seconds. By default it is not compared with the clock, only with `exp`. */
export function issueTimeIsWellFormed(exchange: Exchange): void {
  const { iat } = claimsOf(exchange)
  if (!isSeconds(iat)) throw wrong('The iat claim is missing or not a number of seconds')
  const { futureIatSeconds } = exchange.rules
  if (futureIatSeconds !== undefined && iat > exchange.receivedAt / 1000 + futureIatSeconds) {
    throw wrong('The iat claim lies in the future')
  }
}

/** A token lives for five minutes, no second more or less. Both ends are known to be numbers by now. */
export function lifetimeIsFiveMinutes(exchange: Exchange): void {
  const { exp, iat } = claimsOf(exchange)
  if (isSeconds(exp) && isSeconds(iat) && exp - iat !== LIFETIME_SECONDS) {
    throw wrong('The exp claim is not 300 seconds after the iat claim')
  }
}

/** `reason_for_request` is one of the reasons of this release. */
export function reasonIsAccepted(exchange: Exchange): void {
  const { reason_for_request: reason } = claimsOf(exchange)
  if (typeof reason !== 'string' || !exchange.rules.reasons.includes(reason)) {
    throw wrong('The reason_for_request claim is missing or not accepted here')
  }
}

/** The claims of an exchange whose token has decoded. */
export function claimsOf(exchange: Exchange): Claims {
  return exchange.claims ?? {}
}

/** A refusal because of a claim. */
export function wrong(diagnostics: string): ProviderError {
  return new ProviderError('BAD_REQUEST', diagnostics, { bearer: 'invalid_token' })
}

const LIFETIME_SECONDS = 300

function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}
