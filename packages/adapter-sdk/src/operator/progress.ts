/** Shows at a terminal how far something is that takes more than a second. */
import type { Output } from './output.ts'

/** How far something is. */
export interface Progress {
  /** Says that so many more are done. */
  add(count: number): void
  /** Removes the bar. */
  end(): void
}

/** Counts towards a total. The bar appears after a second; without a terminal there is none. */
export function progressOf(
  { progress }: Pick<Output, 'progress'>,
  what: string,
  total: number,
  milliseconds = () => performance.now(),
): Progress {
  const beganAt = milliseconds()
  let [done, shownAt] = [0, Number.NEGATIVE_INFINITY]
  return {
    add(count) {
      done += count
      const now = milliseconds()
      if (progress === undefined || now - beganAt < APPEARS_MILLISECONDS || now - shownAt < EVERY_MILLISECONDS) return
      shownAt = now
      progress(bar(what, done, total))
    },
    end() {
      if (shownAt !== Number.NEGATIVE_INFINITY) progress?.(undefined)
    },
  }
}

/** The bar as one line. */
export function bar(what: string, done: number, total: number): string {
  // Some may have come since they were counted.
  const part = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.floor(part * BAR_WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}] ${Math.floor(part * 100)}%, ${done} of ${total} ${what}`
}

const APPEARS_MILLISECONDS = 1000
const EVERY_MILLISECONDS = 100
const BAR_WIDTH = 30
