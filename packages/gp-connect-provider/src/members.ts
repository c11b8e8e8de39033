/** Finds the members of an object that do not exist. Options may come from JSON, or from JavaScript, which no type checks. */
import { isObject } from './strict-json.ts'

/** One problem for each member that is not known, or one if the value is not an object. */
export function memberProblems(value: unknown, known: readonly string[], of: string): string[] {
  if (!isObject(value)) return [`${of} is not an object`]
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => `the option ${name} of ${of} does not exist`)
}
