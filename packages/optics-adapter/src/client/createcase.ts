/** Writes the body of a createcase request. */
import type { Attachment } from '@formbuilder/adapter-sdk'

/** The name of the HMCTS database in Optics. */
export const DATABASE = 'hmcts'

/** Optics fields in the order in which they are sent. */
export type Fields = Readonly<Record<string, unknown>>

/** The exact bytes of a createcase request: JSON without spaces, fields in order, escaped as Rails escapes. */
export function createcaseBody(fields: Fields): Buffer {
  return Buffer.from(JSON.stringify(fields).replace(ESCAPED, unicodeEscape), 'utf8')
}

/** The fields that make Optics fetch each file, numbered from 1. */
export function documentFields(attachments: readonly Pick<Attachment, 'filename' | 'mimetype' | 'url'>[]): Fields {
  return Object.fromEntries(
    attachments.flatMap(({ filename, mimetype, url }, index) => [
      [`Document${index + 1}.Name`, filename],
      [`Document${index + 1}.MimeType`, mimetype],
      [`Document${index + 1}.URL`, url],
      [`Document${index + 1}.URLLoadContent`, true],
    ]),
  )
}

// ActiveSupport escapes these characters so that the JSON is safe inside HTML and JavaScript. They occur only in strings.
const ESCAPED = /[<>&\u2028\u2029]/g

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
