/** Shared keys: what a key is, which ones a form accepts, how a good one is made. */
import { createSecretKey, type KeyObject, randomInt } from 'node:crypto'
import { AdapterError } from '../errors.ts'

/** Keys, newest first: the first encrypts, any decrypts. */
export interface Keyring {
  readonly keys: readonly Key[]
}

/** A shared secret. With `dir` it is the content encryption key itself. It shows itself nowhere: not in JSON, not in an inspection. */
export interface Key {
  readonly bytes: Uint8Array
  readonly keyObject: KeyObject
}

/**
 * Reads a keyring from its texts: ASCII text used as raw bytes, never decoded.
 * @throws {AdapterError} ERR_KEY_INVALID: names every key that is not 16 or 32 visible ASCII characters, by position.
 */
export function parseKeyring(current: string, previous: readonly string[] = []): Keyring {
  const texts = [current, ...previous]
  const problems = texts.flatMap((text, position) => {
    const problem = keyFormProblem(text)
    return problem === undefined ? [] : [`${keyName(position)} ${problem}`]
  })
  if (problems.length > 0) throw new AdapterError('ERR_KEY_INVALID', problems.join('; '))
  return { keys: texts.map((text) => createKey(Buffer.from(text, 'latin1'))) }
}

/**
 * Makes a key of raw bytes.
 * @throws {AdapterError} ERR_KEY_INVALID: not 16 or 32 bytes.
 */
export function createKey(bytes: Uint8Array): Key {
  if (!KEY_LENGTHS.includes(bytes.byteLength))
    throw new AdapterError('ERR_KEY_INVALID', `the key is ${bytes.byteLength} bytes long, not 16 or 32`)
  return new SharedKey(bytes)
}

/**
 * Makes a new shared key of letters and digits: every character drawn evenly from 62, so 16 characters carry
 * 95 bits and 32 carry 190. Nothing in it needs quoting in a shell, a YAML file or a comma-separated list.
 */
export function generateKey(length: 16 | 32): string {
  for (;;) {
    const text = Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
    // About one fair draw in a million looks weak. Our own check must never warn of our own key.
    if (keyProblem(text) === undefined) return text
  }
}

/**
 * The problem with a key, or `undefined`. First what no keyring accepts (length, characters), then what makes a key
 * easy to guess; a weak key is accepted by `parseKeyring`, because changing it needs both sides. Never quotes the key.
 */
export function keyProblem(text: string): string | undefined {
  return keyFormProblem(text) ?? weakness(text)
}

const KEY_LENGTHS: readonly number[] = [16, 32]
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Holds the bytes where neither `JSON.stringify` nor `util.inspect` looks. */
class SharedKey implements Key {
  readonly #bytes: Uint8Array
  // Made once: with raw bytes instead of a KeyObject every decrypt costs four times as much.
  readonly #keyObject: KeyObject

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes)
    this.#keyObject = createSecretKey(this.#bytes)
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  get keyObject(): KeyObject {
    return this.#keyObject
  }

  toJSON(): string {
    return '[shared key]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[shared key]'
  }
}

function keyName(position: number): string {
  return position === 0 ? 'the current key' : `previous key ${position}`
}

/** What no keyring accepts about a text, or `undefined`. Never quotes it. */
export function keyFormProblem(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (text !== text.trim()) return `begins or ends with white space (${text.length} characters with it)`
  const outside = /[^!-~]/.exec(text)
  if (outside !== null) return `has a character at position ${outside.index + 1} that is not visible ASCII`
  return KEY_LENGTHS.includes(text.length) ? undefined : `is ${text.length} characters long, not 16 or 32`
}

function weakness(text: string): string | undefined {
  if (/^(.+?)\1+$/.test(text)) return 'is a shorter text repeated'
  if (new Set(text).size < text.length / 4 + 2) return 'has too few different characters'
  if (neighbours(text) >= text.length / 2) return 'is mostly a sequence, such as abcd or 4321'
  if (/passw|secret|changeme|example|letmein|qwerty/i.test(text)) return 'contains a common word'
  if (text.length === 16 && /^([0-9a-f]+|[0-9A-F]+)$/.test(text))
    return 'is 16 hexadecimal characters, which carry only 64 bits; letters and digits carry 95'
  if (/^[0-9]+$/.test(text)) return 'is digits only'
  return undefined
}

/** How many characters follow their neighbour in ASCII, upwards or downwards. */
function neighbours(text: string): number {
  let count = 0
  for (let i = 1; i < text.length; i++) if (Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) === 1) count++
  return count
}
