/** HTTP basic authentication (RFC 7617), compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** A user name and its password. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Whether an `Authorization` header carries exactly these credentials. Wrong credentials of any length take the same time. */
export function isAuthorised(header: string | undefined, { username, password }: Credentials): boolean {
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1] ?? ''
  return timingSafeEqual(digest(Buffer.from(encoded, 'base64')), digest(Buffer.from(`${username}:${password}`)))
}

// timingSafeEqual needs equal lengths, and digests always have the same.
function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
