/** Schemas for what Form Builder sends, one for each kind of question, and `answers` to put them together. Subpath ./answers. */
import '../node-version.cjs'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Address, absentIfBlank, addressOf, isBlank, isoDate, numberOf, splitList, trim } from './answer-values.ts'

export { filesOf, type NamedFile, type Upload } from './answer-files.ts'
export { type Address, absentIfBlank, addressOf, isoDate, numberOf, splitList } from './answer-values.ts'

/** A schema for one answer. Any other Standard Schema can be used as well. */
export type Answer<Output> = StandardSchemaV1<unknown, Output>

/** Text, textarea or email: a text that is not blank, without white space around it. */
export const text: Answer<string> = answer((value) => {
  if (typeof value !== 'string') return refuse('is not a text')
  return isBlank(value) ? refuse('is blank') : { value: trim(value) }
})

/** A text that is not empty, to the last space as it was sent. */
const exact: Answer<string> = answer((value) => {
  if (typeof value !== 'string') return refuse('is not a text')
  return value === '' ? refuse('is blank') : { value }
})

/** An autocomplete: the value of the chosen item, exactly as it is in the list of the form. */
export const autocomplete: Answer<string> = exact

/**
 * A number, which is sent as text. A text that would lose something as a number stays text, for example `07700900123`,
 * `+447700900123`, `0.10` and `1e9`: see {@link numberOf}.
 */
export const number: Answer<number | string> = refine(text, (sent) => {
  const value = numberOf(sent)
  return value === undefined ? refuse('is not a number') : { value }
})

/** A date: `30 December 2020` (or `30 Rhagfyr 2020`) becomes `2020-12-30`. A year such as 20240 stays text: see {@link isoDate}. */
export const date: Answer<string> = refine(text, (sent) => {
  const iso = isoDate(sent)
  return iso === undefined ? refuse('is not a date such as 30 December 2020') : { value: iso }
})

/** An address in which something was entered; blank parts are absent. */
export const address: Answer<Address> = answer((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('is not an address')
  if (absentIfBlank(value) === undefined) return refuse('is blank')
  const parts = addressOf(value)
  return parts === undefined ? refuse('is not an address') : { value: parts }
})

/** The name of one uploaded file, as sent. The file itself is in `context.attachments`: see {@link filesOf}. */
export const upload: Answer<string> = exact

/**
 * The names of several uploaded files, at least one, split at every `"; "`. A name that holds `"; "` itself is in parts here:
 * {@link filesOf} puts it together, with the files in `context.attachments`.
 */
export const multiupload: Answer<readonly string[]> = answer((value) => {
  if (isTexts(value)) return value.length === 0 ? refuse('is blank') : { value }
  if (typeof value !== 'string') return refuse('is not a text')
  return isBlank(value) ? refuse('is blank') : { value: value.split('; ') }
})

/** The chosen option of radios; with `options`, one of them and typed so. */
export function radios<const Option extends string = string>(options?: readonly Option[]): Answer<Option> {
  return refine(text, (sent) => {
    if (options === undefined) return { value: sent as Option } // without options, Option is string
    const found = options.find((option) => trim(option) === sent)
    return found === undefined ? refuse('is not one of the options') : { value: found }
  })
}

/** The ticked checkboxes, at least one; with `options`, each is one of them, typed so, and may hold `"; "` itself. */
export function checkboxes<const Option extends string = string>(
  options?: readonly Option[],
): Answer<readonly Option[]> {
  return answer((value) => {
    const sent = isTexts(value) ? value.join('; ') : value
    if (typeof sent !== 'string') return refuse('is not a text')
    if (splitList(sent).length === 0) return refuse('is blank')
    if (options === undefined) return { value: (isTexts(value) ? value : splitList(sent)) as Option[] } // Option is string
    const ticked = inOptions(trim(sent), options)
    return ticked === undefined ? refuse('has an option that is not known') : { value: ticked }
  })
}

/** A question that may be left blank, or not be asked at all: then it is absent. */
export function optional<Output>(schema: Answer<Output>): Answer<Output | undefined> {
  return answer<Output | undefined>((value) => {
    const present = absentIfBlank(value)
    return present === undefined ? { value: undefined } : schema['~standard'].validate(present)
  })
}

/** What `answers` returns: a field that may be absent may be left out. */
export type AnswersOf<Fields extends Readonly<Record<string, StandardSchemaV1>>> = Flat<
  {
    readonly [Name in keyof Fields as undefined extends OutputOf<Fields[Name]> ? never : Name]: OutputOf<Fields[Name]>
  } & {
    readonly [Name in keyof Fields as undefined extends OutputOf<Fields[Name]> ? Name : never]?: OutputOf<Fields[Name]>
  }
>

/**
 * All answers of a form, each by a schema of this module or of any other library. Answers that are not named are left
 * out: a question added to the form later does no harm.
 */
export function answers<const Fields extends Readonly<Record<string, StandardSchemaV1>>>(
  fields: Fields,
): Answer<AnswersOf<Fields>> {
  return answer(async (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('is not an object')
    const sent = new Map<string, unknown>(Object.entries(value))
    const issues: StandardSchemaV1.Issue[] = []
    const read: [string, unknown][] = []
    for (const [name, schema] of Object.entries(fields)) {
      const result = await schema['~standard'].validate(sent.get(name))
      if (result.issues !== undefined) {
        issues.push(...result.issues.map((issue) => ({ ...issue, path: [name, ...(issue.path ?? [])] })))
      } else if (result.value !== undefined) {
        read.push([name, result.value])
      }
    }
    if (issues.length > 0) return { issues }
    return { value: Object.fromEntries(read) as AnswersOf<Fields> } // every field was read by its own schema
  })
}

type OutputOf<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>

/** Shows an intersection as the one object it is. The condition is always true: it keeps the name `Flat` out of messages. */
type Flat<T> = T extends infer Whole ? { [Name in keyof Whole]: Whole[Name] } : never

type Result<Output> = StandardSchemaV1.Result<Output>

function answer<Output>(validate: (value: unknown) => Result<Output> | Promise<Result<Output>>): Answer<Output> {
  return { '~standard': { version: 1, vendor: 'formbuilder', validate } }
}

/** A schema on top of another that answers at once. */
function refine<Output>(schema: Answer<string>, read: (sent: string) => Result<Output>): Answer<Output> {
  return answer(async (value) => {
    const result = await schema['~standard'].validate(value)
    return result.issues === undefined ? read(result.value) : result
  })
}

/** Names the problem, never the answer. */
function refuse(message: string): StandardSchemaV1.FailureResult {
  return { issues: [{ message }] }
}

/**
 * Splits the text into options, each at most once. Longer options are tried first, because one may start like another. An
 * empty first part is what a browser sends for the question itself.
 */
function inOptions<Option extends string>(sent: string, options: readonly Option[]): Option[] | undefined {
  const longestFirst = options.toSorted((a, b) => b.length - a.length)
  const split = (rest: string, left: readonly Option[]): Option[] | undefined => {
    for (const option of left) {
      const others = left.filter((other) => other !== option)
      for (const written of new Set([option, trim(option)])) {
        if (rest === written) return [option]
        const after = rest.startsWith(`${written}; `) ? split(rest.slice(written.length + 2), others) : undefined
        if (after !== undefined) return [option, ...after]
      }
    }
    return undefined
  }
  return split(sent.startsWith('; ') ? sent.slice(2) : sent, longestFirst)
}

/** A list of texts, which the sender's schema allows for an answer. */
function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
