/** Asks an endpoint to prove that it has the key, before any submission is sent to it. */
import { AdapterError, createChallenge, type EndpointProof, verifyAnswer } from '@formbuilder/adapter-sdk/protocol'
import type { Answer } from './answer.ts'
import { post } from './post.ts'
import { RefusalError } from './refusal.ts'
import { assertTarget, type Target } from './submit.ts'

/**
 * Posts an encrypted challenge to the path of the form and checks the encrypted answer. Only a holder of the key can answer;
 * the answer names the form at that path. The receiver stores nothing and creates no case.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED, ERR_KEY_INVALID: nothing was sent. ERR_ENDPOINT_UNPROVEN: the answer is no
 * proof. ERR_RECEIVER_REFUSED (a `RefusalError`): 429 or 5xx, try again later. ERR_RECEIVER_UNREACHABLE: there was no answer.
 */
export async function verifyEndpoint(target: Target): Promise<EndpointProof> {
  const { endpoint, key, timeoutSeconds } = assertTarget(target)
  const { challenge, jwe } = await createChallenge(key, endpoint)
  const answer = await post(endpoint, jwe, { ...target, timeoutSeconds })
  if (answer.status === 200) return verifyAnswer(answer.body.trim(), challenge, key)
  const refusal = new RefusalError(answer)
  if (refusal.retryable) throw refusal
  throw new AdapterError('ERR_ENDPOINT_UNPROVEN', `${refusal.message}: ${meaning(answer)}`)
}

function meaning({ status }: Answer): string {
  if (status === 401) return 'it does not have this key'
  if (status === 404 || status === 405) return 'it has no form at this path'
  if (status === 422) return 'it has the key but does not answer this challenge'
  if (status >= 200 && status <= 299)
    return 'it did not recognise the challenge, so it is not an adapter that supports verification'
  return 'there is no adapter at this URL'
}
