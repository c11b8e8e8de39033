/** Signs what the guard has found about a request, for the system behind the gateway. */
import { randomUUID, webcrypto } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Exchange } from '../exchange.ts'
import { transactionOf } from '../transaction.ts'

/** How long a token is valid, in seconds. */
export const TOKEN_SECONDS = 60

/** Fewest bytes of a secret. */
export const SECRET_MIN_BYTES = 32

/** The key of a secret. */
export type ClaimsKey = webcrypto.CryptoKey

/** The key of a secret of at least `SECRET_MIN_BYTES`. */
export function claimsKey(secret: Uint8Array): Promise<ClaimsKey> {
  return webcrypto.subtle.importKey('raw', Buffer.from(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

/**
 * A JWT (HS256) of a request that has passed every check. It is bound to the method and the target that the upstream sees, and
 * valid for a minute.
 */
export function claimsToken(key: ClaimsKey, exchange: Exchange, target: string, now: number): Promise<string> {
  const transaction = transactionOf(exchange)
  const { interaction, root, id, scope, format, prefers, claims } = transaction
  const seconds = Math.floor(now / 1000)
  return new SignJWT({
    iss: ISSUER,
    iat: seconds,
    exp: seconds + TOKEN_SECONDS,
    jti: randomUUID(),
    method: exchange.method,
    target,
    traceId: exchange.headers['ssp-traceid'],
    from: exchange.headers['ssp-from'],
    to: exchange.headers['ssp-to'],
    interaction: interaction.id,
    root: { path: root.path, asid: root.asid, preset: root.preset, fhir: root.fhir },
    id,
    scope,
    format,
    prefers,
    claims,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(key)
}

const ISSUER = 'gp-connect-gateway'
