/** Finds whose data a resource is about: the identifiers of patients, and references to them. */
import { isObject } from '../strict-json.ts'
import { isText, listOf } from './identifiers.ts'

/**
 * The identifiers (`system|value`) of the parameters and patients of a resource that was parsed from JSON or XML, and its
 * references to patients, each once.
 */
export function identitiesOf(resource: unknown): string[] {
  const found = new Set<string>()
  collect(resource, 0, found)
  return [...found]
}

/** The records of a whole bundle would be as long as the bundle. */
const FOUND_MAX = 20
const DEPTH_MAX = 8

function collect(value: unknown, depth: number, found: Set<string>): void {
  if (depth > DEPTH_MAX || found.size >= FOUND_MAX) return
  if (Array.isArray(value)) {
    for (const item of value) collect(item, depth + 1, found)
  } else if (isObject(value)) {
    if (value['resourceType'] === 'Patient') for (const one of listOf(value['identifier'])) addIdentifier(one, found)
    for (const [name, member] of Object.entries(value)) {
      if (name === 'valueIdentifier' && isObject(member)) addIdentifier(member, found)
      else if (name === 'reference' && isText(member) && PATIENT.test(member)) found.add(member)
      else if (typeof member === 'object') collect(member, depth + 1, found)
    }
  }
}

function addIdentifier({ system, value }: Record<string, unknown>, found: Set<string>): void {
  if (isText(value)) found.add(isText(system) ? `${system}|${value}` : value)
}

const PATIENT = /(^|\/)Patient\/[A-Za-z0-9\-.]{1,64}$/
