/** The agreement with the sender: JWE, keyring, submission, files and challenge. Public subpath ./protocol. */
import '../../node-version.cjs'

export { AdapterError, ERRORS, type ErrorCode } from '../errors.ts'
export {
  type AttachmentCipher,
  type AttachmentSecret,
  attachmentKey,
  createAttachmentCipher,
  createAttachmentDecipher,
  createHexDecoder,
  encryptAttachment,
} from './attachment.ts'
export {
  answerChallenge,
  type Challenge,
  createChallenge,
  type EndpointProof,
  parseChallenge,
  verifyAnswer,
} from './challenge.ts'
export type { ContentEncryption } from './compact.ts'
export { JSON_LIMITS, type JsonLimits } from './json.ts'
export { type Decrypted, decryptCompact, encryptCompact } from './jwe.ts'
export { createKey, generateKey, type Key, type Keyring, keyProblem, parseKeyring } from './keyring.ts'
export { retryAfterSeconds } from './retry-after.ts'
export { SENDER_DELIVERIES, senderRetrySeconds } from './schedule.ts'
export { type AttachmentLink, parseSubmission, type SubmissionEnvelope, submissionJsonSchema } from './submission.ts'
