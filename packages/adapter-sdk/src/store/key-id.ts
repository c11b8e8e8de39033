/** The identity of a key in a store: the same at every position and in every process, and no help in guessing the key. */
import { scrypt as scryptWithCallback } from 'node:crypto'
import { promisify } from 'node:util'

/** The ids of each form's keys, by position: 0 is the current key. */
export type KeyIds = Readonly<Record<string, readonly string[]>>

/** Makes the id of one key. `salt`: see {@link keyIds}. */
export type IdOfKey = (key: Uint8Array, salt: string) => Promise<string>

/**
 * Makes the ids of these keys. `salt`: that of the store, so that no table of common keys fits two stores.
 *
 * Some senders' keys are weak, and a reader of the store can try guesses: on each JWE in it, at the price of one AES block.
 * An id must not be cheaper to try than that, also when the JWEs were erased. It costs a hundred thousand times more.
 */
export async function keyIds(
  keyrings: Readonly<Record<string, { readonly keys: readonly { readonly bytes: Uint8Array }[] }>>,
  salt: string,
  idOfKey: IdOfKey = costlyId,
): Promise<KeyIds> {
  const made = new Map<string, Promise<string>>()
  const idOf = async (bytes: Uint8Array) => {
    const key = Buffer.from(bytes).toString('latin1')
    const id = made.get(key) ?? idOfKey(bytes, salt)
    made.set(key, id)
    return await id
  }
  const forms = Object.entries(keyrings).map(
    async ([form, { keys }]) => [form, await Promise.all(keys.map(({ bytes }) => idOf(bytes)))] as const,
  )
  return Object.fromEntries(await Promise.all(forms))
}

const costlyId: IdOfKey = async (key, salt) => {
  const id = (await scrypt(key, Buffer.from(salt, 'hex'), ID_BYTES)) as Buffer
  return id.toString('hex')
}

const scrypt = promisify(scryptWithCallback)
const ID_BYTES = 16
