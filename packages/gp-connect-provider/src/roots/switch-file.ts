/** Parses the file in which practices and their capabilities are switched on. */
import { memberProblems } from '../members.ts'
import { isObject } from '../strict-json.ts'

/** What is on: by path of the service root, all of it or the named capabilities. What is not named is off. */
export interface SwitchFile {
  /** Who has changed it, for the audit trail. */
  readonly changedBy?: string
  readonly roots: Readonly<Record<string, boolean | readonly string[]>>
}

/** The capabilities of each service root, by its path. */
export type CapabilitiesByRoot = ReadonlyMap<string, ReadonlySet<string>>

/** Parses the text of a file, or returns what is wrong with it. */
export function parseSwitchFile(text: string, known: CapabilitiesByRoot): SwitchFile | readonly string[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return ['the switches are not JSON']
  }
  const problems = problemsOf(value, known)
  // Checked member by member.
  return problems.length === 0 ? (value as SwitchFile) : problems
}

/** Whether the practice, or one of its capabilities, is on. */
export function isOn({ roots }: SwitchFile, path: string, capability: string | undefined): boolean {
  const root = Object.hasOwn(roots, path) ? roots[path] : false
  if (typeof root === 'boolean' || root === undefined) return root === true
  return capability === undefined || root.includes(capability)
}

function problemsOf(value: unknown, known: CapabilitiesByRoot): string[] {
  const problems = memberProblems(value, ['changedBy', 'roots'], 'the switches')
  if (!isObject(value)) return problems
  const { changedBy = '', roots } = value
  if (typeof changedBy !== 'string') problems.push('changedBy of the switches is not a text')
  if (!isObject(roots)) return [...problems, 'roots of the switches is not an object']
  for (const [path, root] of Object.entries(roots)) {
    const capabilities = known.get(path)
    if (capabilities === undefined) problems.push(`the switches have ${path}, which is no service root`)
    else if (typeof root !== 'boolean' && !(Array.isArray(root) && root.every((one) => capabilities.has(one))))
      problems.push(`the switches of ${path} are neither a boolean nor a list of ${[...capabilities].join(', ')}`)
  }
  return problems
}
