/** The answer of an address question, and the lines that Optics wants in one field. */
import { z } from 'zod'

/** One line of an address: text, or what else JSON can say that can be written on a line. */
export type AddressLine = string | number | boolean | null | readonly AddressLine[] | Readonly<Record<string, never>>

/**
 * The address as sent. `null` and `""` are an address that was not given; another text, number or list is refused, because
 * no part of Optics' address could be told from it.
 */
export const addressAnswer = z
  .union([
    z.looseObject({
      address_line_one: z.lazy(() => addressLine).optional(),
      address_line_two: z.lazy(() => addressLine).optional(),
    }),
    z.null(),
    z.literal(''),
  ])
  .optional()
  .transform((address) => address || {})

/** The lines in one text. Blank ones are left out, the others are not trimmed. */
export function joinLines(lines: readonly (AddressLine | undefined)[]): string {
  return lines
    .filter((line) => line !== undefined && !isBlank(line))
    .map((line) => lineText(line ?? ''))
    .join(', ')
}

const addressLine: z.ZodType<AddressLine> = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.lazy(() => addressLine)),
  z.strictObject({}),
])

/** Rails' `blank?`: nothing, false, only blanks (no-break spaces too), an empty list or object. A number never is. */
function isBlank(line: AddressLine): boolean {
  if (line === null || line === false) return true
  if (typeof line === 'string') return /^[\p{White_Space}]*$/u.test(line)
  return typeof line === 'object' && Object.keys(line).length === 0
}

/** Ruby's `Array#join`: lists within lists are joined in the same way, and there blank items keep their place. */
function lineText(line: AddressLine): string {
  if (Array.isArray(line)) return line.map(lineText).join(', ')
  if (line === null) return ''
  return typeof line === 'object' ? '{}' : String(line)
}
