/** What the handlers of an adapter under test were given, and what came of it. */
import type { Attachment, Context, Form, Outcome, Submission } from '../form.ts'

/** One run of a handler, as it was given and as it ended. */
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

/** A form that notes every run of its handler in a list. */
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
