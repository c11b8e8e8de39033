/** Your case system. This one keeps cases in memory: replace it with a call to your own. */

/** What the case system needs for a new case. */
export interface NewCase {
  /** The idempotency key. A repeated submission has the same key, so the case system can create one case for it. */
  readonly key: string
  readonly name: string
  readonly complaint: string
  readonly date: string | undefined
  /** Links to the files. They work for days. */
  readonly files: readonly string[]
}

/** What the case system answered. */
export interface Answer {
  /** It refused the case with a 4xx that repeating does not change: it made none. Not for 408, 425 and 429. */
  readonly refused: boolean
  /** The number of the case. Absent, although it was not refused: it may have made one. */
  readonly number?: string
}

/** Creates one case for each key. Throws when the case system cannot be reached, or fails. */
export async function openCase(newCase: NewCase, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted()
  const known = cases.get(newCase.key)
  if (known !== undefined) return { refused: false, number: known }
  const number = `C-${cases.size + 1}`
  cases.set(newCase.key, number)
  return { refused: false, number }
}

const cases = new Map<string, string>()
