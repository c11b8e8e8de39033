/**
 * Proof of endpoint: the sender posts an encrypted challenge to a form's own path; only who holds the form's key can
 * read it, and answer.
 *
 * A challenge is encrypted with the shared key, as a submission is, and is no submission: it has one member, which no
 * submission has, and none of a submission's. An answer is encrypted with a key derived from the shared key and the
 * challenge's nonce: it fits no other challenge, and cannot be mistaken for a submission or a challenge. A stranger
 * who repeats a challenge gets an answer that only a holder of the key can read.
 */
import { hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { AdapterError } from '../errors.ts'
import { parseJson } from './json.ts'
import { decryptCompact, encryptCompact } from './jwe.ts'
import { createKey, type Key } from './keyring.ts'
import { mismatch, type Shape } from './shape.ts'

/** What the sender asks. */
export interface Challenge {
  /** 32 random bytes in base64url. */
  readonly nonce: string
  /** Where the sender posts it: origin and path, as in `https://adapter.service.gov.uk/v2/complaint`. */
  readonly endpoint: string
  /** ISO 8601, in UTC. An adapter answers within five minutes of it, before or after. */
  readonly issuedAt: string
}

/** How an adapter describes itself. */
export interface EndpointProof {
  /** The form that receives at the endpoint. */
  readonly form: string
  /** Of the adapter. */
  readonly version: string
  /**
   * The origin that the adapter knows as its own, and found in the challenge. `null`: it knows none, so the proof does
   * not rule out that another host passed the challenge on.
   */
  readonly origin: string | null
}

/** Makes a challenge for an endpoint, and the JWE to post there. */
export async function createChallenge(
  key: Key,
  endpoint: URL,
  now: Date = new Date(),
): Promise<{ challenge: Challenge; jwe: string }> {
  const challenge = {
    nonce: randomBytes(NONCE_BYTES).toString('base64url'),
    endpoint: endpoint.origin + endpoint.pathname,
    issuedAt: now.toISOString(),
  }
  return { challenge, jwe: await encryptCompact(JSON.stringify({ challenge }), key) }
}

/**
 * The challenge in a decrypted body, or `undefined`: no challenge, so it may be a submission. Costs nothing for those.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: begins as a challenge does, and is none; names the field.
 */
export function parseChallenge(plaintext: Uint8Array): Challenge | undefined {
  if (
    !Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).subarray(0, BEGIN.length).equals(BEGIN)
  )
    return undefined
  const value = parseJson(plaintext, 'ERR_SUBMISSION_INVALID', LIMITS)
  const problem = mismatch(value, CHALLENGE, '')
  if (problem !== undefined) throw refused(problem)
  // The shape has just been checked.
  const { challenge, ...more } = value as { challenge: Challenge }
  if (Object.keys(more).length > 0) throw refused('a challenge has one member only')
  return challenge
}

/**
 * Answers a challenge with the key that decrypted it: the JWE to return, as `application/jose`. Nothing is to be stored.
 * `path` is the one that was posted to; `origin` the adapter's own, if it knows it.
 * @throws {AdapterError} ERR_SUBMISSION_INVALID: the challenge is stale, or meant for another endpoint.
 */
export async function answerChallenge(
  challenge: Challenge,
  key: Key,
  adapter: { form: string; version: string; path: string; origin?: string | undefined; now?: Date },
): Promise<string> {
  const age = (adapter.now ?? new Date()).getTime() - Date.parse(challenge.issuedAt)
  if (!(Math.abs(age) <= FRESH_MILLISECONDS)) throw refused('challenge.issuedAt is not within five minutes')
  const endpoint = URL.parse(challenge.endpoint)
  if (endpoint?.pathname !== adapter.path) throw refused('challenge.endpoint is another path')
  if (adapter.origin !== undefined && endpoint.origin !== adapter.origin)
    throw refused('challenge.endpoint is another host')
  const { form, version, origin = null } = adapter
  const answer = { nonce: challenge.nonce, form, version, origin }
  return encryptCompact(JSON.stringify({ answer }), answerKey(key, challenge))
}

/**
 * Reads the answer to a challenge: only a holder of the key can have written it, and only after this challenge was made.
 * @throws {AdapterError} ERR_ENDPOINT_UNPROVEN: it is anything else.
 */
export async function verifyAnswer(jwe: string, challenge: Challenge, key: Key): Promise<EndpointProof> {
  const { nonce, form, version, origin } = await openAnswer(jwe, challenge, key)
  const [told, asked] = [Buffer.from(nonce), Buffer.from(challenge.nonce)]
  if (told.byteLength !== asked.byteLength || !timingSafeEqual(told, asked))
    throw new AdapterError('ERR_ENDPOINT_UNPROVEN', 'the answer is to another challenge')
  return { form, version, origin }
}

const NONCE_BYTES = 32
const FRESH_MILLISECONDS = 5 * 60 * 1000
const BEGIN = Buffer.from('{"challenge":')
const LIMITS = { sizeBytes: 4096, depth: 2, values: 16 }

const TEXT: Shape = { type: 'string', minLength: 1, maxLength: 2048, pattern: '^[^\\p{Cc}]+$' }
const CHALLENGE: Shape = {
  type: 'object',
  required: ['challenge'],
  properties: {
    challenge: {
      type: 'object',
      required: ['nonce', 'endpoint', 'issuedAt'],
      properties: { nonce: { type: 'string', pattern: '^[\\w-]{43}$' }, endpoint: TEXT, issuedAt: TEXT },
    },
  },
}
const ANSWER: Shape = {
  type: 'object',
  required: ['answer'],
  properties: {
    answer: {
      type: 'object',
      required: ['nonce', 'form', 'version', 'origin'],
      properties: { nonce: TEXT, form: TEXT, version: TEXT, origin: { ...TEXT, type: ['string', 'null'] } },
    },
  },
}

async function openAnswer(
  jwe: string,
  challenge: Challenge,
  key: Key,
): Promise<EndpointProof & Pick<Challenge, 'nonce'>> {
  try {
    const { plaintext } = await decryptCompact(jwe, { keys: [answerKey(key, challenge)] })
    const value = parseJson(plaintext, 'ERR_ENDPOINT_UNPROVEN', LIMITS)
    const problem = mismatch(value, ANSWER, '')
    if (problem !== undefined) throw new AdapterError('ERR_ENDPOINT_UNPROVEN', problem)
    // The shape has just been checked.
    return (value as { answer: EndpointProof & Pick<Challenge, 'nonce'> }).answer
  } catch (cause) {
    throw new AdapterError('ERR_ENDPOINT_UNPROVEN', 'the answer is not from who holds this key', { cause })
  }
}

/** A key for one answer. HKDF (RFC 5869) keeps it apart from the shared key: what fits one never fits the other. */
function answerKey(key: Key, { nonce }: Challenge): Key {
  const salt = Buffer.from(nonce, 'base64url')
  return createKey(
    new Uint8Array(
      hkdfSync('sha256', key.keyObject, salt, 'formbuilder proof of endpoint 1: answer', key.bytes.length),
    ),
  )
}

function refused(problem: string): AdapterError {
  return new AdapterError('ERR_SUBMISSION_INVALID', problem)
}
