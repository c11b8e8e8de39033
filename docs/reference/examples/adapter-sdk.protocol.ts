/** Examples of the names of @formbuilder/adapter-sdk/protocol. */

import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import {
  type AttachmentCipher,
  type AttachmentLink,
  type AttachmentSecret,
  answerChallenge,
  attachmentKey,
  type Challenge,
  type ContentEncryption,
  createAttachmentCipher,
  createAttachmentDecipher,
  createChallenge,
  createHexDecoder,
  createKey,
  type Decrypted,
  decryptCompact,
  type EndpointProof,
  encryptAttachment,
  encryptCompact,
  generateKey,
  JSON_LIMITS,
  type JsonLimits,
  type Key,
  type Keyring,
  keyProblem,
  parseChallenge,
  parseKeyring,
  parseSubmission,
  SENDER_DELIVERIES,
  type SubmissionEnvelope,
  senderRetrySeconds,
  submissionJsonSchema,
  verifyAnswer,
} from '@formbuilder/adapter-sdk/protocol'

// generateKey, keyProblem
{
  const shared = generateKey(16)
  console.log(keyProblem(shared)) // undefined: it can be used
  console.log(keyProblem('too short'))
}

// parseKeyring, Keyring, Key, createKey
{
  const keyring: Keyring = parseKeyring(generateKey(16), [generateKey(16)])
  const key: Key = createKey(Buffer.from(generateKey(32)))
  console.log(keyring.keys.length, key.bytes.byteLength)
}

// encryptCompact, decryptCompact, Decrypted, ContentEncryption
{
  const keyring = parseKeyring(generateKey(32))
  const [key] = keyring.keys
  if (key === undefined) throw new Error('there is no key')
  const enc: ContentEncryption = 'A256GCM'
  const jwe = await encryptCompact(JSON.stringify({ submissionId: '1' }), key, { enc })
  const { plaintext, keyPosition }: Decrypted = await decryptCompact(jwe, keyring)
  console.log(Buffer.from(plaintext).toString(), keyPosition)
}

// parseSubmission, SubmissionEnvelope, JSON_LIMITS, JsonLimits
{
  const limits: JsonLimits = { ...JSON_LIMITS, sizeBytes: 1_000_000 }
  const plaintext = Buffer.from('{"serviceSlug":"a","submissionId":"1","submissionAnswers":{},"attachments":[]}')
  const submission: SubmissionEnvelope = parseSubmission(plaintext, limits)
  console.log(submission.submissionId)
}

// submissionJsonSchema
{
  console.log(JSON.stringify(submissionJsonSchema, undefined, 2))
}

// createChallenge, parseChallenge, answerChallenge, verifyAnswer, Challenge, EndpointProof
{
  const key = createKey(Buffer.from(generateKey(16)))
  const endpoint = new URL('https://adapter.example/v2/complaint')
  // The sender asks ...
  const { challenge, jwe } = await createChallenge(key, endpoint)
  // ... the adapter answers ...
  const { plaintext } = await decryptCompact(jwe, { keys: [key] })
  const received: Challenge | undefined = parseChallenge(plaintext)
  if (received === undefined) throw new Error('it is a submission')
  const answer = await answerChallenge(received, key, { form: 'complaint', version: '1.4.0', path: endpoint.pathname })
  // ... and the sender knows who it is.
  const proof: EndpointProof = await verifyAnswer(answer, challenge, key)
  console.log(proof.form, proof.version)
}

// encryptAttachment, AttachmentLink
{
  const { hexText, encryption_key, encryption_iv } = encryptAttachment(Buffer.from('Dear all'))
  const link: AttachmentLink = {
    ...{
      url: 'https://files.example/1',
      encryption_key,
      encryption_iv,
      mimetype: 'text/plain',
      filename: 'letter.txt',
    },
  }
  console.log(link.url, hexText.length)
}

// createAttachmentCipher, AttachmentCipher
{
  const cipher: AttachmentCipher = createAttachmentCipher()
  await pipeline(createReadStream('letter.pdf'), cipher.stream, createWriteStream('letter.encrypted'))
  console.log(cipher.encryption_iv)
}

// createAttachmentDecipher, createHexDecoder, AttachmentSecret
{
  async function decrypt(secret: AttachmentSecret): Promise<void> {
    const answer = await fetch('https://files.example/1')
    if (answer.body === null) throw new Error('the answer is empty')
    const decipher = createAttachmentDecipher(secret)
    await pipeline(answer.body, createHexDecoder(), decipher, createWriteStream('letter.pdf'))
  }
  console.log(typeof decrypt)
}

// attachmentKey
{
  const { encryption_key, encryption_iv } = encryptAttachment(Buffer.from('Dear all'))
  const { key, iv } = attachmentKey({ encryption_key, encryption_iv })
  console.log(key.byteLength, iv.byteLength) // 32 16
}

// senderRetrySeconds, SENDER_DELIVERIES
{
  let seconds = 0
  for (let delivery = 1; delivery < SENDER_DELIVERIES; delivery += 1) seconds += senderRetrySeconds(delivery)
  console.log(`the sender gives up after ${Math.round(seconds / 86_400)} days`)
}
