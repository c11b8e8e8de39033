/** Asks an endpoint to prove that it holds the key, before any submission goes there. */
import { AdapterError, createChallenge, type EndpointProof, verifyAnswer } from '@formbuilder/adapter-sdk/protocol'
import { type Answer, post } from './post.ts'
import { RefusalError } from './refusal.ts'
import { assertTarget, type Target } from './submit.ts'

/**
 * Posts an encrypted challenge to the form's own path, and reads the encrypted answer: who gives it holds the key, and
 * says which form receives there. Nothing is stored by the receiver and no case is made.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID: nothing was sent. ERR_ENDPOINT_UNPROVEN: an answer, but no
 * proof. ERR_RECEIVER_REFUSED (a `RefusalError`): 429 or 5xx, so ask again later. ERR_RECEIVER_UNREACHABLE: no answer.
 */
export async function verifyEndpoint(target: Target): Promise<EndpointProof> {
  const { endpoint, key, timeoutSeconds } = assertTarget(target)
  const { challenge, jwe } = await createChallenge(key, endpoint)
  const answer = await post(endpoint, jwe, { timeoutSeconds, signal: target.signal, ca: target.ca })
  if (answer.status === 200) return verifyAnswer(answer.body.trim(), challenge, key)
  const refusal = new RefusalError(answer)
  if (refusal.retryable) throw refusal
  throw new AdapterError('ERR_ENDPOINT_UNPROVEN', `${refusal.message}: ${meaning(answer)}`)
}

function meaning({ status }: Answer): string {
  if (status === 401) return 'it does not hold this key'
  if (status === 404 || status === 405) return 'no form receives at this path'
  if (status === 422) return 'it holds the key, and does not answer this challenge'
  if (status >= 200 && status <= 299)
    return 'it took the challenge for something else, so it is no adapter that can prove itself'
  return 'it is no adapter, or not at this address'
}
