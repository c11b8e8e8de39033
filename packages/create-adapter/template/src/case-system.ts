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

/** Creates one case for each key. Returns its number, or `undefined` when the case system refuses it. */
export async function openCase(newCase: NewCase, signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted()
  const known = cases.get(newCase.key)
  if (known !== undefined) return known
  const number = `C-${cases.size + 1}`
  cases.set(newCase.key, number)
  return number
}

const cases = new Map<string, string>()
