/** The cipher of uploaded files: AES-256-CBC with PKCS#7 padding, stored and sent as hexadecimal text. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Transform } from 'node:stream'
import { AdapterError } from '../errors.ts'
import type { AttachmentLink } from './submission.ts'

/** Key and IV of a file, as the link has them. */
export type AttachmentSecret = Pick<AttachmentLink, 'encryption_key' | 'encryption_iv'>

/**
 * The key and IV of a file.
 * @throws {AdapterError} ERR_ATTACHMENT_KEY_INVALID: not strict base64 of 32 and 16 bytes.
 */
export function attachmentKey(secret: AttachmentSecret): { key: Buffer; iv: Buffer } {
  return {
    key: decodeBase64(secret.encryption_key, 'encryption_key', KEY_BYTES),
    iv: decodeBase64(secret.encryption_iv, 'encryption_iv', BLOCK_BYTES),
  }
}

/**
 * Turns the ciphertext of a file into the file, as a stream. CBC has no integrity: the padding at the end shows most
 * changed or truncated files, not all: a caller that stores ciphertext must keep a digest of it.
 * Fails with ERR_ATTACHMENT_CORRUPT when the end is not what the sender's cipher makes.
 * @throws {AdapterError} ERR_ATTACHMENT_KEY_INVALID
 */
export function createAttachmentDecipher(secret: AttachmentSecret): Transform {
  const { key, iv } = attachmentKey(secret)
  const decipher = createDecipheriv('aes-256-cbc', key, iv)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, decipher.update(chunk))
    },
    flush(done) {
      let rest: Buffer
      try {
        rest = decipher.final()
      } catch {
        return done(
          new AdapterError('ERR_ATTACHMENT_CORRUPT', 'the file does not decrypt: its length or padding is wrong'),
        )
      }
      done(null, rest)
    },
  })
}

/**
 * Turns hexadecimal text, in either case, into its bytes, as a stream. Fails with ERR_ATTACHMENT_NOT_HEX at the first
 * character that is no digit, and at an end that is not a whole number of AES blocks, at least one.
 */
export function createHexDecoder(): Transform {
  // A single digit, which completes a byte with the next chunk.
  let half = ''
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = half + chunk.toString('latin1')
      const even = text.length - (text.length % 2)
      // Node stops at the first pair that is not hexadecimal: a short result is a wrong text.
      const decoded = Buffer.from(even === text.length ? text : text.slice(0, even), 'hex')
      if (decoded.byteLength * 2 !== even) return done(notHex('it holds a character that is no hexadecimal digit'))
      half = text.slice(even)
      bytes += decoded.byteLength
      done(null, decoded)
    },
    flush(done) {
      const whole = half === '' && bytes > 0 && bytes % BLOCK_BYTES === 0
      done(whole ? null : notHex('it does not end with a whole AES block'))
    },
  })
}

/** The sender's side of a file: what goes into its link, and the stream that turns the file into what is stored. */
export interface AttachmentCipher extends AttachmentSecret {
  /** Reads the file and writes its ciphertext as lower-case hexadecimal text. */
  readonly stream: Transform
}

/** Encrypts one file as the platform's store does, under a new random key and IV. */
export function createAttachmentCipher(): AttachmentCipher {
  const { cipher, secret } = newCipher()
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, cipher.update(chunk).toString('hex'))
    },
    flush(done) {
      done(null, cipher.final('hex'))
    },
  })
  return { ...secret, stream }
}

/** Encrypts a whole file. `hexText` is the body that its link must answer with. */
export function encryptAttachment(file: Uint8Array): AttachmentSecret & { readonly hexText: string } {
  const { cipher, secret } = newCipher()
  return { ...secret, hexText: Buffer.concat([cipher.update(file), cipher.final()]).toString('hex') }
}

const KEY_BYTES = 32
const BLOCK_BYTES = 16

function newCipher() {
  const key = randomBytes(KEY_BYTES)
  const iv = randomBytes(BLOCK_BYTES)
  const secret: AttachmentSecret = { encryption_key: key.toString('base64'), encryption_iv: iv.toString('base64') }
  return { cipher: createCipheriv('aes-256-cbc', key, iv), secret }
}

function decodeBase64(text: string, name: string, length: number): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw keyInvalid(`${name} is not base64`)
  if (bytes.byteLength !== length) throw keyInvalid(`${name} is ${bytes.byteLength} bytes long, not ${length}`)
  return bytes
}

function keyInvalid(message: string): AdapterError {
  return new AdapterError('ERR_ATTACHMENT_KEY_INVALID', message)
}

function notHex(why: string): AdapterError {
  return new AdapterError('ERR_ATTACHMENT_NOT_HEX', `the file is not the hexadecimal text of AES blocks: ${why}`)
}
