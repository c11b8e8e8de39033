/** Proof of endpoint, the adapter's side: who asks with a form's key is told, under that key, which form this is. */
import type { Context } from 'koa'
import { answerChallenge, parseChallenge } from '../protocol/challenge.ts'
import type { Key } from '../protocol/keyring.ts'

/** What an adapter says of itself to a sender that holds the key. */
export interface Identity {
  /** Of the adapter. */
  readonly version: string
  /** `https://adapter.service.gov.uk`; absent: the adapter does not know under which name it is reached. */
  readonly origin?: string
}

/**
 * Answers a challenge, and says whether the body was one: then nothing is stored, and nothing else happens.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: a challenge that is stale, or meant for another endpoint.
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
