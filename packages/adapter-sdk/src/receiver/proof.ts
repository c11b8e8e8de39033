/** Proves to a sender that this endpoint holds a form's key: answers its challenge, encrypted with that key. */
import type { Context } from 'koa'
import { answerChallenge, parseChallenge } from '../protocol/challenge.ts'
import type { Key } from '../protocol/keyring.ts'

/** What an adapter says about itself to a sender that holds the key. */
export interface Identity {
  /** Version of the adapter. */
  readonly version: string
  /** `https://adapter.service.gov.uk`; absent if the adapter does not know its public name. */
  readonly origin?: string
}

/**
 * Answers the body if it is a challenge, and returns whether it was. A challenge is never stored.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: the challenge is too old, or for another endpoint.
 */
export async function answerIfChallenge(
  ctx: Context,
  plaintext: Uint8Array,
  key: Key | undefined,
  form: string,
  identity: Identity,
): Promise<boolean> {
  const challenge = parseChallenge(plaintext)
  if (challenge === undefined || key === undefined) return false
  ctx.body = await answerChallenge(challenge, key, { ...identity, form, path: ctx.path })
  ctx.type = 'application/jose'
  return true
}
