/** Records every run of the handlers of an adapter under test. */
import type { Attachment, Context, Form, Outcome, Submission } from '../form.ts'

/** One run of a handler: its input and its result. */
export interface Handled {
  readonly form: string
  readonly submission: Submission
  readonly attempt: number
  readonly attachments: readonly Attachment[]
  readonly missingAttachments: Context['missingAttachments']
  /** What it returned. Absent if it threw, or is still running. */
  readonly outcome?: Outcome
  /** What it threw. */
  readonly error?: unknown
}

/** Wraps a form so that every run of its handler is added to a list. */
export function watched(form: Form, name: string, handled: Handled[]): Form {
  return {
    ...form,
    async handle(submission, context) {
      const { attempt, attachments, missingAttachments } = context
      const index = handled.push({ form: name, submission, attempt, attachments, missingAttachments }) - 1
      const seen = handled[index] as Handled
      try {
        const outcome = await form.handle(submission, context)
        if (outcome) handled[index] = { ...seen, outcome }
        return outcome ?? undefined
      } catch (error) {
        handled[index] = { ...seen, error }
        throw error
      }
    },
  }
}
