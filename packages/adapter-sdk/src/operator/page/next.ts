/** Says what has been tried and what would happen next with a submission, as its form is declared. */
import type { Form } from '../../form.ts'
import type { Detail, Entry } from '../../store/entry.ts'
import { timeText } from './views.ts'

/** What is known of a submission and its form. `form`: undefined where this adapter does not have it. */
export interface Known {
  readonly entry: Entry
  readonly detail: Detail
  readonly form: Form | undefined
  readonly retryLimit: number
  /** A person has paused the form. */
  readonly isPaused: boolean
}

/** Sentences about what happens by itself, or what would happen after a redrive. */
export function nextText(known: Known): string[] {
  const { entry, form } = known
  if (entry.state === 'delivered') return ['It was delivered. Nothing happens any more.']
  if (entry.state === 'discarded') return ['A person discarded it. It is never handled again.']
  const tried = triedText(known)
  if (form === undefined) return [tried, 'This adapter does not have the form, so that no attempt starts here.']
  if (entry.state === 'running') {
    return [tried, `Attempt ${entry.attempts} is running.`, ...lostText(known)]
  }
  if (entry.state === 'waiting') return [tried, startText(known), ...beginningText(known, form), ...failedText(known)]
  const redriven = { ...known, detail: { ...known.detail, approved: true } }
  return [
    tried,
    'Nothing happens by itself.',
    'A redrive starts it with all its retries.',
    ...missingText(known),
    ...beginningText(redriven, form),
  ]
}

function triedText({ entry: { attempts, losses } }: Known): string {
  if (attempts === 0) return 'No attempt has started yet.'
  const lost = losses === 0 ? '' : `, ${losses} of them since the last redrive lost with the process that ran them`
  return `${attempts} ${attempts === 1 ? 'attempt has' : 'attempts have'} started${lost}.`
}

function startText({ entry: { dueAt, attempts }, isPaused }: Known): string {
  if (isPaused)
    return `The form is paused: attempt ${attempts + 1} starts when it is resumed, and no earlier than it is due.`
  const isDue = dueAt === null || Date.parse(dueAt) <= Date.now()
  return `Attempt ${attempts + 1} starts ${isDue ? 'as soon as a worker has a free place' : `at ${timeText(dueAt)}`}.`
}

/** What an attempt does first. */
function beginningText({ entry, detail }: Known, { confirm, repeatable }: Form): string[] {
  if (!entry.uncertain) return ['It hands the submission to the case system.']
  if (confirm !== undefined) {
    const settles = entry.settlesAt !== null && Date.parse(entry.settlesAt) > Date.now() ? entry.settlesAt : null
    return [
      'An earlier attempt may have made a case. The next one asks the case system first, and hands the submission over only if it has none.',
      ...(settles === null ? [] : [`The case system is not asked before ${timeText(settles)}.`]),
    ]
  }
  if (repeatable === true) {
    return ['An earlier attempt may have made a case. The next one repeats it, which does no harm in this form.']
  }
  return detail.approved
    ? [
        'An earlier attempt may have made a case. The form cannot ask for it: the next one hands the submission over again.',
      ]
    : ['An earlier attempt may have made a case, and the form cannot ask for it: the next one makes it a dead letter.']
}

function failedText({ entry, detail, retryLimit }: Known): string[] {
  const left = retryLimit - (detail.attemptsSinceRedrive - entry.losses)
  if (left < 0) return []
  if (left === 0) return ['If that fails as well, it is a dead letter: no retry is left.']
  return [`If that fails for a time only, ${left} ${left === 1 ? 'retry is' : 'retries are'} left.`]
}

function lostText({ entry, form }: Known): string[] {
  const lease = entry.dueAt === null ? '' : ` Another process would notice that from ${timeText(entry.dueAt)}.`
  const repeats = form?.repeatable === undefined || form.repeatable === true || form.confirm !== undefined
  const then = repeats
    ? 'the submission is tried again'
    : 'it is tried again, or is an uncertain dead letter if a case may exist'
  return [`If its process ends before it does, ${then}.${lease}`]
}

function missingText({ entry: { missingFiles } }: Known): string[] {
  if (missingFiles === 0) return []
  return [
    `The case is made without ${missingFiles === 1 ? 'the file that is' : `the ${missingFiles} files that are`} missing.`,
  ]
}
