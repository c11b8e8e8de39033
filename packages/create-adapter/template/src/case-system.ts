/** Your case system. This one remembers its cases in memory: put your own call in its place. */

export interface NewCase {
  /** The same for everything that is sent twice: a case system that knows it makes one case. */
  readonly key: string
  readonly name: string
  readonly complaint: string
  readonly date: string | undefined
  /** Links from which the case system reads the files, for days. */
  readonly files: readonly string[]
}

/** Makes a case, once for each key; its number, or `undefined` when it is refused. */
export async function openCase(newCase: NewCase, signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted()
  const known = cases.get(newCase.key)
  if (known !== undefined) return known
  const number = `C-${cases.size + 1}`
  cases.set(newCase.key, number)
  return number
}

const cases = new Map<string, string>()
