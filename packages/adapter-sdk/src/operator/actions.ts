/** Actions of people on submissions, for the page and the command line: first planned, then carried out. */
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Entry, Filter } from '../store/entry.ts'
import type { Chosen, Moved, Operating } from '../store/store.ts'

/** What a person may do. */
export type ActionName = 'redrive' | 'discard' | 'retry-now'

/** What an action is asked for. */
export interface ActionRequest {
  readonly action: ActionName
  readonly filter: Filter
  /** Named one by one by a person who has looked. Otherwise uncertain ones are left out. */
  readonly isNamed?: boolean
  readonly includeUncertain?: boolean
  /** Rows as they were shown, by id: what has another revision now has changed since, and is left out. */
  readonly seen?: ReadonlyMap<string, number>
}

/** What an action would do. Nothing has been changed. */
export interface Plan {
  readonly action: ActionName
  readonly entries: readonly Entry[]
  /** Of these: uncertain ones that a person decides on, since no case system is asked first. Each may make a second case. */
  readonly doubtful: number
  /** Of these: uncertain ones whose form asks the case system first. */
  readonly askedFirst: number
  readonly leftOut: LeftOut
  /** Whether a person decides, so that a reason is required. */
  readonly needsReason: boolean
  readonly isApproved: boolean
}

/** How many were left out, and why. */
export interface LeftOut {
  /** The case system may have made a case. */
  readonly uncertain: number
  /** Changed since they were shown: somebody else decided, the sender repeated, or an attempt began. */
  readonly changed: number
}

/** What an action has done. */
export interface Done {
  readonly count: number
  readonly leftOut: LeftOut
  /** Uncertain ones that are not asked for yet, and when the last of them may be (ISO 8601). */
  readonly settling: { readonly count: number; readonly until: string } | null
  /** Not done because the action was interrupted. */
  readonly remaining: number
}

/** The state that an action is for. */
export const STATE_OF = { redrive: 'dead', discard: 'dead', 'retry-now': 'waiting' } as const

/** Looks for what an action would do. `asksFirst`: whether a form asks the case system before it handles again. */
export async function planned(
  store: Operating,
  asksFirst: (form: string) => boolean,
  { action, filter, isNamed = false, includeUncertain = false, seen }: ActionRequest,
): Promise<Plan> {
  const found = await matching(store, { ...filter, state: STATE_OF[action] })
  const entries: Entry[] = []
  let [uncertain, doubtful, askedFirst] = [0, 0, 0]
  let changed = seen === undefined ? 0 : [...seen.keys()].filter((id) => !found.some((each) => each.id === id)).length
  for (const entry of found) {
    // What is due already needs no help.
    if (action === 'retry-now' && !isNamed && Date.parse(entry.dueAt ?? '') <= Date.now()) continue
    const isAsked = entry.uncertain && action !== 'discard' && asksFirst(entry.form)
    if (seen !== undefined && seen.get(entry.id) !== entry.revision) changed += 1
    else if (entry.uncertain && !isAsked && !isNamed && !includeUncertain) uncertain += 1
    else {
      entries.push(entry)
      if (isAsked) askedFirst += 1
      else if (entry.uncertain) doubtful += 1
    }
  }
  return {
    action,
    entries,
    doubtful,
    askedFirst,
    leftOut: { uncertain, changed },
    needsReason: action === 'discard' || doubtful > 0 || (isNamed && askedFirst > 0),
    isApproved: isNamed || includeUncertain,
  }
}

/** Who does it, and why. */
export interface OnRecord {
  readonly by: string
  readonly reason: string | null
}

/**
 * Does what was planned, in batches of a few hundred rows, each on record with it. May be cut short anywhere: what is done
 * stays done, and repeating the action does the rest.
 * @throws {AdapterError} ERR_REASON_INVALID: a reason is needed, or is too long.
 */
export async function carriedOut(
  store: Operating,
  emit: Emit,
  plan: Plan,
  { by, reason }: OnRecord,
  signal?: AbortSignal,
): Promise<Done> {
  const why = reason === null ? null : cleaned(reason) || null
  const problem = reasonProblem(why ?? '', plan.needsReason)
  if (problem !== undefined) throw new AdapterError('ERR_REASON_INVALID', problem)
  const who = cleaned(by)
  const { entries, leftOut } = plan
  let [count, tried, settling, until] = [0, 0, 0, '']
  while (tried < entries.length && signal?.aborted !== true) {
    const batch = entries.slice(tried, tried + BATCH)
    const moved = await move(store, plan, batch, who, why)
    tried += batch.length
    count += moved.length
    for (const { form, submissionId, uncertain, dueAt } of moved) {
      emit({ event: EVENTS[plan.action], form, submissionId, by: who })
      if (!uncertain || dueAt === null || Date.parse(dueAt) <= Date.now()) continue
      settling += 1
      if (dueAt > until) until = dueAt
    }
  }
  return {
    count,
    leftOut: { ...leftOut, changed: leftOut.changed + tried - count },
    settling: settling === 0 ? null : { count: settling, until },
    remaining: entries.length - tried,
  }
}

/** Most characters of a reason. */
export const REASON_LENGTH = 500

/** What is wrong with a reason. */
export function reasonProblem(reason: string, isNeeded: boolean): string | undefined {
  if (isNeeded && cleaned(reason) === '') return 'Enter a reason'
  return reason.length > REASON_LENGTH ? `Reason must be ${REASON_LENGTH} characters or less` : undefined
}

/** A text of a person on one line, without characters that control a terminal or cannot be seen. */
export function cleaned(text: string): string {
  return text
    .replaceAll('\0', '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/(?![\u200c\u200d])\p{Cf}/gu, '')
    .trim()
}

const EVENTS = {
  redrive: 'submission.redriven',
  discard: 'submission.discarded',
  'retry-now': 'submission.retry-now',
} as const

const BATCH = 500
const PAGE = 1000

async function matching(store: Operating, filter: Filter): Promise<Entry[]> {
  const found = new Map<string, Entry>()
  for (let offset = 0; ; offset += PAGE) {
    const page = await store.list(filter, { limit: PAGE, offset })
    for (const entry of page) found.set(entry.id, entry)
    if (page.length < PAGE) return [...found.values()]
  }
}

async function move(
  store: Operating,
  { action, isApproved }: Plan,
  entries: readonly Entry[],
  by: string,
  reason: string | null,
): Promise<Moved[]> {
  const chosen: Chosen = entries.map(({ id, revision }) => ({ id, revision }))
  if (action === 'redrive') return await store.redrive(chosen, by, reason, isApproved)
  if (action === 'retry-now') return await store.retryNow(chosen, by, reason)
  return await store.discard(chosen, by, reason ?? '')
}
