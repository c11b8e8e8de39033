/** Reads the answer to an address question, and joins its lines for the one field that Optics has. */
import { z } from 'zod'

/** One line of an address: text, or another JSON value that can be written as text. */
export type AddressLine = string | number | boolean | null | readonly AddressLine[] | Readonly<Record<string, never>>

/**
 * The address as sent. `null` and `""` mean that no address was given. Any other text, number or list is refused, because
 * it cannot be split into the parts that Optics has.
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

/** Joins the lines with commas. Blank lines are left out; the others are not trimmed. */
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

/** The same as `blank?` in Rails: null, false, only white space (also no-break spaces), an empty list or object. */
function isBlank(line: AddressLine): boolean {
  if (line === null || line === false) return true
  if (typeof line === 'string') return /^[\p{White_Space}]*$/u.test(line)
  return typeof line === 'object' && Object.keys(line).length === 0
}

/** The same as `Array#join` in Ruby: nested lists are joined too, and blank items inside them are kept. */
function lineText(line: AddressLine): string {
  if (Array.isArray(line)) return line.map(lineText).join(', ')
  if (line === null) return ''
  return typeof line === 'object' ? '{}' : String(line)
}
