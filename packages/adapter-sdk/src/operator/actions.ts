/** Actions of people on submissions, for the page and the command line: first planned, then carried out. */
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Entry, Filter } from '../store/entry.ts'
import { pausedForms } from '../store/pauses.ts'
import type { Chosen, Moved, Operating, Position, Walked } from '../store/store.ts'

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
  /** The revision of the one that is named, as it was shown. */
  readonly revision?: number | undefined
  /** What a filter matched when it was shown: what has changed since is left out. */
  readonly shown?: { readonly count: number; readonly until: number } | undefined
}

/** What an action would do. Nothing has been changed. */
export interface Plan {
  readonly action: ActionName
  readonly request: ActionRequest
  /** How many it would be done to. */
  readonly count: number
  /** The first of these, up to 1000. */
  readonly entries: readonly Entry[]
  /** Of these: uncertain ones that a person decides on, since no case system is asked first. Each may make a second case. */
  readonly doubtful: number
  /** Of these: uncertain ones whose form asks the case system first. */
  readonly askedFirst: number
  /** Of these: with a file missing. */
  readonly missingFiles: number
  readonly leftOut: LeftOut
  /** Whether a person decides, so that a reason is required. */
  readonly needsReason: boolean
  readonly isApproved: boolean
  /** Forms of these that are paused: no attempt starts until they are resumed. None for a discard, which needs no attempt. */
  readonly paused: readonly string[]
  /** Uncertain ones of these forms are asked for first. */
  readonly asking: ReadonlySet<string>
  /** When the last of all that match changed, by the store's clock: what has changed later is left out. */
  readonly until: number
  /** When it was planned. */
  readonly at: number
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

/** Looks for what an action would do. What the forms can do is what adapters recorded at their start. */
export async function planned(store: Operating, request: ActionRequest): Promise<Plan> {
  const { action, isNamed = false, includeUncertain = false, seen, shown } = request
  const forms = await store.forms()
  const asking = new Set(forms.filter(({ asksFirst }) => asksFirst).map(({ name }) => name))
  const pausing = new Set(action === 'discard' ? [] : pausedForms(forms).map(({ form }) => form))
  const paused = new Set<string>()
  const at = Date.now()
  const entries: Entry[] = []
  let [count, uncertain, doubtful, askedFirst, missingFiles, changed, found, until] = [0, 0, 0, 0, 0, 0, 0, 0]
  for await (const step of matching(store, request, shown?.until)) {
    until = Math.max(until, step.latest)
    for (const entry of step.entries) {
      const kind = kindOf(entry, request, asking, at)
      if (kind === 'due') continue
      found += 1
      if (kind === 'changed') changed += 1
      else if (kind === 'uncertain') uncertain += 1
      else {
        count += 1
        if (pausing.has(entry.form)) paused.add(entry.form)
        if (entry.missingFiles > 0) missingFiles += 1
        if (entries.length < MOST_SHOWN) entries.push(entry)
        if (kind === 'asked first') askedFirst += 1
        else if (kind === 'doubtful') doubtful += 1
      }
    }
  }
  // Rows that were shown, and are not in this state any more.
  changed += Math.max(0, (seen?.size ?? shown?.count ?? 0) - found)
  return {
    action,
    request,
    count,
    entries,
    doubtful,
    askedFirst,
    missingFiles,
    leftOut: { uncertain, changed },
    needsReason: action === 'discard' || doubtful > 0 || (isNamed && askedFirst > 0),
    isApproved: isNamed || includeUncertain,
    paused: [...paused].sort(),
    asking,
    until: shown?.until ?? until,
    at,
  }
}

/** Most submissions that a plan lists. */
export const MOST_SHOWN = 1000

type Kind = 'certain' | 'asked first' | 'doubtful' | 'uncertain' | 'changed' | 'due'

function kindOf(entry: Entry, request: ActionRequest, asking: ReadonlySet<string>, at: number): Kind {
  const { action, isNamed = false, includeUncertain = false, seen, revision } = request
  // What is due already needs no help; what is not settled cannot have any.
  if (action === 'retry-now' && !isNamed && Date.parse(entry.dueAt ?? '') <= Math.max(at, settled(entry))) return 'due'
  if (
    (seen !== undefined && seen.get(entry.id) !== entry.revision) ||
    (revision ?? entry.revision) !== entry.revision
  ) {
    return 'changed'
  }
  if (!entry.uncertain) return 'certain'
  if (action !== 'discard' && asking.has(entry.form)) return 'asked first'
  return isNamed || includeUncertain ? 'doubtful' : 'uncertain'
}

function settled({ uncertain, settlesAt }: Entry): number {
  return uncertain && settlesAt !== null ? Date.parse(settlesAt) : 0
}

/** Who does it, and why. */
export interface OnRecord {
  readonly by: string
  readonly reason: string | null
}

/**
 * Does what was planned, in batches of a few hundred rows, each on record with it. May be cut short anywhere: what is done
 * stays done, and repeating the action does the rest. `onBatch`: called after each batch with its size.
 * @throws {AdapterError} ERR_REASON_INVALID: a reason is needed, or is too long.
 */
export async function carriedOut(
  store: Operating,
  emit: Emit,
  plan: Plan,
  { by, reason }: OnRecord,
  signal?: AbortSignal,
  onBatch?: (count: number) => void,
): Promise<Done> {
  const why = reason === null ? null : cleaned(reason) || null
  const problem = reasonProblem(why ?? '', plan.needsReason)
  if (problem !== undefined) throw new AdapterError('ERR_REASON_INVALID', problem)
  const who = cleaned(by)
  const { leftOut } = plan
  let [count, settling, until] = [0, 0, '']
  let tried = 0
  for await (const batch of matchedBy(store, plan)) {
    if (signal?.aborted === true) break
    const moved = await move(store, plan, batch, who, why)
    tried += batch.length
    onBatch?.(batch.length)
    count += moved.length
    for (const { form, submissionId, uncertain, dueAt } of moved) {
      emit({ event: EVENTS[plan.action], form, submissionId, by: who })
      if (!uncertain || dueAt === null || Date.parse(dueAt) <= Date.now()) continue
      settling += 1
      if (dueAt > until) until = dueAt
    }
  }
  const remaining = signal?.aborted === true ? plan.count - tried : 0
  return {
    count,
    leftOut: { ...leftOut, changed: leftOut.changed + plan.count - count - remaining },
    settling: settling === 0 ? null : { count: settling, until },
    remaining,
  }
}

/** What a plan is for, a few hundred at a time, up to its count. What has changed since is left out. */
export async function* matchedBy(store: Operating, plan: Plan): AsyncGenerator<readonly Entry[]> {
  let left = plan.count
  for await (const step of matching(store, plan.request, plan.until)) {
    const wanted = step.entries.filter((entry) => ACTED_ON.includes(kindOf(entry, plan.request, plan.asking, plan.at)))
    if (wanted.length > 0) yield wanted.slice(0, left)
    left -= Math.min(left, wanted.length)
    if (left === 0) return
  }
}

const ACTED_ON: readonly Kind[] = ['certain', 'asked first', 'doubtful']

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

/** Rows a step: few enough for one short transaction. */
const BATCH = 500

/** All that matches, a step at a time: never more in memory, however many there are. `until`: only what has not changed since. */
async function* matching(
  store: Operating,
  { action, filter }: ActionRequest,
  until: number | undefined,
): AsyncGenerator<Pick<Walked, 'entries' | 'latest'>> {
  const state = STATE_OF[action]
  let after: Position | null = null
  do {
    const step: Walked = await store.walk(state, filter, { limit: BATCH, after, until })
    yield step
    after = step.next
  } while (after !== null)
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
