/** Writes lists, histories and findings as text for operators. */
import { join } from 'node:path'
import type { Counts, DetailedEntry, Entry, Moment, WaitingForFiles } from '../store/entry.ts'
import { FOLDER } from '../store/sqlite/folder.ts'
import type { Finding } from './check.ts'
import { type Look, type Paint, plain } from './colour.ts'
import { type Column, folded, type Page, printable, textTable } from './text-table.ts'

/** Columns of a list of submissions. */
export const ENTRY_COLUMNS: readonly Column<Entry>[] = [
  { title: 'SUBMISSION', text: ({ submissionId }) => submissionId },
  { title: 'FORM', text: ({ form }) => form, givesWay: 4, least: 6 },
  { title: 'STATE', text: stateText, look: stateLook },
  { title: 'ATTEMPTS', text: ({ attempts }) => String(attempts), givesWay: 1 },
  { title: 'RECEIVED', text: ({ receivedAt }) => minute(receivedAt), givesWay: 3 },
  { title: 'REFERENCE', text: ({ reference }) => reference ?? '-', givesWay: 2, least: 12 },
  { title: 'CODE', text: ({ code }) => code ?? '-', least: 12 },
]

/** Submissions, one a line. */
export function listText(entries: readonly Entry[], page?: Page): string {
  return entries.length === 0 ? 'no submissions' : textTable(ENTRY_COLUMNS, entries, page)
}

/** One submission with its history and advice. `program`: the name of the command line program. */
export function entryText(entry: DetailedEntry, program: string, page?: Page): string {
  const facts = [
    ['submission', entry.submissionId],
    ['form', `${entry.form} (${entry.serviceSlug})`],
    ['state', (page?.paint ?? plain)(stateLook(entry), stateText(entry))],
    ['revision', String(entry.revision)],
    ['code', entry.code],
    ['reason', entry.reason],
    ['reference', entry.reference],
    ['files', filesText(entry)],
    ['received', second(entry.receivedAt)],
    ['changed', second(entry.changedAt)],
    ['due', entry.state === 'waiting' && entry.dueAt !== null ? second(entry.dueAt) : null],
  ].flatMap(([name, value]) => (value ? [`${name?.padEnd(10)}  ${name === 'state' ? value : printable(value)}`] : []))
  const timeline = textTable<Moment>(
    [
      { title: 'TIME', text: ({ at }) => second(at) },
      { title: 'WHAT', text: ({ what, attempt }) => (attempt === null ? what : `${what} (${attempt})`) },
      { title: 'BY', text: ({ by }) => by ?? '', givesWay: 1, least: 8 },
      { title: 'WHY', text: ({ code, reason }) => [code, reason].filter(Boolean).join(': '), least: 12 },
    ],
    entry.timeline,
    page,
  )
  return [facts.join('\n'), timeline, ...adviceText(entry, program)].join('\n\n')
}

/** How many submissions are in which state, and what waits for its files. */
export function statsText(counts: Counts, waiting: readonly WaitingForFiles[], page?: Page): string {
  const { waiting: queued, retrying, running, paused, dead, delivered, oldestWaitingSeconds } = counts
  const parts = [
    ...(retrying > 0 ? [`${retrying} for a retry`] : []),
    ...(paused > 0 ? [`${paused} of paused forms`] : []),
  ]
  const facts = [
    ['waiting', `${queued}${parts.length === 0 ? '' : `, of these ${parts.join(' and ')}`}`],
    ['running', String(running)],
    ['dead', (page?.paint ?? plain)(dead === 0 ? undefined : 'bad', String(dead))],
    ['delivered', `${delivered} in total`],
    ['oldest', queued + running === paused ? 'none is waiting' : `waiting for ${Math.floor(oldestWaitingSeconds)} s`],
  ].map(([name, value]) => `${name?.padEnd(10)}  ${value}`)
  const sentence = waitingForFilesText(waiting, second)
  return [
    facts.join('\n'),
    ...(sentence === undefined
      ? []
      : [folded(sentence, page?.width ?? Number.POSITIVE_INFINITY).join('\n'), waitingTable(waiting, page)]),
  ].join('\n\n')
}

function waitingTable(waiting: readonly WaitingForFiles[], page?: Page): string {
  return textTable<WaitingForFiles>(
    [
      { title: 'HOST', text: hostText, least: 12 },
      { title: 'CODE', text: ({ code }) => code, least: 12 },
      { title: 'COUNT', text: ({ count }) => String(count) },
      { title: 'SINCE', text: ({ since }) => second(since), givesWay: 2 },
      { title: 'OLDEST SUBMISSIONS', text: ({ submissionIds }) => submissionIds.join(' '), givesWay: 1, least: 36 },
    ],
    waiting,
    page,
  )
}

/** What waits for its files, in a sentence; undefined: nothing does. `timeText`: writes an ISO 8601 time. */
export function waitingForFilesText(
  waiting: readonly WaitingForFiles[],
  timeText: (iso: string) => string,
): string | undefined {
  if (waiting.length === 0) return undefined
  const count = waiting.reduce((sum, each) => sum + each.count, 0)
  const since = waiting.map((each) => each.since).sort()[0] as string
  const [are, their] = count === 1 ? ['is', 'its'] : ['are', 'their']
  return `${countText(count, `${are} with ${their} sender because ${their} files cannot be fetched`)}, since ${timeText(since)}`
}

/** The host of a group, in words where it is none that is allowed. */
export function hostText({ host }: Pick<WaitingForFiles, 'host'>): string {
  return host ?? 'not in ATTACHMENT_HOSTS'
}

/** The findings of the checks, one a line. */
export function findingsText(findings: readonly Finding[], paint: Paint = plain): string {
  return findings
    .map(({ name, result, detail }) => {
      const [sign, look] = SIGNS[result]
      return `${paint(look, sign)}${' '.repeat(SIGN_WIDTH - sign.length)}${name}: ${printable(detail)}`
    })
    .join('\n')
}

const SIGNS = { ok: ['ok', 'good'], warning: ['WARNING', 'doubtful'], problem: ['PROBLEM', 'bad'] } as const
const SIGN_WIDTH = 9

/** Counts submissions in words. */
export function countText(count: number, done: string): string {
  return `${count} ${count === 1 ? 'submission' : 'submissions'} ${done}`
}

/** A backup that was taken. */
export interface Backup {
  readonly takenAt: Date
  readonly files: number
  readonly folder: string
  readonly dataDir: string
}

/** What `backup` has done, and how to restore it. `program`: the name of the command line program. */
export function backupText({ takenAt, files, folder, dataDir }: Backup, program: string): string {
  const time = takenAt.toISOString()
  return [
    `Backed up to ${folder}: all that was accepted up to ${time}, with ${files} ${files === 1 ? 'file' : 'files'}.`,
    'To restore it: stop the adapter, replace the folder',
    `  ${join(dataDir, FOLDER)}`,
    'by a copy of this one, and before the adapter starts run',
    `  ${program} restored --backup-taken ${time} --lost-at <time>`,
  ].join('\n')
}

/** What `restored` has done, and what is left to do. */
export function restoredText(uncertain: number, from: string, to: string): string {
  return [
    `${countText(uncertain, 'marked uncertain')}. The adapter asks the case system where a form can, hands over where`,
    'repeating does no harm, and makes dead letters of the others.',
    'What was accepted after the backup is not in the store. Ask the sender to replay what it delivered',
    `  from ${from}`,
    `  to   ${to}`,
    'The adapter can start.',
  ].join('\n')
}

function adviceText(entry: DetailedEntry, program: string): string[] {
  const { submissionId: id, state, uncertain, revision } = entry
  if (state !== 'dead') return []
  const redrive = `${program} redrive ${id} --revision ${revision}`
  const discard = `${program} discard ${id} --revision ${revision} --reason "..."`
  if (uncertain) {
    return [
      [
        'The case system may already have made this case. Search for it there first.',
        `  if it is there:      ${discard}`,
        `  if it is not there:  ${redrive} --reason "..."`,
      ].join('\n'),
    ]
  }
  // A request without an answer may have made a case all the same, so nobody is told that there is none.
  const known =
    entry.reference === null
      ? 'No attempt has reported a case.'
      : `An attempt reported ${printable(entry.reference)}, and did not finish.`
  return [
    [
      `${known} When you have fixed the cause:`,
      `  ${redrive}`,
      'or, when you have searched the case system, discard it with a reason:',
      `  ${discard}`,
    ].join('\n'),
  ]
}

function stateText({ state, uncertain }: Pick<Entry, 'state' | 'uncertain'>): string {
  // What has ended was certain in the end.
  return uncertain && state !== 'delivered' && state !== 'discarded' ? `${state}, uncertain` : state
}

function stateLook({ state, uncertain }: Pick<Entry, 'state' | 'uncertain'>): Look | undefined {
  if (state === 'dead') return 'bad'
  if (state === 'delivered') return 'good'
  return uncertain && state !== 'discarded' ? 'doubtful' : undefined
}

function filesText({ files, missingFiles }: Pick<Entry, 'files' | 'missingFiles'>): string | null {
  if (files + missingFiles === 0) return null
  return missingFiles === 0 ? String(files) : `${files}, and ${missingFiles} missing`
}

/** A time (ISO 8601) to the minute. Times are in UTC, as in the logs. */
export const minute = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)}`
/** A time (ISO 8601) to the second. */
export const second = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`
