/** The parts of an adapter with a span around each, so that a trace tells where the time went. */
import type { Form } from '../form.ts'
import type { TargetCalls } from './target-calls.ts'
import { step } from './tracing.ts'

/** Handlers in a span, and what they call told as theirs. */
export function tracedForms(forms: ReadonlyMap<string, Form>, calls: TargetCalls): Map<string, Form> {
  const traced = ([name, form]: [string, Form]): [string, Form] => {
    const { handle, confirm } = form
    const run = <T>(what: string, submissionId: string, work: () => Promise<T>) =>
      step(what, () => calls.observe({ form: name, submissionId }, work), { 'formbuilder.form': name })
    return [
      name,
      {
        ...form,
        // `call`: a handler may be a method of an object of its own.
        handle: async (submission, context) =>
          (await run('handle', submission.submissionId, async () => handle.call(form, submission, context))) ??
          undefined,
        ...(confirm !== undefined && {
          confirm: (submission, context) =>
            run('confirm', submission.submissionId, async () => confirm.call(form, submission, context)),
        }),
      },
    ]
  }
  return new Map([...forms].map(traced))
}
