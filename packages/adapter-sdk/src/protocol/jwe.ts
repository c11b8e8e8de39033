/** The compact JWE of a submission: encrypted by the first key of a keyring, decrypted by any. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { AdapterError } from '../errors.ts'
import { openGcm, sealGcm } from './aes-gcm.ts'
import { CONTENT_ENCRYPTION, type ContentEncryption, parseCompact, SENDER_HEADER, type Token } from './compact.ts'
import type { Key, Keyring } from './keyring.ts'

/** What came out of a JWE, and which key fitted: 0 is the newest. */
export interface Decrypted {
  readonly plaintext: Uint8Array
  readonly keyPosition: number
}

/**
 * Decrypts a compact JWE with the first key that fits, newest first.
 *
 * Timing reveals nothing about keys. Whether a token is malformed depends on the token alone, which its sender knows. A
 * well-formed token costs one decryption for each key of the keyring, whichever fits, if any; a key of the wrong
 * length for the token's `enc` is replaced by a random one that fits nothing.
 * @throws {AdapterError} ERR_JWE_INVALID: not a JWE that is accepted. ERR_JWE_DECRYPTION_FAILED: no key fits, or changed.
 */
export async function decryptCompact(jwe: string, keyring: Keyring): Promise<Decrypted> {
  const token = parseCompact(jwe)
  return decryptToken(token, keyring, token.enc === 'A128CBC-HS256' ? openWithJose : openWithNode)
}

/** Decrypts with `jose` whatever the content encryption: the reference that `decryptCompact` is tested against. */
export async function decryptCompactWithJose(jwe: string, keyring: Keyring): Promise<Decrypted> {
  return decryptToken(parseCompact(jwe), keyring, openWithJose)
}

/**
 * Encrypts as the sender does: with a key of 16 bytes the header is byte for byte `{"alg":"dir","enc":"A128GCM"}`;
 * with 32 bytes `enc` is A256GCM, or A128CBC-HS256 if asked for. A new random IV each time.
 * @throws {AdapterError} ERR_KEY_INVALID: the key is not of the length that `enc` needs.
 */
export async function encryptCompact(
  plaintext: string | Uint8Array,
  key: Key,
  options: { readonly enc?: ContentEncryption } = {},
): Promise<string> {
  const enc = options.enc ?? (key.bytes.byteLength === 16 ? 'A128GCM' : 'A256GCM')
  if (CONTENT_ENCRYPTION[enc].keyBytes !== key.bytes.byteLength)
    throw new AdapterError('ERR_KEY_INVALID', `${enc} needs a key of ${CONTENT_ENCRYPTION[enc].keyBytes} bytes`)
  const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext
  if (enc === 'A128CBC-HS256') {
    const { CompactEncrypt } = await jose()
    return await new CompactEncrypt(bytes).setProtectedHeader({ alg: 'dir', enc }).encrypt(key.keyObject)
  }
  const aad = enc === 'A128GCM' ? SENDER_HEADER : Buffer.from(JSON.stringify({ alg: 'dir', enc })).toString('base64url')
  const { iv, ciphertext, tag } = sealGcm(key.keyObject, bytes, aad)
  return `${aad}..${iv.toString('base64url')}.${ciphertext.toString('base64url')}.${tag.toString('base64url')}`
}

/** Loaded when it is needed: only tokens of A128CBC-HS256 need it. */
const jose = () => import('jose')

type Open = (token: Token, key: Pick<Key, 'keyObject'>) => Uint8Array | undefined | Promise<Uint8Array | undefined>

async function decryptToken(token: Token, keyring: Keyring, open: Open): Promise<Decrypted> {
  let found: Decrypted | undefined
  for (const [keyPosition, key] of keyring.keys.entries()) {
    const fits = key.bytes.byteLength === CONTENT_ENCRYPTION[token.enc].keyBytes
    const plaintext = await open(token, fits ? key : decoy(token.enc))
    if (plaintext !== undefined && fits) found ??= { plaintext, keyPosition }
  }
  if (found === undefined) throw new AdapterError('ERR_JWE_DECRYPTION_FAILED', 'no key fits, or the token was changed')
  return found
}

/** A key that nothing was encrypted with, so that a key of the wrong length costs what a wrong key costs. */
function decoy(enc: ContentEncryption): Pick<Key, 'keyObject'> {
  return { keyObject: createSecretKey(randomBytes(CONTENT_ENCRYPTION[enc].keyBytes)) }
}

function openWithNode(
  { iv, ciphertext, tag, aad }: Token,
  { keyObject }: Pick<Key, 'keyObject'>,
): Uint8Array | undefined {
  return openGcm(keyObject, iv, ciphertext, tag, aad)
}

async function openWithJose(token: Token, { keyObject }: Pick<Key, 'keyObject'>): Promise<Uint8Array | undefined> {
  const { compactDecrypt } = await jose()
  try {
    const { plaintext } = await compactDecrypt(token.compact, keyObject, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: [token.enc],
      maxDecompressedLength: 0,
    })
    return plaintext
  } catch {
    return undefined
  }
}
