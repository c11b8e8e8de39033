/** Texts as every store can hold them, and how a submission starts. */
import { ERRORS } from '../errors.ts'
import type { StoredFile } from '../files/capture.ts'
import type { FileEntry, Filter } from './entry.ts'
import { type Incoming, isRowId } from './submission.ts'

/**
 * A text without NUL and without halves of surrogate pairs, cut to a length: neither engine holds those, and what cannot
 * be written would be tried for ever.
 */
export function storable(text: string, mostCharacters = 2000): string {
  // A handler in JavaScript may return a number as its reference.
  return String(text).toWellFormed().replaceAll('\0', '').slice(0, mostCharacters).toWellFormed()
}

/** The same, or null. */
export function storableOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : storable(text)
}

/** A filter with its texts and ids as they are stored. A text that no id can be is left out of `ids`. */
export function storableFilter(filter: Filter): Filter {
  const texts = Object.entries(filter).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, storable(value)] as const] : [],
  )
  const ids = filter.ids?.map((id) => id.toLowerCase()).filter(isRowId)
  return { ...filter, ...Object.fromEntries(texts), ids }
}

/** A W3C traceparent (Trace Context, section 3.2), or null: a header that is anything else might hold anything. */
export function storableTraceparent(text: string | undefined): string | null {
  return text !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(text) ? text : null
}

/** The id of the trace in a traceparent. */
export function traceIdOf(traceparent: string | null): string | null {
  return traceparent?.split('-')[1] ?? null
}

/** A stored file as people see it. */
export function fileEntry(file: StoredFile): FileEntry {
  return 'id' in file ? { bytes: file.plaintextBytes } : { missing: file.missing }
}

/** Why a submission is a dead letter from the start: a file of it is missing. Null: it waits. */
export function deadFromStart({ files }: Incoming): { readonly code: string; readonly reason: string } | null {
  const missing = files.flatMap((file) => ('missing' in file ? [`${file.message} (${file.missing})`] : []))
  return missing.length === 0 ? null : { code: 'ERR_ATTACHMENT_MISSING', reason: storable(missing.join('; ')) }
}

/**
 * Conditions of SQL, one of which the reason of a dead letter in our own words meets. The words of a handler may differ from
 * one submission to the next.
 */
export const OUR_REASONS: readonly string[] = [
  `code IN (${Object.keys(ERRORS)
    .filter(
      (code) =>
        !['ERR_HANDLER_PERMANENT', 'ERR_HANDLER_RETRY', 'ERR_OUTCOME_UNCERTAIN', 'ERR_RETRIES_EXHAUSTED'].includes(
          code,
        ),
    )
    .map((code) => `'${code}'`)
    .join(', ')})`,
  ...[
    'the handler threw %',
    'the schema threw %',
    'the outcome of an earlier attempt is unknown, %',
    '% lost with the process that ran it',
    '% attempts failed, the last with %: the handler threw %',
  ].map((pattern) => `reason LIKE '${pattern}'`),
]

/** In the history of a dead letter: a copy with a file missing did not take its place, because the letter holds more. */
export const NOT_TAKEN = 'copy not taken'
