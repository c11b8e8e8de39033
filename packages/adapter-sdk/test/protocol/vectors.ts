/** The recorded vectors beside this file. */
import { readFileSync } from 'node:fs'

/** Tokens that ruby-jwe 1.1.1 made, as the sender does. */
export const rubyJwe = read<{ name: string; key: string; plaintext: string; token: string }>('ruby-jwe')

/** Tokens of a specification and of another library. */
export const otherJwe = read<{ source: string; keyBase64url: string; plaintext: string; token: string }>('other-jwe')

/** Bodies that were posted to the live adapter. */
export const requests = read<{ name: string; key: string; body: string }>('requests')

/** Stored files, and the file in clear where there is one. */
export const attachments = read<{
  name: string
  attachment: { encryption_key: string; encryption_iv: string }
  storedBase64: string
  fileBase64: string | null
}>('attachments')

/** Submissions that the live adapter accepted and could not handle. */
export const incompleteSubmissions = read<{ name: string; submission: unknown }>('incomplete-submissions')

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8'))
}
