/** How things are, in one line each with a mark: the words of the overview. */
import type { Counts, FormState, Refusal, SeenProcess, WaitingForFiles } from '../../store/entry.ts'
import type { KeyFigures } from '../../telemetry/gauges.ts'
import { waitingForFilesText } from '../text.ts'
import { ageOf, timeText } from './views.ts'

/** A mark in a word; its colour only repeats it. */
export type Mark = 'Good' | 'Attention' | 'Problem' | 'Paused' | 'No news'

/** One line. `href`: where there is more. */
export interface StateLine {
  readonly what: string
  readonly mark: Mark
  readonly text: string
  readonly href?: string
}

/** What is known for the lines. Undefined: the store did not say. */
export interface Known {
  readonly store: { readonly kind: 'sqlite' | 'postgres'; readonly isWritable: boolean }
  readonly counts: Counts | undefined
  readonly forms: readonly FormState[] | undefined
  /** Of the last 24 hours. */
  readonly refusals: readonly Refusal[] | undefined
  readonly waitingForFiles: readonly WaitingForFiles[] | undefined
  readonly processes: readonly SeenProcess[] | undefined
  readonly keys: KeyFigures | undefined
  /** Forms with submissions whose key was removed, when this process started. */
  readonly missingKeys: readonly string[]
  /** Whole days until the certificate of this process expires; undefined: it has none. */
  readonly certificateDaysLeft: number | undefined
  readonly own: { readonly version: string; readonly role: string; readonly forms: readonly string[] }
}

/** Every line, in the order in which a submission comes by. What the store did not say is left out. */
export function stateLines(known: Known): StateLine[] {
  const { counts, forms, refusals, waitingForFiles, processes, keys, own } = known
  return [
    storeLine(known),
    ...(counts && refusals ? [receiverLine(counts, refusals)] : []),
    ...(waitingForFiles ? [filesLine(waitingForFiles)] : []),
    ...(forms ?? []).map((form) => formLine(form, own.forms)),
    ...(keys ? [keysLine(keys, known.missingKeys)] : []),
    certificateLine(known.certificateDaysLeft),
    ...(processes ? [processesLine(processes)] : []),
    { what: 'This process', mark: 'Good', text: `Version ${own.version}, role ${own.role}` },
  ]
}

const STORES = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const

function storeLine({ store: { kind, isWritable }, counts }: Known): StateLine {
  const what = 'Store'
  const name = STORES[kind]
  if (counts === undefined) {
    return { what, mark: 'Problem', text: `${name} does not answer: submissions get 503, and stay with their sender` }
  }
  return isWritable
    ? { what, mark: 'Good', text: `${name} answers, and can be written to` }
    : { what, mark: 'Problem', text: `${name} cannot be written to: submissions get 503, and stay with their sender` }
}

function receiverLine({ lastAcceptedSeconds }: Counts, refusals: readonly Refusal[]): StateLine {
  const last =
    lastAcceptedSeconds === null
      ? 'Nothing was accepted yet'
      : lastAcceptedSeconds === 0
        ? 'What was accepted last is forgotten'
        : `Last accepted at ${timeText(new Date(lastAcceptedSeconds * 1000).toISOString())}`
  const refused = refusals.reduce((sum, { count }) => sum + count, 0)
  const named = refusals
    .slice(0, MOST_REFUSALS)
    .map(({ form, code, count }) => `${COUNT.format(count)} ${form} ${code}`)
  const reasons = [...named, ...(refusals.length > named.length ? ['others'] : [])].join(', ')
  return {
    what: 'Receiver',
    mark: refused > 0 ? 'Attention' : lastAcceptedSeconds === null ? 'No news' : 'Good',
    text: `${last}; ${refused === 0 ? 'none' : `${COUNT.format(refused)} ${refused === 1 ? 'delivery' : 'deliveries'}`} refused in 24 hours${refused === 0 ? '' : `: ${reasons}`}`,
  }
}

function filesLine(waiting: readonly WaitingForFiles[]): StateLine {
  const text = waitingForFilesText(waiting, timeText)
  return text === undefined
    ? { what: 'Files', mark: 'Good', text: 'No submission is with its sender because of its files' }
    : { what: 'Files', mark: 'Attention', text, href: '#waiting-for-files' }
}

function formLine(form: FormState, own: readonly string[]): StateLine {
  const { name, paused, lastDeliveredAt, failuresInARow, lastFailure } = form
  const what = `Case system for ${name}`
  const last = lastDeliveredAt === null ? 'nothing was delivered yet' : `last delivered at ${timeText(lastDeliveredAt)}`
  const line = (mark: Mark, text: string): StateLine => ({ what, mark, text, href: '/forms' })
  if (paused !== null) return line('Paused', `Since ${timeText(paused.at)}, by ${paused.by}; ${last}`)
  if (!own.includes(name)) return line('No news', `This process has no such form; ${last}`)
  if (failuresInARow > 0 && lastFailure !== null) {
    const failed = `${COUNT.format(failuresInARow)} ${failuresInARow === 1 ? 'attempt' : 'attempts'} in a row failed`
    const text = `${failed}, the last at ${timeText(lastFailure.at)} with ${lastFailure.code}; ${last}`
    return line(failuresInARow >= MANY_FAILURES ? 'Problem' : 'Attention', text)
  }
  return line(lastDeliveredAt === null ? 'No news' : 'Good', `${last[0]?.toUpperCase()}${last.slice(1)}`)
}

function keysLine({ previous }: KeyFigures, missing: readonly string[]): StateLine {
  const what = 'Keys'
  if (missing.length > 0) {
    const text = `A key of ${missing.join(', ')} was removed that submissions need: put it back into JWE_PREVIOUS_KEYS`
    return { what, mark: 'Problem', text }
  }
  const of = (which: 'receiving' | 'removable') => previous.filter((each) => each[which] > 0).map(({ form }) => form)
  const [receiving, removable] = [of('receiving'), of('removable')]
  const notes = [
    ...(receiving.length > 0 ? [`submissions of ${receiving.join(', ')} still come with an old key`] : []),
    ...(removable.length > 0 ? [`nothing needs an old key of ${removable.join(', ')} any more: remove it`] : []),
  ].join('; ')
  if (notes === '') return { what, mark: 'Good', text: 'Nothing comes with an old key, and none is missing' }
  return { what, mark: 'Attention', text: `${notes[0]?.toUpperCase()}${notes.slice(1)}` }
}

function certificateLine(days: number | undefined): StateLine {
  const what = 'Certificate'
  if (days === undefined) return { what, mark: 'Good', text: 'None here: the proxy in front ends TLS' }
  if (days < 0) return { what, mark: 'Problem', text: 'Expired' }
  const mark = days < FEW_DAYS ? 'Problem' : days < SOME_DAYS ? 'Attention' : 'Good'
  return { what, mark, text: `Expires in ${COUNT.format(days)} ${days === 1 ? 'day' : 'days'}` }
}

function processesLine(processes: readonly SeenProcess[]): StateLine {
  const what = 'Processes'
  const living = processes.filter(({ silentSeconds }) => silentSeconds <= SILENT_SECONDS)
  const silent = processes.filter(({ silentSeconds }) => silentSeconds > SILENT_SECONDS)
  const roles = [...Map.groupBy(living, ({ role }) => role)].map(([role, each]) => `${each.length} in the role ${role}`)
  const versions = [...new Set(living.map(({ version }) => version))]
  const problems = [
    ...(living.some(({ role }) => role !== 'web') ? [] : ['none hands submissions over']),
    ...(living.some(({ role }) => role !== 'worker') ? [] : ['none accepts submissions']),
  ]
  const notes = [
    versions.length === 1 ? `all of version ${versions[0]}` : `versions ${versions.join(', ')}`,
    ...silent.map(({ role, silentSeconds }) => `one in the role ${role} not seen for ${ageOf(silentSeconds)}`),
  ]
  if (living.length === 0) return { what, mark: 'No news', text: 'None was seen within the last minute' }
  const mark = problems.length > 0 ? 'Problem' : versions.length > 1 || silent.length > 0 ? 'Attention' : 'Good'
  return { what, mark, text: `${roles.join(', ')} seen within the last minute; ${[...problems, ...notes].join('; ')}` }
}

const COUNT = new Intl.NumberFormat('en-GB')
const MOST_REFUSALS = 3
/** As many attempts fail in a row only if the case system does, or the form and its handler no longer fit. */
const MANY_FAILURES = 5
/** The limits of the alert, and of `adapter check`. */
const FEW_DAYS = 14
const SOME_DAYS = 21
/** Six check-ins. */
const SILENT_SECONDS = 60
