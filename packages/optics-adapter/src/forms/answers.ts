/** Reads single answers of a submission in the same way as the Ruby adapter. */
import { z } from 'zod'

/** Schema for a form that accepts any answers. */
export const anyAnswers = z.record(z.string(), z.unknown())

/** Answers by field id, as sent. */
export type Answers = Readonly<Record<string, unknown>>

/**
 * The answer as sent. The default replaces only an absent key, which means that the citizen did not visit the page.
 * A page that was visited and left blank sends `""`. That is an answer, like `null`, a number or a list.
 */
export function answer(answers: Answers, field: string, absent: unknown = ''): unknown {
  return Object.hasOwn(answers, field) ? answers[field] : absent
}
