/** Pauses and resumes forms, for the page and the command line. */
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { PausedForm } from '../store/pauses.ts'
import type { Operating } from '../store/store.ts'
import { cleaned, type OnRecord, reasonProblem } from './actions.ts'
import { knownText, quoted } from './ledger.ts'

/** What may be done to a form. */
export type FormAction = 'pause' | 'resume'

/**
 * Pauses or resumes a form, on record. A pause needs a reason.
 * @throws {AdapterError} ERR_FILTER_UNKNOWN: no adapter has such a form. ERR_STATE_CONFLICT: it is paused already, or not paused;
 * nothing was changed. ERR_REASON_INVALID: a reason is needed, or is too long.
 */
export async function changeForm(
  store: Operating,
  emit: Emit,
  action: FormAction,
  form: string,
  { by, reason }: OnRecord,
): Promise<void> {
  const why = reason === null ? null : cleaned(reason) || null
  const problem = reasonProblem(why ?? '', action === 'pause')
  if (problem !== undefined) throw new AdapterError('ERR_REASON_INVALID', problem)
  const who = cleaned(by)
  const outcome = action === 'pause' ? await store.pause(form, who, why ?? '') : await store.resume(form, who, why)
  if (outcome === 'done') {
    emit({ event: action === 'pause' ? 'form.paused' : 'form.resumed', form, by: who })
    return
  }
  const forms = await store.forms()
  if (outcome === 'unknown') {
    const names = forms.map(({ name }) => name)
    throw new AdapterError('ERR_FILTER_UNKNOWN', `no form ${quoted(form)}; ${knownText('forms', names)}`)
  }
  const paused = forms.find(({ name }) => name === form)?.paused
  throw new AdapterError(
    'ERR_STATE_CONFLICT',
    action === 'resume' ? 'the form is not paused' : `the form is paused already${paused ? `, by ${paused.by}` : ''}`,
  )
}

/** A paused form in a sentence. `timeText`: writes an ISO 8601 time. */
export function pauseText({ form, at, by, reason }: PausedForm, timeText: (iso: string) => string): string {
  return `${form} is paused since ${timeText(at)}, by ${by}: ${reason}`
}

/** What an action says of forms that are paused; undefined: none is. */
export function waitsText(forms: readonly string[]): string | undefined {
  if (forms.length === 0) return undefined
  const [is, it] = forms.length === 1 ? ['is', 'it is'] : ['are', 'they are']
  return `${forms.join(', ')} ${is} paused: no attempt starts until ${it} resumed`
}
