/** Which forms are paused. */
import type { FormState, Pause } from './entry.ts'

/** A form that people have paused. `at`: ISO 8601. */
export interface PausedForm extends Pause {
  readonly form: string
}

/** Those that are paused, in their order. */
export function pausedForms(forms: readonly FormState[]): PausedForm[] {
  return forms.flatMap(({ name, paused }) => (paused === null ? [] : [{ form: name, ...paused }]))
}
