/** A submission as the store accepts it, and the id of its row. */
import { createHash } from 'node:crypto'
import type { StoredFile } from '../files/capture.ts'

/** A submission as the receiver accepts it. */
export interface Incoming {
  readonly form: string
  readonly submissionId: string
  readonly serviceSlug: string
  /** The compact JWE as it came. */
  readonly jwe: string
  readonly files: readonly StoredFile[]
  readonly traceparent?: string | undefined
  /** Id of the key that opened it (key-id.ts); never the key. */
  readonly keyId?: string | undefined
}

/**
 * `accepted`: held from now on. `duplicate`: already held, nothing happened. `replaced`: it took the place of a dead letter.
 */
export type Accepted = 'accepted' | 'duplicate' | 'replaced'

/** UUIDv5 of form and submissionId: the same submission has the same id wherever it arrives. */
export function rowId(form: string, submissionId: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(`${form}\0${submissionId}`).digest()
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Whether a text has the form of the id of a row. */
export function isRowId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

// Our own namespace for UUIDv5 (RFC 9562 section 5.5), made once.
const NAMESPACE = Buffer.from('8d1f6cc0a5d54f4f9a4be6b1d2a9f3c7', 'hex')
