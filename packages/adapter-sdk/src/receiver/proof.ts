/** Proves to a sender that this endpoint holds a form's key: answers its challenge, encrypted with that key. */
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
 * The answer to the body, if it is a challenge; undefined if it is not. A challenge is never stored.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: the challenge is too old, or for another endpoint.
 */
export async function proofFor(
  plaintext: Uint8Array,
  key: Key | undefined,
  endpoint: Parameters<typeof answerChallenge>[2],
): Promise<string | undefined> {
  const challenge = parseChallenge(plaintext)
  if (challenge === undefined || key === undefined) return undefined
  return await answerChallenge(challenge, key, endpoint)
}
