/** How many submissions are in which state, with paused forms and what waits for its files: for `stats` and `watch`. */
import type { Counts, WaitingForFiles } from '../store/entry.ts'
import { pausedForms } from '../store/pauses.ts'
import type { Operating } from '../store/store.ts'
import { pauseText } from './pauses.ts'
import { second, statsText } from './text.ts'
import { folded, type Page, printable } from './text-table.ts'

/** What there is at one moment. */
export interface Stats extends Counts {
  readonly pausedForms: ReturnType<typeof pausedForms>
  readonly waitingForFiles: readonly WaitingForFiles[]
}

/** Looks at the store. */
export async function readStats(store: Operating): Promise<Stats> {
  const [counts, waitingForFiles, forms] = await Promise.all([store.counts(), store.waitingForFiles(), store.forms()])
  return { ...counts, pausedForms: pausedForms(forms), waitingForFiles }
}

/** As text for operators. */
export function allStatsText(stats: Stats, page: Page): string {
  const pauses = stats.pausedForms.map((each) => printable(pauseText(each, second)))
  return [
    statsText(stats, stats.waitingForFiles, page),
    ...pauses.map((text) => folded(text, page.width ?? Number.POSITIVE_INFINITY).join('\n')),
  ].join('\n\n')
}
