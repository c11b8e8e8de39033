/** Answers of a submission, read as the live adapter reads them. */
import { z } from 'zod'

/** Answers of a form that asks nothing of them. */
export const anyAnswers = z.record(z.string(), z.unknown())

/** Answers by field id, as the form sent them. */
export type Answers = Readonly<Record<string, unknown>>

/**
 * The answer as it was sent. The default stands only for an absent key: a page that was not visited.
 * A page visited and left blank sends `""`, and that, like `null`, a number or a list, is an answer.
 */
export function answer(answers: Answers, field: string, absent: unknown = ''): unknown {
  return Object.hasOwn(answers, field) ? answers[field] : absent
}
