/** Finds what a person looks for at a cost that does not grow with what is kept: among the newest, where many may match. */
import type { Entry, Filter } from '../store/entry.ts'
import type { Operating, Page, Position } from '../store/store.ts'

/** What was found. */
export interface Found {
  /** Newest first. */
  readonly entries: readonly Entry[]
  /** How many match, of those that were searched. */
  readonly total: number
  /** Only what was received from here on was searched; null: all that matches was found. */
  readonly searchedFrom: Date | null
}

/** So many of the newest are searched, where many may match. */
export const SEARCHED = 20_000

/** A page of what matches, and how many there are. */
export async function search(store: Operating, filter: Filter, page: Page): Promise<Found> {
  const { bounded, searchedFrom } = await bounds(store, filter)
  return { total: await store.count(bounded), entries: await store.list(bounded, page), searchedFrom }
}

async function bounds(store: Operating, filter: Filter): Promise<{ bounded: Filter; searchedFrom: Date | null }> {
  if (await isFew(store, filter)) return { bounded: filter, searchedFrom: null }
  const { receivedAfter, receivedBefore = LATEST } = filter
  const oldest = await store.receivedBehind(SEARCHED - 1, filter.receivedBefore)
  // There are not that many.
  if (oldest === null) return { bounded: filter, searchedFrom: null }
  const isWithin = receivedAfter !== undefined && receivedAfter >= oldest
  return {
    bounded: { ...filter, byReceipt: true, receivedBefore, receivedAfter: isWithin ? receivedAfter : oldest },
    searchedFrom: isWithin ? null : oldest,
  }
}

/** Whether an index other than that of receipt finds few. */
async function isFew(store: Operating, { id, ids, idPrefix, reference, state }: Filter): Promise<boolean> {
  if (id !== undefined || ids !== undefined) return true
  const lookups: Filter[] = []
  if (idPrefix !== undefined) lookups.push({ idPrefix })
  if (reference !== undefined) lookups.push({ reference })
  if (state === 'dead' || state === 'waiting' || state === 'running') lookups.push({ state })
  for (const lookup of lookups) if ((await store.count(lookup, SEARCHED + 1)) <= SEARCHED) return true
  return false
}

/** Both ends of a time make the index of receipt the one that is read. */
const LATEST = new Date(Date.UTC(9999, 0))

/** All that matches, newest first, a few at a time: never more in memory, however many there are. Each once. */
export async function* everyMatch(store: Operating, filter: Filter): AsyncGenerator<readonly Entry[]> {
  let [after, limit] = [null as Position | null, FEWEST_LOOKED_AT]
  do {
    const { entries, next } = await store.scan(filter, { limit, after })
    if (entries.length > 0) yield entries
    // Where few match, a step may look at more.
    limit = entries.length * 20 < limit ? Math.min(limit * 2, SEARCHED) : FEWEST_LOOKED_AT
    after = next
  } while (after !== null)
}

const FEWEST_LOOKED_AT = 1000
