/** Reads a FHIR Parameters resource that was parsed from JSON or XML. */
import { isObject } from '../strict-json.ts'

/** The value of an identifier parameter: `valueIdentifier.value` of the parameter with this name. */
export function parameterIdentifier(body: unknown, name: string): string | undefined {
  const identifier = parameter(body, name)?.['valueIdentifier']
  const value = isObject(identifier) ? identifier['value'] : undefined
  return typeof value === 'string' ? value : undefined
}

/** The parameter with this name. */
export function parameter(body: unknown, name: string): Record<string, unknown> | undefined {
  const parameters = isObject(body) ? body['parameter'] : undefined
  return (Array.isArray(parameters) ? parameters : [parameters]).filter(isObject).find((one) => one['name'] === name)
}
